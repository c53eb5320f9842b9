"""Files that unpack to more than memory holds are refused before they do, with their numbers."""

import bz2
import gzip
import io
import lzma
import re
import time
import tracemalloc
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from widelearn.experiments.errors import InputError
from widelearn.experiments.tables import table as tables

LIMIT = 32 << 20


def npz_bomb(path):
    np.savez_compressed(path, X=np.zeros((1 << 20, 8)), y=np.zeros(1 << 20))


def npz_of_bytes(path):
    """Not an array at all, but as large once it is read."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", bytes(64 << 20))


def parquet_constant(path):
    pq.write_table(pa.table({f"x{j}": pa.array(np.zeros(1 << 19)) for j in range(8)}), path)


def parquet_plain(path):
    table = pa.table({f"x{j}": pa.array(np.zeros(1 << 19)) for j in range(8)})
    pq.write_table(table, path, use_dictionary=False, compression="zstd")


def parquet_text(path):
    """One long text in many rows stands in the file once."""
    column = pa.DictionaryArray.from_arrays(np.zeros(20_000, np.int32), ["long" * 2000])
    pq.write_table(pa.table({"text": column.dictionary_decode(), "y": np.arange(20_000)}), path)


def parquet_lists(path):
    values = pa.array(np.zeros(1 << 23, np.int8))
    lists = pa.ListArray.from_arrays([0, 1 << 23], values)
    pq.write_table(pa.table({"a": lists, "y": [1.0]}), path)


def text(path, pack):
    with pack(path, "wb") as stream:
        stream.write(b"a,b\n")
        for _ in range(64):
            stream.write(b"1,2\n" * (1 << 18))


BOMBS = {
    "a.npz": npz_bomb,
    "b.npz": npz_of_bytes,
    "a.parquet": parquet_constant,
    "b.parquet": parquet_plain,
    "c.parquet": parquet_text,
    "d.parquet": parquet_lists,
    "a.csv.gz": lambda path: text(path, gzip.open),
    "a.csv.bz2": lambda path: text(path, bz2.open),
    "a.csv.xz": lambda path: text(path, lzma.open),
    "a.csv": lambda path: text(path, open),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_by_their_numbers(tmp_path, monkeypatch, name):
    path = tmp_path / name
    BOMBS[name](path)
    assert path.stat().st_size < 1 << 20 or name == "a.csv"
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", str(LIMIT))
    before = pa.default_memory_pool().bytes_allocated()
    tracemalloc.start()
    started = time.monotonic()
    with pytest.raises(MemoryError) as caught:
        tables.read(path)
    elapsed = time.monotonic() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    message = str(caught.value)
    assert str(path) in message
    assert str(LIMIT) in message
    need = int(re.search(r"\((\d+) bytes\)", message)[1])
    assert need > LIMIT
    assert peak < LIMIT
    # What was read of the dictionary lives as long as the error.
    assert pa.default_memory_pool().bytes_allocated() <= before + (1 << 20)
    assert elapsed < 10


def header(shape, dtype="<f8", version=(1, 0)):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    text = stream.getvalue()
    return text[:6] + bytes(version) + text[8:]


@pytest.mark.parametrize(
    "content",
    [
        header((1 << 40,)),
        header((1 << 62, 1 << 62)),
        header((1 << 33, 0, 1)) + b"",
        header((-5,)),
        header((10,), version=(3, 0)),
        header((10,), version=(9, 9)),
        b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535,
        b"\x93NUMPY\x01\x00v\x00" + b"(" * 118,
        b"",
        b"x" * 100,
    ],
)
def test_headers_that_lie(tmp_path, content):
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("X.npy", content)
    started = time.monotonic()
    with pytest.raises((InputError, MemoryError), match=r"t\.npz"):
        tables.read(tmp_path / "t.npz")
    assert time.monotonic() - started < 5


def test_an_encrypted_archive_is_refused(tmp_path):
    np.savez(tmp_path / "t.npz", X=np.zeros((4, 2)))
    raw = bytearray((tmp_path / "t.npz").read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(mark) + place] |= 1
    (tmp_path / "t.npz").write_bytes(raw)
    with pytest.raises(InputError, match="encrypted"):
        tables.read(tmp_path / "t.npz")


def test_what_fits_is_read_as_before(tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    words = random.choice(["é", "", "long" * 50, "x\x1by"], 3000)
    frame = pd.DataFrame({"a": random.normal(size=3000), "t": words, "n": random.integers(9, size=3000)})
    frame.loc[::7, "t"] = None
    frame["c"] = frame["t"].astype("category")
    frame["when"] = pd.Timestamp("2020-01-01")
    frame["l"] = [[1, 2]] * 3000
    frame["b"] = frame["n"] > 4
    frame["raw"] = [b"bytes"] * 3000
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=700)
    true = pq.ParquetFile(tmp_path / "t.parquet").read().to_pandas(ignore_metadata=True)
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "16M")
    found = tables.read(tmp_path / "t.parquet").frame
    pd.testing.assert_frame_equal(found, true)
    for name, pack in (("t.csv", open), ("t.csv.gz", gzip.open), ("t.csv.xz", lzma.open)):
        with pack(tmp_path / name, "wt") as stream:
            frame[["a", "n"]].to_csv(stream, index=False)
        pd.testing.assert_frame_equal(tables.read(tmp_path / name).frame.apply(pd.to_numeric), frame[["a", "n"]])

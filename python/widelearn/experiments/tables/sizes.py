"""How many bytes a table's file unpacks to, held against the memory budget before they are made."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from widelearn.experiments.errors import InputError, first_line
from widelearn.runtime import check_memory
from widelearn.runtime.array_headers import read_header

if TYPE_CHECKING:
    import pyarrow as pa

# Bytes that are held at once for a byte of text and for a cell of the table: as measured, buffers of pandas included.
HELD_BY_BYTE, HELD_BY_CELL = 9, 80
SEPARATORS = (b",", b";", b"\t", b"|")
OPENERS: dict[str, Callable[..., IO[bytes]]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}  # type: ignore[dict-item]
STEP = 1 << 18
# Bytes of one value of a Parquet column once it is read.
WIDTHS = {"BOOLEAN": 1, "INT32": 8, "INT64": 8, "INT96": 8, "FLOAT": 8, "DOUBLE": 8, "BYTE_ARRAY": 64}
REMEDY = "Take fewer rows or columns, or raise the limit."


def read_text(path: Path, packed: str = "") -> bytes:
    """Read text, compressed or not ("-": standard input), in steps that fit into memory with all that follows."""
    if not packed and str(path) != "-":
        _check(path, HELD_BY_BYTE * path.stat().st_size)
    parts: list[bytes] = []
    total = cells = checked = 0
    with contextlib.ExitStack() as stack:
        stream = sys.stdin.buffer if str(path) == "-" else stack.enter_context(OPENERS.get(packed, open)(path, "rb"))
        try:
            while part := stream.read(STEP):
                parts.append(part)
                total += len(part)
                cells += part.count(b"\n") + max(part.count(mark) for mark in SEPARATORS)
                if total >= 1.25 * checked:
                    _check(path, HELD_BY_BYTE * total + HELD_BY_CELL * cells, " (more is to come)")
                    checked = total
        except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
            if not packed or isinstance(error, PermissionError):
                raise
            raise InputError(f"{path} is not {packed} compressed data: {first_line(error)}") from error
    _check(path, HELD_BY_BYTE * total + HELD_BY_CELL * cells)
    return b"".join(parts)


def check_workbook(path: Path) -> None:
    """Refuse a workbook whose sheets do not fit into memory: a cell of 20 bytes of XML is held as 250."""
    with zipfile.ZipFile(path) as archive:
        _check(path, 12 * sum(info.file_size for info in archive.infolist() if info.filename.endswith(".xml")))


def check_npz(path: Path) -> None:
    """Refuse an archive whose arrays do not fit into memory, or whose headers promise more than the archive holds."""
    total = 0
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.filename.endswith(".npy"):
                total += _array_bytes(path, archive, info)
            # Anything else would be read as bytes.
            total += info.file_size
    _check(path, total)


def _array_bytes(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Return the bytes of a frame's columns, twice, that an array will be."""
    name = info.filename.removesuffix(".npy")
    with archive.open(info) as member:
        shape, _, dtype = read_header(member, name)
    count = 1
    for length in shape:
        count *= length
    if dtype.hasobject:
        raise ValueError(f"array {name!r} holds Python objects, never loaded: save numbers or text")
    if count * dtype.itemsize > info.file_size:
        raise ValueError(
            f"the array {name} is damaged: it promises {count * dtype.itemsize} bytes and has {info.file_size}"
        )
    # Rows without columns are counted, too.
    count = max(count, *shape, 0)
    return 2 * count * max(8, dtype.itemsize * (4 if dtype.kind == "S" else 1))


def read_parquet(path: Path) -> pa.Table:
    """Read a Parquet file whose values, and then whose texts, fit into memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        meta, schema = file.metadata, file.schema_arrow
    groups = [meta.row_group(i) for i in range(meta.num_row_groups)]
    chunks = [group.column(j) for group in groups for j in range(meta.num_columns)]
    values = sum(chunk.num_values * WIDTHS.get(chunk.physical_type, 64) for chunk in chunks)
    _check(
        path, 2 * max(values, meta.num_rows * 8 * len(schema), sum(chunk.total_uncompressed_size for chunk in chunks))
    )
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    texts = [field.name for field in schema if any(test(field.type) for test in kinds)]
    # A text that is repeated stands in the file once: only with its dictionary can the whole be counted.
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        table = file.read()
    repeated = [j for j, field in enumerate(schema) if field.name in texts]
    _check(path, 2 * sum(_text_bytes(table.column(j)) for j in repeated) + table.nbytes)
    for j in repeated:
        table = table.set_column(j, schema.field(j), table.column(j).cast(schema.field(j).type))
    return table


def _text_bytes(column: Any) -> int:
    """Return the bytes of the texts of a column that is a dictionary and places in it."""
    from pyarrow import compute

    total = 0
    for chunk in column.chunks:
        if hasattr(chunk, "dictionary"):
            lengths = compute.binary_length(chunk.dictionary).take(chunk.indices)
            total += compute.sum(compute.cast(lengths, "int64")).as_py() or 0
    return total


def _check(path: Path, need: int, how: str = "") -> None:
    check_memory(need, f"Reading {path}{how}", REMEDY)

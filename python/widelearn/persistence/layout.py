"""The bytes of a file: a mark, a header of JSON with its digest, and arrays as they are in memory.

=========  ====================================================
bytes      what
=========  ====================================================
8          the mark
8          the length of the header, little-endian
32         the SHA-256 of the header
...        the header, JSON in ASCII
...        the arrays, each after zeros up to a multiple of 64
=========  ====================================================

Nothing is compressed, so that a file of n bytes makes arrays of less than n bytes; and the header says how long all of
it is, so that one that was cut is told from its length.
"""

import hashlib
import json
import math
import os
import re
from typing import IO, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from widelearn.runtime import Array, check_memory
from widelearn.runtime.whole_files import opened_regular

MARK = b"\x89WLM\r\n\x1a\n"
ALIGNED = 64
START = len(MARK) + 8 + 32
# Bytes that a parsed header may hold for each of its own: an object of JSON of 8 bytes becomes a dictionary of 232.
PARSED = 40
TYPE = re.compile(r"[<>|][biufcUSmM]\d{1,9}(\[[a-zA-Z0-9/]{1,12}\])?")
MOST_AXES = 32
# The last code of a letter.
LAST_LETTER = 0x10FFFF


def dtype_of(said: Any) -> np.dtype[Any]:
    """Return the type of an array that a text names, one of numbers, texts or times."""
    if not isinstance(said, str) or TYPE.fullmatch(said) is None:
        raise ValueError(f"{str(said)[:100]!r} is no type of an array")
    try:
        return np.dtype(said)
    except TypeError as error:
        raise ValueError(f"{said!r} is no type of an array") from error


def lengths_of(said: Any) -> tuple[int, ...]:
    """Return the shape of an array."""
    right = isinstance(said, list) and len(said) <= MOST_AXES and all(type(one) is int and one >= 0 for one in said)
    if not right:
        raise ValueError(f"{str(said)[:100]} is no shape of an array")
    return tuple(said)


def write(stream: IO[bytes], header: dict[str, Any], arrays: list[Array]) -> None:
    """Write a header, to which what tells the arrays is added, and the arrays."""
    described = [
        {"dtype": array.dtype.str, "shape": list(array.shape), "order": order_of(array), "sha256": digest(array)}
        for array in arrays
    ]
    said = json.dumps(header | {"arrays": described}, allow_nan=False, separators=(",", ":")).encode("ascii")
    stream.write(MARK + len(said).to_bytes(8, "little") + hashlib.sha256(said).digest() + said)
    place = START + len(said)
    for array in arrays:
        stream.write(bytes(-place % ALIGNED))
        stream.write(content_of(array).data)
        place += -place % ALIGNED + array.nbytes


def order_of(array: Array) -> str:
    """Return the order in which an array is written: its own where it has one."""
    return "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"


def content_of(array: Array) -> NDArray[np.uint8]:
    """Return the bytes of an array."""
    if array.nbytes == 0:
        return np.empty(0, np.uint8)
    return np.ascontiguousarray(array.T if order_of(array) == "F" else array).reshape(-1).view(np.uint8)


def digest(array: Array) -> str:
    """Return the digest of an array's bytes."""
    return hashlib.sha256(content_of(array).data).hexdigest()


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], list[Array]]:
    """Return the header and the arrays of a file, whose lengths and digests are checked before and after.

    Raises
    ------
    ValueError
        It is no such file, or was cut or changed; the message says where.
    MemoryError
        It does not fit.
    """
    with opened_regular(path) as (stream, size):
        said = header_of(stream, size)
        place, wanted = stream.tell(), []
        for number, about in enumerate(described(said)):
            kind, shape, order, sha256 = about
            length = math.prod(shape) * kind.itemsize
            place += -place % ALIGNED
            wanted.append((number, kind, shape, order, sha256, place, length))
            place += length
        if place != size:
            raise ValueError(f"it has {size} bytes, and {place} by its header: it was cut, or others were added")
        check_memory(size, f"The model {path}", "Load it on a larger machine.")
        return said, [array_of(stream, *one) for one in wanted]


def header_of(stream: IO[bytes], size: int) -> dict[str, Any]:
    """Return the header of a file of some bytes."""
    start = stream.read(START)
    if not start.startswith(MARK):
        raise ValueError("it does not begin as one does")
    length = int.from_bytes(start[len(MARK) : len(MARK) + 8], "little")
    if len(start) < START or length > size - START:
        raise ValueError(f"it has {size} bytes, less than its header promises: it was cut")
    check_memory(PARSED * length, "The header of the model", "Load it on a larger machine.")
    said = stream.read(length)
    if hashlib.sha256(said).digest() != start[len(MARK) + 8 :]:
        raise ValueError("its header was changed, the digest differs")
    try:
        found = json.loads(said.decode("ascii"), parse_constant=refuse_constant)
    except RecursionError as error:
        raise ValueError("its header is too deep") from error
    if not isinstance(found, dict):
        raise ValueError("its header is no object of JSON")
    return found


def refuse_constant(said: str) -> NoReturn:
    """Refuse what JSON does not know as a number."""
    raise ValueError(f"{said} is no number of JSON")


def described(header: dict[str, Any]) -> list[tuple[np.dtype[Any], tuple[int, ...], str, str]]:
    """Return type, shape, order and digest of each array that a header promises."""
    arrays = header.get("arrays")
    if not isinstance(arrays, list):
        raise ValueError("its header tells of no arrays")
    found = []
    for about in arrays:
        if not isinstance(about, dict) or about.get("order") not in ("C", "F"):
            raise ValueError("an array in its header has no order")
        kind, shape = dtype_of(about.get("dtype")), lengths_of(about.get("shape"))
        found.append((kind, shape, about["order"], str(about.get("sha256"))))
    return found


def array_of(
    stream: IO[bytes],
    number: int,
    kind: np.dtype[Any],
    shape: tuple[int, ...],
    order: str,
    wanted: str,
    place: int,
    length: int,
) -> Array:
    """Return one array of a file."""
    if any(stream.read(place - stream.tell())):
        raise ValueError(f"what stands before its array {number} was changed")
    flat = np.empty(math.prod(shape), kind)
    content = content_of(flat)
    if stream.readinto(content.data) != length or digest(flat) != wanted:  # type: ignore[attr-defined]
        raise ValueError(f"its array {number} was changed, the digest differs")
    if kind.kind == "U" and length and content.view(np.uint32).max() > LAST_LETTER:
        raise ValueError(f"its array {number} holds what are no letters")
    return flat.reshape(shape, order=order)  # type: ignore[call-overload]

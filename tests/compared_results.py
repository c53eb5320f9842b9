"""Results of a comparison as results.json holds them, by hand: hostile names, a failed method, every section."""

from typing import Any

HOSTILE = "<script>alert('x')</script>"
CLASSES = [HOSTILE, 'b"&amp;', "数 $\\frac{1}$"]


def row(model: str, cv: float | None, score: float | None, **more: Any) -> dict[str, Any]:
    """Return the row of a method; one without scores failed."""
    failed = score is None
    found: dict[str, Any] = {
        "model": model,
        "package": "scikit-learn" if model.startswith(("sklearn_", "dummy")) else "widelearn",
        "cv_score": cv,
        "cv_se": None if failed else 0.011,
        "score": score,
        "score_se": None if failed else 0.012,
        "interval": None if failed else [score - 0.024, score + 0.024],
        "scores": {} if failed else {"accuracy": score, "balanced_accuracy": score - 0.01, "auc": None},
        "scores_se": {} if failed else {"accuracy": 0.012, "balanced_accuracy": 0.015, "auc": None},
        "difference": None,
        "over_dummy": None,
        "settings": 30,
        "edge": [],
        "tune_s": 3.5,
        "fit_s": 0.25,
        "predict_s": 0.01,
        "total_s": 3.76,
        "peak_bytes": None if failed else 52_428_800,
        "params": None if failed else {"depth": 2, "alpha": 0.01},
        "n_used": None if failed else 375,
        "stopped": False,
        "weighted": True,
        "repeats": [] if failed else [{"seed": 0, "cv_score": cv, "score": score, "params": {"depth": 2}}],
        "error": "ValueError: <b>no</b>" if failed else None,
    }
    return found | more


def pair(value: float, se: float) -> dict[str, float]:
    return {"value": value, "se": se}


def inspection() -> dict[str, Any]:
    bins = [
        {"low": low, "high": low + 0.2, "probability": low + 0.1, "share": low + 0.12, "lower": low, "upper": low + 0.2}
        for low in (0.2, 0.4, 0.6, 0.8)
    ]
    return {
        "confusion": {"classes": CLASSES, "matrix": [[40, 2, 0], [1, 38, 2], [0, 3, 39]]},
        "residuals": None,
        "calibration": {
            "about": "the probability of the class that is thought the likeliest",
            "error": 0.02,
            "bins": [one | {"rows": 31} for one in bins],
        },
        "importance": [
            {"column": HOSTILE, "value": 0.21, "se": 0.02},
            {"column": "plain", "value": -0.001, "se": 0.004},
        ],
        "importance_about": "fall of the accuracy when a column is shuffled: 5 times, over 125 held-out rows",
        "metric": {"columns": [{"column": HOSTILE, "value": 0.7}, {"column": "plain", "value": 0.3}], "about": "M"},
    }


def classification() -> dict[str, Any]:
    """Return what a comparison of five methods on a table of hostile names found."""
    zero = pair(0.0, 0.0)
    rows = [
        row("linear", 0.80, 0.79, difference=pair(-0.14, 0.03), over_dummy=pair(0.45, 0.04)),
        row("ntk", 0.94, 0.93, difference=zero, over_dummy=pair(0.59, 0.04), edge=["alpha"]),
        row("rbf", 0.93, 0.936, difference=pair(0.006, 0.01), over_dummy=pair(0.596, 0.04), stopped=True),
        row("taylor", None, None),
        row("dummy", 0.34, 0.34, difference=pair(-0.59, 0.04), over_dummy=zero, settings=1, params={}),
    ]
    column = {"name": HOSTILE, "kind": "number", "marks": "decimal point", "missing": 3, "distinct": 90}
    return {
        "schema": "widelearn-compare/2",
        "question": {"target": "y", "models": [one["model"] for one in rows], "versions": {"numpy": "2"}},
        "task": "classification",
        "metric": "accuracy",
        "greater_is_better": True,
        "data": {
            "name": f"{HOSTILE}$\\frac{{$.csv",
            "target": "y",
            "n_rows": 510,
            "n_used": 500,
            "n_columns": 2,
            "n_features": 4,
            "classes": CLASSES,
            "class_counts": {CLASSES[0]: 168, CLASSES[1]: 164, CLASSES[2]: 168},
            "notes": [f"dropped: {HOSTILE}"],
            "columns": [column | {"done": "standardised", "examples": ["1", "2", HOSTILE]}],
            "reading": {"sep": ",", "decimal": ".", "encoding": "utf-8"},
            "warnings": [{"kind": "leak", "column": HOSTILE, "text": f"{HOSTILE} alone tells the target"}],
        },
        "seed": 0,
        "repeat": 1,
        "split": {"kind": "stratified", "n_train": 375, "n_test": 125, "test_size": 0.25, "folds": 5, "n_tune": 375},
        "versions": {"widelearn": "1", "numpy": "2"},
        "machine": {"cpus": 2, "threads": None},
        "seconds": 20.5,
        "chosen": "ntk",
        "dummy": "dummy",
        "rows": rows,
        "inspection": inspection(),
        "forecast": None,
        "reproduce": {"command": f"widelearn compare '{HOSTILE}.csv' --target y", "python": "import widelearn as wl\n"},
    }


def regression() -> dict[str, Any]:
    """Return the same of a regression by its root mean square error, where less is better."""
    results = classification()
    rows = [
        row("ntk", 2.1, 2.2, difference=pair(0.0, 0.0), over_dummy=pair(-6.5, 0.4)),
        row("sklearn_random_forest", 2.4, 2.6, difference=pair(0.4, 0.1), over_dummy=pair(-6.1, 0.4)),
        row("dummy", 8.6, 8.7, difference=pair(6.5, 0.4), over_dummy=pair(0.0, 0.0)),
    ]
    for one in rows:
        one |= {"interval": None, "scores": {"r2": 0.9, "rmse": one["score"], "mae": 1.0}, "scores_se": {"rmse": 0.1}}
    points = [{"truth": float(k), "prediction": k + 0.5 * (-1) ** k} for k in range(40)]
    about = {"mean": 0.01, "quantiles": {"0.05": -0.5, "0.5": 0.0, "0.95": 0.5}, "rows": 125, "points": points}
    results["data"] |= {"classes": None, "class_counts": None, "warnings": []}
    results["inspection"] |= {"confusion": None, "calibration": None, "residuals": about, "metric": None}
    more = {"task": "regression", "metric": "rmse", "greater_is_better": False, "rows": rows, "repeat": 3}
    results["split"] |= {"kind": "random"}
    return results | more

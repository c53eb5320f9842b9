"""Tell what each estimator can do, from its tags, signatures and methods, and where those say nothing from a trial."""

import inspect
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils.validation import has_fit_parameter

import widelearn as wl

# An estimator that needs functions of a model of yours is not among those to choose from.
OF_YOUR_MODEL = ("LinearizedRidge", "TaylorizedRidge")
NAMES = tuple(
    name
    for name in wl.estimators.__all__
    if inspect.isclass(getattr(wl.estimators, name)) and name not in OF_YOUR_MODEL
)


def small(name: str, **parameters: Any) -> BaseEstimator:
    """Return an estimator of small size, so that trials take little."""
    cls = getattr(wl, name)
    known = inspect.signature(cls).parameters
    sizes = {"width": 8, "max_iter": 5, "random_state": 0}
    if "features" in known:
        sizes["features"] = wl.RandomFeatures(16, random_state=0)
    # Conjugate gradients and Taylor models would warn that five iterations are few.
    keep = {key: value for key, value in sizes.items() if key in known and (key != "max_iter" or "width" in known)}
    return cls(**keep | parameters)


def rows(name: str, dtype: type = np.float64, n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Return rows with targets, or with two classes."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 3)).astype(dtype)
    y = (X[:, 0] + 0.3 * rng.standard_normal(n)).astype(dtype)
    return X, (y > 0).astype(int) if is_classifier(small(name)) else y


def works(call: Callable[[], Any]) -> bool:
    """Whether a call is not refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call()
        except (TypeError, ValueError, AttributeError, NotImplementedError):
            return False
    return True


def takes_dask(name: str) -> bool:
    """Fit Dask arrays; kernel ridge takes them by its solver `nystrom`."""
    import dask.array as da

    parameters = {"solver": "nystrom", "n_components": 5} if "solver" in signature(name) and "Kernel" in name else {}
    X, y = (da.from_array(part, chunks=20) for part in rows(name))
    if not works(lambda: small(name, **parameters).fit(X, y)):
        return False
    # What converts a collection into an array in memory gives arrays back.
    return isinstance(small(name, **parameters).fit(X, y).predict(X), da.Array)


def keeps_float32(name: str) -> bool:
    """Fit float32 rows, and see whether predictions are float32; of classes, decisions."""
    X, y = rows(name, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = small(name).fit(X, y)
    ask = next(getattr(model, one) for one in ("decision_function", "predict_proba", "predict") if hasattr(model, one))
    found: np.ndarray = model.predict(X) if not is_classifier(model) else ask(X)
    return found.dtype == np.float32


def is_saved(name: str) -> bool:
    """Save a fitted model and read it back."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"

        def there_and_back() -> None:
            wl.save(small(name).fit(*rows(name)), path)
            wl.load(path)

        return works(there_and_back)


def is_exported(name: str) -> bool:
    """Write a fitted model as ONNX."""
    return works(lambda: wl.to_onnx(small(name).fit(*rows(name))))


def signature(name: str) -> dict[str, inspect.Parameter]:
    """Return the parameters of an estimator."""
    return dict(inspect.signature(getattr(wl, name)).parameters)


def has(method: str) -> Callable[[str], bool]:
    """Return whether an estimator with default parameters has a method, as a function of its name."""
    return lambda name: hasattr(small(name), method)


# What a column is called -> how it is known.
FACTS: dict[str, Callable[[str], bool]] = {
    "sparse rows": lambda name: bool(small(name).__sklearn_tags__().input_tags.sparse),
    "weights": lambda name: has_fit_parameter(small(name), "sample_weight"),
    "several targets": lambda name: bool(small(name).__sklearn_tags__().target_tags.multi_output),
    "`predict_proba`": has("predict_proba"),
    "`predict_set`": has("predict_set"),
    "`predict_interval`": has("predict_interval"),
    "standard deviations": lambda name: "return_std" in inspect.signature(getattr(wl, name).predict).parameters,
    "`partial_fit`": has("partial_fit"),
    "`fit_blocks`": has("fit_blocks"),
    "Dask": takes_dask,
    "stays float32": keeps_float32,
    "callback": lambda name: "callback" in signature(name),
    "`wl.save`": is_saved,
    "ONNX": is_exported,
}


@cache
def facts() -> dict[str, dict[str, bool]]:
    """Return what each estimator can do: name -> column -> whether."""
    return {name: {column: bool(known(name)) for column, known in FACTS.items()} for name in NAMES}


def table() -> str:
    """Return the facts as a table in Markdown: estimators down, what they can do across."""
    head = ["estimator", *FACTS]
    lines = [head, ["---", *[":-:"] * len(FACTS)]]
    lines += [
        [f"{{py:class}}`~widelearn.{name}`", *("✓" if known else "" for known in facts()[name].values())]
        for name in NAMES
    ]
    return "```{rst-class} facts\n```\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def setup(app: Any) -> dict[str, bool]:
    """Write the table before it is included."""
    path = Path(__file__).parents[1] / "reference" / "generated" / "models.md"

    def write(app: Any, config: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(table(), encoding="utf-8")

    app.connect("config-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

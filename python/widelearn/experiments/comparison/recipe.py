"""The lines of Python that fit a comparison's winner again, from its table."""

from __future__ import annotations

import dataclasses
import inspect
import math
from importlib import import_module
from typing import Any

import numpy as np

import widelearn as wl
from widelearn.experiments.comparison.fitted import FittedModel
from widelearn.experiments.tables.dialect import Dialect
from widelearn.experiments.tables.problem import Request

BUILD = ("widelearn.experiments.tables.problem", "Request"), ("widelearn.experiments.tables.problem", "build")


class Code:
    """Write values as Python, and remember what they import."""

    def __init__(self) -> None:
        self.imported: set[tuple[str, str]] = set()

    def value(self, value: Any) -> str:
        """Return an expression that makes a value again; parameters at their defaults are left out."""
        if isinstance(value, np.generic):
            return self.value(value.item())
        if isinstance(value, float) and not math.isfinite(value):
            return f'float("{value}")'
        if isinstance(value, np.ndarray):
            return self.value(value.tolist())
        if isinstance(value, list):
            return f"[{', '.join(map(self.value, value))}]"
        if isinstance(value, tuple):
            return f"({', '.join(map(self.value, value))}{',' * (len(value) == 1)})"
        if isinstance(value, dict):
            return f"{{{', '.join(f'{self.value(key)}: {self.value(one)}' for key, one in value.items())}}}"
        if hasattr(value, "get_params") and not isinstance(value, type):
            return self.call(type(value), value.get_params(deep=False))
        if dataclasses.is_dataclass(value):
            return self.call(type(value), vars(value))
        return repr(value)

    def call(self, kind: type[Any], given: dict[str, Any]) -> str:
        """Return a call of a class with the arguments that are not its defaults."""
        self.imported.add((home(kind), kind.__name__))
        defaults = {name: part.default for name, part in inspect.signature(kind).parameters.items()}
        said = {name: self.value(part) for name, part in given.items()}
        return f"{kind.__name__}({', '.join(f'{k}={v}' for k, v in said.items() if v != self.value(defaults[k]))})"

    def imports(self) -> list[str]:
        """Return the lines that import what was written."""
        found: dict[str, list[str]] = {}
        for module, name in sorted(self.imported):
            found.setdefault(module, []).append(name)
        return [f"from {module} import {', '.join(names)}" for module, names in found.items()]


def home(kind: type[Any]) -> str:
    """Return the shortest module that offers a class."""
    parts = kind.__module__.split(".")
    if parts[0] == "widelearn":
        for room in (wl, wl.kernels):
            if getattr(room, kind.__name__, None) is kind:
                return room.__name__
    for length in range(1, len(parts) + 1):
        module = ".".join(parts[:length])
        if getattr(import_module(module), kind.__name__, None) is kind:
            return module
    return kind.__module__


def lines(
    model: FittedModel,
    file: str | None,
    request: Request,
    asked: Dialect,
    *,
    balanced: bool = False,
    data: str = "digits",
) -> list[str]:
    """Return the lines that fit a saved model again.

    Parameters
    ----------
    model : FittedModel
    file : str or None
        The table; None is `data`, one of scikit-learn.
    request : Request
        What the comparison asked of it.
    asked : Dialect
        What the user said of its reading.
    balanced : bool
        Whether weights made the classes count alike.
    data : str

    Returns
    -------
    list of str
        About ten lines. They end with `prediction`, for all usable rows of the table.
    """
    code, row, numbers = Code(), model.about["row"], model.classes is None
    side, columns = ("N", "native") if model.native else ("X", "transform")
    body = [f"problem = build({_source(code, file, asked, data)}, {code.value(request)})"]
    body.append(f'X, y = problem.arrays["{side}_train"], problem.arrays["y_train"]')
    if request.weight is not None:
        body.append('w = problem.arrays["w_train"]')
    if balanced:
        body += [] if request.weight is not None else ["w = np.ones(len(y))"]
        body.append("codes = y.astype(int)")
        body.append("w = w * w.sum() / (len(set(codes)) * np.bincount(codes, w)[codes])")
    if numbers:
        code.imported.add((home(type(model.scale)), "TargetScale"))
        body.append(f"scale = TargetScale.of(y{', w' if request.weight is not None else ''})")
        body.append("y = scale.forward(y)")
    weighted = row.get("weighted") and (balanced or request.weight is not None)
    rows = '[problem.arrays["some"]]' if (row.get("n_used") or math.inf) < model.about.get("n_train", 0) else ""
    fitted = f"{code.value(model.model)}"
    if weighted:
        code.imported.add(("widelearn.experiments.comparison.plans", "fit_on"))
        body.append(f"model = fit_on({fitted}, X{rows}, y{rows}, w{rows})")
    else:
        body.append(f"model = {fitted}.fit(X{rows}, y{rows})")
    said = f"model.predict(problem.preparation.{columns}(problem.raw))"
    back = f"scale.back({said})" if numbers else f"[problem.classes[int(code)] for code in {said}]"
    return [*["import numpy as np"] * balanced, *code.imports(), "", *body, f"prediction = {back}"]


def _source(code: Code, file: str | None, asked: Dialect, data: str) -> str:
    """Return the call that reads the table."""
    code.imported |= set(BUILD)
    source = "builtin" if file is None else "read"
    code.imported.add(("widelearn.experiments.tables.table", source))
    if file is None or asked == Dialect():
        return f"{source}({(data if file is None else file)!r})"
    return f"{source}({file!r}, {code.value(asked)})"

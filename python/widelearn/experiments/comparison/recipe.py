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


def lines(model: FittedModel, file: str | None, request: Request, asked: Dialect, data: str = "digits") -> list[str]:
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
    data : str

    Returns
    -------
    list of str
        About ten lines. They end with `prediction`, for all usable rows of the table.
    """
    code = Code()
    how = code.value(asked)
    source = "builtin" if file is None else "read"
    code.imported |= {*BUILD, ("widelearn.experiments.tables.table", source)}
    plain = how == "Dialect()"
    table = f"{source}({(data if file is None else file)!r}{'' if plain or file is None else f', {how}'})"
    if plain:
        code.imported.discard((home(Dialect), "Dialect"))
    side, columns = ("N", "native") if model.native else ("X", "transform")
    body = [f"problem = build({table}, {code.value(request)})"]
    body.append(f'X, y = problem.arrays["{side}_train"], problem.arrays["y_train"]')
    weighted = model.about["row"].get("weighted", True) and request.weight is not None
    weights = ', problem.arrays["w_train"]' if request.weight is not None else ""
    numbers = model.classes is None
    if numbers:
        code.imported.add((home(type(model.scale)), "TargetScale"))
        body.append(f"scale = TargetScale.of(y{weights})")
    some = (model.about["row"].get("n_used") or math.inf) < model.about.get("n_train", 0)
    rows = '[problem.arrays["some"]]' if some else ""
    sample = f', sample_weight=problem.arrays["w_train"]{rows}' if weighted else ""
    target = f"scale.forward(y){rows}" if numbers else f"y{rows}"
    body.append(f"model = {code.value(model.model)}")
    body.append(f"model.fit(X{rows}, {target}{sample})")
    said = f"model.predict(problem.preparation.{columns}(problem.raw))"
    if numbers:
        body.append(f"prediction = scale.back({said})")
    else:
        body.append(f"prediction = [problem.classes[int(code)] for code in {said}]")
    return [*code.imports(), "", *body]

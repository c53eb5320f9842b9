"""The tangent kernel of a two-layer net as the core reads it: inner products of neurons, of slopes and of rows."""

from typing import Any

import numpy as np

from widelearn.kernels import specs
from widelearn.runtime import Array

PARAMETERS = ("W", "b", "a")


def check_parameters(parameters: Any) -> tuple[str, ...]:
    """Return the names of a net's parameters that are trained, each once."""
    names = tuple(parameters) if isinstance(parameters, str | tuple | list) else ()
    known = bool(names) and all(isinstance(name, str) and name in PARAMETERS for name in names)
    if not known or len(set(names)) < len(names):
        raise ValueError(f'parameters must be some of "W", "b" and "a", each once, as "Wba", got {parameters!r}.')
    return names


def tangent_spec(W: Array, b: Array, a: Array, shape: tuple[str, float, float], parameters: Any) -> specs.Kernel:
    """Return (<x, x'> + 1) Σ ‖a_r‖² σ'σ' + c Σ σσ, of which a term stands for each of the parameters."""
    names = check_parameters(parameters)
    W, b, a = (np.require(part, np.float64, ["C", "ALIGNED"]) for part in (W, b, a))
    terms: list[specs.Kernel] = []
    if "W" in names or "b" in names:
        slopes = specs.Layer(W, b, np.linalg.norm(a, axis=1), shape, slopes=True)
        rows = specs.Sum(specs.Linear(), specs.Constant(1.0)) if "b" in names else specs.Linear()
        terms.append(specs.Product(rows, slopes) if "W" in names else slopes)
    if "a" in names:
        terms.append(specs.Layer(W, b, np.full(len(b), a.shape[1] ** 0.5), shape, slopes=False))
    return terms[0] if len(terms) == 1 else specs.Sum(*terms)

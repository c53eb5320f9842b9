"""What a user's callables return: numbers of one of two types, real and finite."""

from typing import Any

import numpy as np

from widelearn.runtime import Array


def numbers(value: Any, name: str) -> Array:
    """Return what a callable returned, or an array, in float32 or float64."""
    found = np.asarray(value)
    if found.dtype.kind == "c":
        raise ValueError(
            f"{name} has complex values, of {found.dtype}: tangent kernels are of real ones. Give real and imaginary"
            " parts as two outputs."
        )
    if found.dtype.kind not in "iufb":
        raise ValueError(f"{name} must have numbers of float32 or float64, got {found.dtype}.")
    if found.dtype in (np.float32, np.float64):
        return found.astype(found.dtype.newbyteorder("="), copy=False)
    return found.astype(np.float32 if found.dtype == np.float16 else np.float64)


def finite(values: Array, name: str) -> Array:
    """Refuse a product that is not finite."""
    if not np.isfinite(values).all():
        raise ValueError(
            f"{name} returned NaN or infinity, at {int(np.sum(~np.isfinite(values)))} of {values.size} places: scale"
            " rows or model down, or mend the model there."
        )
    return values

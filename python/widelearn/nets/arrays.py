"""Arrays of a net: shapes, types and finite values, checked once at the door."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.runtime import check_memory

Array = NDArray[Any]
# Name, parameter, standard deviation of the noise integrated out.
Spec = tuple[str, float, float]

LEAKY_SLOPE = 0.01
SUMS_BYTES = 256 << 20
# Bytes that are not worth asking the system about.
LITTLE = 64 << 20
LOSSES = ("squared", "logistic", "hinge", "softmax")


def checked(dtype: np.dtype[Any] | None = None, **arrays: tuple[Any, tuple[int | str, ...]]) -> list[Array]:
    """Return arrays of one float type, C-contiguous, with the shapes asked for; a letter stands for any length >= 1.

    The first array's type is the type of all. Each `name=(array, shape)`; what must agree has the same letter.

    Raises
    ------
    TypeError
        If an array is not float32 or float64, or not of the type of the others.
    ValueError
        If shapes do not fit or a value is not finite; the core looks at those of `X`.
    """
    found: list[Array] = []
    lengths: dict[str, tuple[int, str]] = {}
    for name, (value, shape) in arrays.items():
        array = np.asarray(value)
        if array.dtype not in (np.float32, np.float64):
            raise TypeError(
                f"{name} must be float32 or float64, got {array.dtype}. Convert it with {name}.astype(float)."
            )
        dtype = dtype or array.dtype
        if array.dtype != dtype:
            raise TypeError(f"{name} is {array.dtype}, the other arrays are {dtype}. Convert them to one type.")
        check_shape(name, array, shape, lengths)
        found.append(np.require(array, requirements=["C", "ALIGNED"]))
        # The core looks at the rows while they are in cache.
        if name != "X":
            check_finite(name, found[-1])
    return found


def check_shape(name: str, array: Array, shape: tuple[int | str, ...], lengths: dict[str, tuple[int, str]]) -> None:
    """Hold an array to a shape, and every letter to the length that it stood for first."""
    letters = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    if array.ndim != len(shape):
        raise ValueError(f"{name} must have the shape {letters}, got {array.shape}.")
    for length, letter in zip(array.shape, shape, strict=True):
        if length == 0:
            raise ValueError(f"{name} has the shape {array.shape}: there is nothing to sum over. Give at least one.")
        wanted, owner = lengths.setdefault(letter, (length, name)) if isinstance(letter, str) else (letter, "the call")
        if length != wanted:
            raise ValueError(
                f"{name} must have the shape {letters} with {letter} = {wanted} as in {owner}, got {array.shape}."
            )


def check_finite(name: str, array: Array) -> None:
    """Refuse infinities and NaN, naming the first."""
    if not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(
            f"{name}{list(place)} is {array[place]}: values must be finite. Impute the value, drop the row, or take"
            " smaller steps."
        )


def check_result(*arrays: Array) -> None:
    """Refuse derivatives that overflow."""
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError(
            f"The derivatives overflow {arrays[0].dtype}. Scale rows or weights down, or take smaller steps."
        )


def check_weight(sample_weight: Any, n: int) -> Array:
    """Return w / Σ w in float64, 1 / n each where there are none."""
    if sample_weight is None:
        return np.full(n, 1 / n)
    weight = np.asarray(sample_weight, dtype=np.float64)
    check_shape("sample_weight", weight, (n,), {})
    check_finite("sample_weight", weight)
    total = float(weight.sum())
    if weight.min() < 0 or not 0 < total < np.inf:
        raise ValueError(
            f"sample_weight must be >= 0 with a positive sum, got the least {weight.min():g}, sum {total:g}."
        )
    return weight / total


def check_room(m: int, columns: int) -> None:
    """Refuse derivatives whose sums, float64 and one set for each group of rows, do not fit into memory."""
    size = 8 * m * columns
    # As the core deals rows to groups: 4 to 32 of them, within 256 MiB where there are more than 4.
    need = size * min(max(SUMS_BYTES // size, 4), 32)
    if need > LITTLE:
        what = f"Derivatives of {m} neurons by {columns} numbers each"
        check_memory(need, what, "Take a narrower net or fewer columns.")


def activation_spec(activation: Any, smoothing: float = 0.0) -> Spec:
    """Return an activation as the core reads it: a name, its parameter and the noise integrated out."""
    match activation:
        case str():
            return activation, LEAKY_SLOPE if activation == "leaky_relu" else 0.0, float(smoothing)
        case ("leaky_relu", int() | float() as slope):
            return "leaky_relu", float(slope), float(smoothing)
    raise TypeError(f'activation must be a name or ("leaky_relu", slope), got {activation!r}.')


def check_labels(loss: str, Y: Array) -> None:
    """Hold labels to what a loss takes."""
    if loss not in LOSSES:
        raise ValueError(f"Unknown loss {loss!r}. The losses are: {', '.join(LOSSES)}.")
    if loss in ("logistic", "hinge") and not (np.abs(Y) == 1).all():
        wrong = Y[np.abs(Y) != 1].flat[0]
        raise ValueError(f"The {loss} loss takes labels -1 and 1, got {wrong:g}. Encode the classes as -1 and 1.")
    if loss == "softmax" and (Y < 0).any():
        raise ValueError(f"The softmax loss takes one-hot rows or probabilities, got {Y.min():g}. Encode the classes.")

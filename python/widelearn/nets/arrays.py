"""Arrays of a net, checked: types, shapes, finite values; and mean losses of the outputs among them."""

from functools import cache
from typing import Any, Self

import numpy as np

from widelearn import _core
from widelearn.runtime import Array, NumberOverflowError, check_memory

# Name, parameter, standard deviation of the noise integrated out.
Spec = tuple[str, float, float]

LEAKY_SLOPE = 0.01
SUMS_BYTES = 256 << 20
# Bytes that are not worth asking the system about.
LITTLE = 64 << 20
LOSSES = ("squared", "logistic", "hinge", "softmax")
# Arrays of rows, whose values the core looks at while they are in cache.
ROWS = ("X", "Z", "F")
# Arrays that need not be there.
OPTIONAL = ("Z", "offset")


class Shapes:
    """One float type, and lengths that letters in shapes stand for: those of the first array that has them."""

    def __init__(self) -> None:
        self.dtype: np.dtype[Any] | None = None
        self.lengths: dict[str, tuple[int, str]] = {}

    def check(self, **arrays: tuple[Any, str]) -> list[Any]:
        """Return arrays of one float type, C-contiguous, not empty, finite; each is `name=(array, letters of shape)`.

        None stays None where the array is optional.
        """
        for name, (value, _) in arrays.items():
            if value is None and name not in OPTIONAL:
                raise TypeError(f"{name} must be an array of float32 or float64, got None.")
        return [None if value is None else self._checked(name, value, shape) for name, (value, shape) in arrays.items()]

    def check_call(self, **arrays: tuple[Any, str]) -> list[Any]:
        """Check the arrays of one call, as :meth:`check` does: letters that are new stand for lengths of that call."""
        return self._copy().check(**arrays)

    def check_labelled(self, loss: str, columns: int, sample_weight: Any, **arrays: tuple[Any, str]) -> list[Any]:
        """Check what a mean loss and derivatives of so many columns a neuron need, the second array being labels."""
        shapes = self._copy()
        found = shapes.check(**arrays)
        check_labels(loss, found[1])
        check_room(self.lengths["m"][0], columns)
        return [*found, shapes.weights(sample_weight)]

    def _copy(self) -> Self:
        other = type(self)()
        other.dtype, other.lengths = self.dtype, dict(self.lengths)
        return other

    def _checked(self, name: str, value: Any, shape: str) -> Array:
        array = np.asarray(value)
        # Small nets are looked at for as long as they compute: types that are the same are not looked up again.
        if array.dtype is not self.dtype:
            self._fit_type(name, array)
        self._fit(name, array, shape)
        if name not in ROWS:
            check_finite(name, array)
        return array if array.flags.carray else np.require(array, requirements=["C", "ALIGNED"])

    def _fit_type(self, name: str, array: Array) -> None:
        """Hold an array to the one type."""
        if array.dtype not in (np.float32, np.float64):
            raise TypeError(
                f"{name} must be float32 or float64, got {array.dtype}. Convert it with {name}.astype(float)."
            )
        self.dtype = self.dtype or array.dtype
        if array.dtype != self.dtype:
            raise TypeError(f"{name} is {array.dtype}, the other arrays are {self.dtype}. Convert them to one type.")

    def _fit(self, name: str, array: Array, shape: str) -> None:
        """Hold an array to a shape, and every letter to the length that it stood for first."""
        if array.ndim != len(shape):
            raise ValueError(f"{name} must have the shape {written(shape)}, got {array.shape}.")
        for length, letter in zip(array.shape, shape, strict=True):
            if length == 0:
                raise ValueError(
                    f"{name} has the shape {array.shape}: there is nothing to sum over. Give at least one."
                )
            wanted, owner = self.lengths.setdefault(letter, (length, name))
            if length != wanted:
                raise ValueError(
                    f"{name} must have the shape {written(shape)} with {letter} = {wanted} as in {owner}, got"
                    f" {array.shape}."
                )

    def weights(self, sample_weight: Any) -> Array:
        """Return w / Σ w of n rows in float64, 1 / n each where there are none."""
        if sample_weight is None:
            n = self.lengths["n"][0]
            return np.full(n, 1 / n)
        try:
            weight = np.ascontiguousarray(sample_weight, dtype=np.float64)
        except OverflowError:
            raise ValueError("sample_weight must be numbers that float64 can hold.") from None
        self._fit("sample_weight", weight, "n")
        check_finite("sample_weight", weight)
        total = float(weight.sum())
        if weight.min() < 0 or not 0 < total < np.inf:
            raise ValueError(
                f"sample_weight must be >= 0 with a positive sum, got the least {weight.min():g}, sum {total:g}."
            )
        return weight / total


def written(shape: str) -> str:
    """Return the letters of a shape as a tuple."""
    return f"({', '.join(shape)}{',' if len(shape) == 1 else ''})"


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
        raise NumberOverflowError(
            f"The derivatives overflow {arrays[0].dtype}. Scale rows or weights down, or take smaller steps."
        )


def check_room(m: int, columns: int) -> None:
    """Refuse derivatives whose sums, float64 and one set for each group of rows, do not fit into memory."""
    size = 8 * m * columns
    # As the core deals rows to groups: 4 to 32 of them, within 256 MiB where there are more than 4.
    need = size * min(max(SUMS_BYTES // size, 4), 32)
    if need > LITTLE:
        what = f"Derivatives of {m} neurons by {columns} numbers each"
        check_memory(need, what, "Take a narrower net or fewer columns.")


def check_labels(loss: str, Y: Array) -> None:
    """Hold labels to what a loss takes."""
    if loss not in LOSSES:
        raise ValueError(f"Unknown loss {loss!r}. The losses are: {', '.join(LOSSES)}.")
    if loss in ("logistic", "hinge") and not (np.abs(Y) == 1).all():
        wrong = Y[np.abs(Y) != 1].flat[0]
        raise ValueError(f"The {loss} loss takes labels -1 and 1, got {wrong:g}. Encode the classes as -1 and 1.")
    if loss == "softmax" and (Y < 0).any():
        raise ValueError(f"The softmax loss takes one-hot rows or probabilities, got {Y.min():g}. Encode the classes.")


def loss(F: Array, Y: Array, name: str, *, sample_weight: Any = None) -> tuple[float, Array]:
    """Return the mean loss of outputs and its derivative by them.

    L = Σ_i w_i ℓ(y_i, f_i) / Σ_i w_i, added up in float64.

    Parameters
    ----------
    F : array of shape (n, c)
        Outputs of the rows, float32 or float64.
    Y : array of shape (n, c)
        Numbers for "squared", -1 and 1 for "logistic" and "hinge", one-hot rows or probabilities for "softmax"; of the
        type of `F`.
    name : {"squared", "logistic", "hinge", "softmax"}
        ½‖f - y‖², Σ log(1 + e^(-y f)), Σ max(0, 1 - y f) with derivative 0 at the kink, or the cross entropy.
    sample_weight : array of shape (n,), optional
        Weights w >= 0; None is 1 each.

    Returns
    -------
    loss : float
        L.
    residual : array of shape (n, c)
        ∂L/∂F, of the type of `F`.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, labels do not suit the loss, or the name is unknown.
    TypeError
        If the arrays are not both float32 or both float64.

    Notes
    -----
    O(n c). Gradients of nets have the same losses inside.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.nets import loss
    >>> loss(np.array([[3.0], [0.0]]), np.array([[1.0], [0.0]]), "squared")
    (1.0, array([[1.],
           [0.]]))
    """
    shapes = Shapes()
    F, Y = shapes.check(F=(F, "nc"), Y=(Y, "nc"))
    check_labels(name, Y)
    residual = np.empty_like(F)
    return _core.net_loss(F, (Y, name, shapes.weights(sample_weight), None), residual), residual


def activation_spec(activation: Any, smoothing: float = 0.0) -> Spec:
    """Return an activation as the core reads it, which has to know it."""
    match activation:
        case str():
            spec = (activation, LEAKY_SLOPE if activation == "leaky_relu" else 0.0, float(smoothing))
        case ("leaky_relu", int() | float() as slope):
            spec = ("leaky_relu", float(slope), float(smoothing))
        case _:
            raise TypeError(f'activation must be a name or ("leaky_relu", slope), got {activation!r}.')
    check_known(spec)
    return spec


@cache
def check_known(spec: Spec) -> None:
    """Refuse an activation that the core does not know, by asking it for one neuron."""
    one = np.zeros((1, 1))
    _core.net_hidden(one, one, one[0], spec, False, np.empty_like(one))

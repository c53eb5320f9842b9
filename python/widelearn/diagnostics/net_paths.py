"""Two-layer nets at moments of their training: outputs, tangent kernels and how their Jacobian changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from widelearn.kernels import Linear
from widelearn.nets import TwoLayer
from widelearn.runtime import check_memory, in_range, row_blocks

Array = NDArray[np.float64]

PARTS = ("W", "b", "a")
# Values of neurons at rows that are held at once.
VALUES = 1 << 24


class NetPath:
    """Hold a two-layer net at moments of its training, the start first: what :func:`laziness` reads.

    The model is F(x) = α (f(x) - f_0(x)), or α f(x), f a :class:`widelearn.nets.TwoLayer` and f_0 its start. Its
    parameters are the parts of the net that were trained.

    Parameters
    ----------
    nets : sequence of TwoLayer
        The net at each moment, all of one shape; the first is the start.
    scale : float, default=1.0
        α > 0.
    centred : bool, default=False
        Whether the start's outputs are taken off, so that F = 0 there.
    trained : tuple of {"W", "b", "a"}, default=("W", "b", "a")
        First layer, thresholds, output weights: those that moved.
    times : array-like of shape (len(nets),), optional
        When: times of gradient flow of mean ½‖F - y‖², or numbers of steps if there is a `learning_rate`.
    learning_rate : float, optional
        Length of the steps of gradient descent on F's parameters.

    Raises
    ------
    ValueError
        If there is no net, shapes or numbers of times differ, or a number is out of range.
    TypeError
        If an entry is no TwoLayer.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import NetPath
    >>> from widelearn.nets import TwoLayer
    >>> W, b, a = np.eye(2), np.zeros(2), np.ones((2, 1))
    >>> path = NetPath([TwoLayer(W, b, a, "tanh"), TwoLayer(1.5 * W, b, a, "tanh")])
    >>> len(path)
    2
    """

    @in_range
    def __init__(
        self,
        nets: Sequence[TwoLayer],
        scale: float = 1.0,
        centred: bool = False,
        trained: Sequence[str] = PARTS,
        times: ArrayLike | None = None,
        learning_rate: float | None = None,
    ) -> None:
        self.nets = _checked(nets)
        self.scale, self.centred = float(scale), bool(centred)
        if not 0 < self.scale < np.inf:
            raise ValueError(f"scale must be positive and finite, got {scale!r}.")
        self.trained = (trained,) if isinstance(trained, str) else tuple(trained)
        if not self.trained or not set(self.trained) <= set(PARTS):
            raise ValueError(f"trained must name some of {', '.join(PARTS)}, got {trained!r}.")
        self.times = None if times is None else np.asarray(times, dtype=float)
        if self.times is not None and self.times.shape != (len(self.nets),):
            raise ValueError(f"times has the shape {self.times.shape}: give one for each of the {len(self.nets)} nets.")
        self.learning_rate = learning_rate

    def __len__(self) -> int:
        return len(self.nets)

    @in_range
    def bind(self, X: ArrayLike, X_fresh: ArrayLike | None) -> BoundNets:
        """Return the path at training rows and at fresh ones."""
        d = self.nets[0].W.shape[1]
        fresh = [] if X_fresh is None else [rows_of("X_fresh", X_fresh, d)]
        return BoundNets(self, [rows_of("X", X, d), *fresh])


def _checked(nets: Sequence[TwoLayer]) -> list[TwoLayer]:
    """Return nets of one shape in double precision."""
    found = list(nets)
    if not found:
        raise ValueError("A path needs nets: give the start and at least one later net.")
    for net in found:
        if not isinstance(net, TwoLayer):
            raise TypeError(f"A path is made of nets.TwoLayer objects, got {type(net).__name__}.")
        shapes, first = ([part.shape for part in (one.W, one.b, one.a)] for one in (net, found[0]))
        if shapes != first or net.activation != found[0].activation or net.smoothing != found[0].smoothing:
            raise ValueError(f"Nets of a path must be alike: W, b, a of shapes {first} first, later {shapes}.")
    return [double(net) for net in found]


def double(net: TwoLayer) -> TwoLayer:
    """Return a net in double precision."""
    if not isinstance(net, TwoLayer):
        raise TypeError(f"A net must be a nets.TwoLayer object, got {type(net).__name__}.")
    if net.W.dtype == np.float64:
        return net
    W, b, a = (part.astype(np.float64) for part in (net.W, net.b, net.a))
    return TwoLayer(W, b, a, net.activation, smoothing=net.smoothing)


def rows_of(name: str, X: ArrayLike, d: int | None = None) -> Array:
    """Return finite rows in double precision, of d columns."""
    rows = np.asarray(X)
    if np.iscomplexobj(rows):
        raise ValueError(f"{name} must be real, got {rows.dtype}.")
    try:
        rows = np.require(rows, np.float64, ["C", "ALIGNED"])
    except OverflowError:
        raise ValueError(f"{name} must be numbers that float64 can hold.") from None
    if rows.ndim != 2 or not rows.size or (d is not None and rows.shape[1] != d):
        raise ValueError(f"{name} has the shape {rows.shape}: it must be (n, {'d' if d is None else d}), n >= 1.")
    if not np.isfinite(rows).all():
        raise ValueError(f"{name} must be finite: impute NaN and infinity, or drop their rows.")
    return rows


def targets_of(y: ArrayLike, n: int, c: int) -> Array:
    """Return finite targets in double precision, of shape (n, c); one output needs no axis."""
    found = np.asarray(y)
    if np.iscomplexobj(found) or found.shape not in ({(n, c), (n,)} if c == 1 else {(n, c)}):
        raise ValueError(f"y has the shape {found.shape} and type {found.dtype}: it must be real, of shape {(n, c)}.")
    found = found.astype(np.float64).reshape(n, c)
    if not np.isfinite(found).all():
        raise ValueError("y must be finite: drop the rows without a target.")
    return found


def codes_of(model: Any, y: ArrayLike, n: int, c: int) -> Array:
    """Return codes (n, c) of labels that a fitted classifier knows: 1 and -1, for one output a class 1 and 0."""
    labels, classes = np.asarray(y.toarray() if issparse(y) else y), np.asarray(model.classes_)
    if model.multilabel_:
        if labels.shape != (n, c):
            raise ValueError(f"y must be an indicator of shape ({n}, {c}), got {labels.shape}.")
        return np.where(labels > 0, 1.0, -1.0)
    labels = labels.ravel()
    if len(labels) != n:
        raise ValueError(f"y must have a label for each of {n} rows, got {len(labels)}.")
    unknown = np.setdiff1d(labels, classes)
    if len(unknown):
        raise ValueError(f"y has labels {unknown.tolist()} that are not among the classes {classes.tolist()}.")
    if c == 1:
        return np.where(labels[:, None] == classes[-1], 1.0, -1.0)
    return (labels[:, None] == classes).astype(float)


def weights_of(sample_weight: ArrayLike | None, n: int) -> Array:
    """Return weights of rows that add up to 1."""
    weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    if weight.shape != (n,) or not np.isfinite(weight).all() or weight.min() < 0 or not weight.max() > 0:
        raise ValueError(
            f"sample_weight must be {n} finite numbers >= 0 with a positive sum, got shape {weight.shape}, least"
            f" {weight.min(initial=np.inf):g}, largest {weight.max(initial=0.0):g}."
        )
    weight = weight / weight.max()
    return np.asarray(weight / weight.sum())


class Factors(NamedTuple):
    """Some neurons' a_ro σ'(z_ir), a row for each row and output, and σ(z_ir): what their Jacobian is made of."""

    slopes: Array
    values: Array


class BoundNets:
    """A path of nets at training rows (0) and fresh rows (1); rows of a Jacobian are those of X, each with c outputs.

    With A the slopes and S the values of :class:`Factors`, J J' = (A A') ∘ (X X' [W] + 1 [b]) + (S S') ⊗ I_c [a]: no
    matrix of n x P numbers is made.
    """

    def __init__(self, path: NetPath, rows: list[Array]) -> None:
        self.path, self.rows, self.start = path, rows, path.nets[0]
        self.outputs_per_row = self.start.a.shape[1]
        self.first = [path.scale * self.start.outputs(Z).ravel() if path.centred else 0.0 for Z in rows]

    def __len__(self) -> int:
        return len(self.path)

    @property
    def parameters(self) -> int:
        """The number of trained parameters."""
        return sum(getattr(self.start, part).size for part in self.path.trained)

    def outputs(self, k: int, at: int) -> Array:
        """Return F at moment k, flattened."""
        return self.path.scale * self.path.nets[k].outputs(self.rows[at]).ravel() - self.first[at]

    def size(self) -> float:
        """Return ‖θ_0‖."""
        return float(np.sqrt(sum(np.sum(getattr(self.start, part) ** 2) for part in self.path.trained)))

    def moved(self, k: int) -> float:
        """Return ‖θ_k - θ_0‖."""
        net = self.path.nets[k]
        parts = (getattr(net, part) - getattr(self.start, part) for part in self.path.trained)
        return float(np.sqrt(sum(np.sum(part**2) for part in parts)))

    def kernel(self, k: int, at: int = 0, to: int | None = None) -> Array:
        """Return J_k J_k' between rows `at` and rows `to`, by default the same."""
        net, other = self.path.nets[k], at if to is None else to
        self._room(at, other)
        total = np.zeros((self._count(at), self._count(other)))
        for neurons in self._blocks():
            left = self._factors(net, neurons, at)
            total += self._gram(left, left if other == at else self._factors(net, neurons, other), at, other)
        return total

    def trace(self, k: int, at: int) -> float:
        """Return ‖J_k‖² (Frobenius)."""
        return sum(self._square(self._factors(self.path.nets[k], neurons, at), at) for neurons in self._blocks())

    def change(self, k: int) -> Array:
        """Return (J_k - J_0)(J_k - J_0)' at the training rows."""
        return self._change(self.path.nets[k])

    def change_size(self, k: int, at: int) -> float:
        """Return ‖J_k - J_0‖² (Frobenius), without cancellation."""
        net = self.path.nets[k]
        return sum(self._square(self._differences(net, neurons, at), at) for neurons in self._blocks())

    def taylor(self, k: int, at: int) -> Array:
        """Return J_0 (θ_k - θ_0), flattened."""
        net, X, c = self.path.nets[k], self.rows[at], self.outputs_per_row
        total = np.zeros((len(X), c))
        for neurons in self._blocks():
            slopes, values = self._factors(self.start, neurons, at)
            moved = np.zeros((len(X), len(self.start.b[neurons])))
            if "W" in self.path.trained:
                moved += X @ (net.W[neurons] - self.start.W[neurons]).T
            if "b" in self.path.trained:
                moved -= net.b[neurons] - self.start.b[neurons]
            total += np.einsum("ior,ir->io", slopes.reshape(len(X), c, -1), moved)
            if "a" in self.path.trained:
                total += values @ (net.a[neurons] - self.start.a[neurons])
        return self.path.scale * total.ravel()

    def gradient(self, u: Array) -> list[Array]:
        """Return J_0' u, a part for each trained part."""
        return self._pull(None, u)

    def change_at(self, direction: list[Array], length: float) -> Array:
        """Return (J - J_0)(J - J_0)' for J at θ_0 + length · direction."""
        return self._change(self._shifted(direction, length))

    def pulled(self, direction: list[Array], length: float, u: Array) -> list[Array]:
        """Return (J - J_0)' u for J at θ_0 + length · direction."""
        return self._pull(self._shifted(direction, length), u)

    def _shifted(self, direction: list[Array], length: float) -> TwoLayer:
        moved = dict(zip(self.path.trained, direction, strict=True))
        W, b, a = (getattr(self.start, part) + (length * moved[part] if part in moved else 0.0) for part in PARTS)
        return TwoLayer(W, b, a, self.start.activation, smoothing=self.start.smoothing)

    def _pull(self, net: TwoLayer | None, u: Array) -> list[Array]:
        """Return J_0' u, or the part of it by which the net's Jacobian differs."""
        X, c = self.rows[0], self.outputs_per_row
        parts = {part: np.empty_like(getattr(self.start, part)) for part in self.path.trained}
        for neurons in self._blocks():
            found = self._factors(self.start, neurons, 0) if net is None else self._differences(net, neurons, 0)
            weighted = np.einsum("ior,io->ir", found.slopes.reshape(len(X), c, -1), u.reshape(len(X), c))
            if "W" in parts:
                parts["W"][neurons] = weighted.T @ X
            if "b" in parts:
                parts["b"][neurons] = -weighted.sum(axis=0)
            if "a" in parts:
                parts["a"][neurons] = found.values.T @ u.reshape(len(X), c)
        return [self.path.scale * parts[part] for part in self.path.trained]

    def _change(self, net: TwoLayer) -> Array:
        self._room(0, 0)
        total = np.zeros((self._count(0), self._count(0)))
        for neurons in self._blocks():
            found = self._differences(net, neurons, 0)
            total += self._gram(found, found, 0, 0)
        return total

    def _count(self, at: int) -> int:
        return len(self.rows[at]) * self.outputs_per_row

    def _room(self, at: int, other: int) -> None:
        rows, columns = self._count(at), self._count(other)
        need = 8 * (4 * rows * columns + 4 * min(VALUES, rows * len(self.start.b)))
        what = f"Tangent kernels of {rows} by {columns} outputs"
        check_memory(need, what, "Give fewer rows: laziness is a mean over them.")

    def _blocks(self) -> Iterator[slice]:
        """Cut the neurons into blocks whose values at all rows fit."""
        rows = max(self._count(at) for at in range(len(self.rows)))
        yield from row_blocks(len(self.start.b), max(1, VALUES // rows))

    def _factors(self, net: TwoLayer, neurons: slice, at: int) -> Factors:
        W, b, a = net.W[neurons], net.b[neurons], net.a[neurons]
        part, X = TwoLayer(W, b, a, net.activation, smoothing=net.smoothing), self.rows[at]
        slopes = part.slopes(X)[:, None, :] * a.T
        values = part.hidden(X) if "a" in self.path.trained else np.zeros((len(X), 0))
        return Factors(slopes.reshape(-1, len(b)), values)

    def _differences(self, net: TwoLayer, neurons: slice, at: int) -> Factors:
        before = self._factors(self.start, neurons, at)
        after = self._factors(net, neurons, at)
        return Factors(after.slopes - before.slopes, after.values - before.values)

    def _gram(self, left: Factors, right: Factors, at: int, other: int) -> Array:
        """Return the inner products of the gradients that factors stand for."""
        same, c = left is right, self.outputs_per_row
        total = np.zeros((len(left.slopes), len(right.slopes)))
        inner = np.zeros((len(self.rows[at]), len(self.rows[other])))
        if "W" in self.path.trained:
            inner += Linear()(self.rows[at], None if same else self.rows[other])
        if "b" in self.path.trained:
            inner += 1.0
        if inner.any():
            total += Linear()(left.slopes, None if same else right.slopes)
            total *= inner if c == 1 else np.kron(inner, np.ones((c, c)))
        if "a" in self.path.trained:
            products = Linear()(left.values, None if same else right.values)
            total += products if c == 1 else np.kron(products, np.eye(c))
        total *= self.path.scale**2
        return total

    def _square(self, factors: Factors, at: int) -> float:
        """Return the sum of the squares of all entries of the Jacobian that factors stand for."""
        c, lengths = self.outputs_per_row, np.zeros(len(self.rows[at]))
        if "W" in self.path.trained:
            lengths += np.einsum("ij,ij->i", self.rows[at], self.rows[at])
        if "b" in self.path.trained:
            lengths += 1.0
        total = float(np.einsum("ij,ij->i", factors.slopes, factors.slopes) @ np.repeat(lengths, c))
        return self.path.scale**2 * (total + c * float(np.sum(factors.values**2)))


def path_of_model(model: Any) -> NetPath:
    """Return the start and the end of a fitted estimator of two-layer nets."""
    parts = ("W0_", "b0_", "a0_", "W_", "b_", "a_")
    missing = [name for name in parts if not hasattr(model, name)]
    if missing:
        raise TypeError(
            f"{type(model).__name__} has no {missing[0]}: give a fitted TwoLayerRegressor or TwoLayerClassifier, a list"
            " of nets.TwoLayer, a NetPath or Snapshots."
        )
    start, end = (
        TwoLayer(*weights, model.activation, smoothing=model.smoothing)
        for weights in ((model.W0_, model.b0_, model.a0_), (model.W_, model.b_, model.a_))
    )
    held = [part for part, moves in (("b", model.train_bias), ("a", model.train_output)) if not moves]
    return NetPath([start, end], trained=[part for part in PARTS if part not in held])

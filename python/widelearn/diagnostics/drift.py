"""How far a network's training was from that of its linearisation: moves, Jacobians, predictions, the theorem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.diagnostics.conditions import Sufficient
from widelearn.diagnostics.lipschitz import largest_eigenvalue
from widelearn.diagnostics.net_paths import BoundNets, NetPath, path_of_model, rows_of, targets_of
from widelearn.diagnostics.snapshots import BoundSnapshots, Snapshots
from widelearn.runtime import NumberOverflowError, capped
from widelearn.theory import LazyCondition, gradient_flow

Array = NDArray[np.float64]
# Sizes whose fourth powers, with room for sums of them, are doubles.
LARGEST = 1e75


@dataclass(frozen=True, eq=False)
class Laziness:
    """Hold how far training went from the linearised one; arrays have an entry for each moment, the start first.

    Norms of Jacobians are relative to the start's, gaps are root mean squares over outputs.

    Parameters
    ----------
    moved : ndarray of shape (T,)
        ‖θ_k - θ_0‖/‖θ_0‖.
    distance : ndarray of shape (T,)
        ‖θ_k - θ_0‖.
    drift, drift_fresh : ndarray of shape (T,), or None
        ‖J_k - J_0‖/‖J_0‖ (Frobenius) at training and fresh rows.
    change : ndarray of shape (T,)
        ‖J_k - J_0‖ (operator norm) at the training rows, not relative.
    alignment : ndarray of shape (T,)
        <K_0, K_k>/(‖K_0‖ ‖K_k‖) of the tangent kernels of the training rows.
    remainder, remainder_fresh : ndarray of shape (T,), or None
        F(θ_k) - F(θ_0) - J_0 (θ_k - θ_0): the linearised model at the same parameters.
    times : ndarray of shape (T,), or None
        As given.
    gap, gap_fresh : ndarray of shape (T,), or None
        F(θ_k) less the predictions of the linearised model, trained for the same time.
    residual : ndarray of shape (T,), or None
        ‖y - F(θ_k)‖.
    sigma_min : float
        Smallest singular value of J_0; 0 where outputs outnumber parameters.
    lipschitz : float or None
        L in the condition.
    lipschitz_source : {"bound", "given", "estimate"} or None
        A proven bound in the ball where the path must stay, the user's number, or the largest change that was found,
        which is a bound from below.
    lipschitz_estimate : float
        The largest ‖J - J_0‖/‖θ - θ_0‖ that was found; 0 if nothing moved.
    condition : LazyCondition or None
        4 L r < σ_min², by L; None without `y`, or where it has no meaning.
    statements : dict of ndarray or None
        Where the condition holds: what was measured over the theorem's bound at each moment, for "residual" (with
        times), "distance" and "jacobian". None where it does not hold: then the theorem claims nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import Snapshots, laziness
    >>> linear = Snapshots([[0.0], [1.0]], lambda t, X: X @ t, lambda t, X: X)
    >>> laziness(linear, [[1.0], [2.0]]).drift
    array([0., 0.])
    """

    moved: Array
    distance: Array
    drift: Array
    drift_fresh: Array | None
    change: Array
    alignment: Array
    remainder: Array
    remainder_fresh: Array | None
    times: Array | None
    gap: Array | None
    gap_fresh: Array | None
    residual: Array | None
    sigma_min: float
    lipschitz: float | None
    lipschitz_source: str | None
    lipschitz_estimate: float
    condition: LazyCondition | None
    statements: dict[str, Array] | None

    @property
    def holds(self) -> bool:
        """Whether the sufficient condition holds; with an estimate of L from below it is no proof."""
        return self.condition is not None and self.condition.holds

    @property
    def margin(self) -> float:
        """4 L r/σ_min², below 1 where the condition holds; NaN where it has no meaning."""
        return float("nan") if self.condition is None else self.condition.margin

    def plot(self) -> Any:
        """Return a Matplotlib figure: moves and drifts, and gaps, over time."""
        places = np.arange(float(len(self.moved))) if self.times is None else self.times
        label = "moment of training" if self.times is None else "training time t"
        drifts = {
            "parameters ‖θ - θ₀‖/‖θ₀‖": self.moved,
            "Jacobian ‖J - J₀‖/‖J₀‖": self.drift,
            "Jacobian, fresh rows": self.drift_fresh,
            "kernel, 1 - alignment": np.maximum(1 - self.alignment, 0.0),
        }
        gaps = {
            "linearised, same parameters": self.remainder,
            "same, fresh rows": self.remainder_fresh,
            "linearised, same time": self.gap,
            "same time, fresh rows": self.gap_fresh,
        }
        panels = [
            {"rows": points(places, series), "xlabel": label, "ylabel": ylabel, "yscale": "log"}
            for series, ylabel in ((drifts, "relative change"), (gaps, "gap of predictions (root mean square)"))
        ]
        from widelearn import plots

        return plots.study(panels, self._title())

    def _title(self) -> str:
        if self.condition is None:
            return "Laziness of training"
        sign = "<" if self.holds else "≥"
        return f"Laziness of training: 4 L r/σ² = {self.margin:.3g} {sign} 1 (L: {self.lipschitz_source})"


def points(places: Array, series: dict[str, Array | None]) -> list[dict[str, Any]]:
    """Return the points of a panel of logarithmic heights, those above 0."""
    return [
        {"series": name, "x": float(x), "theory": None, "simulation": float(value), "se": None}
        for name, values in series.items()
        if values is not None
        for x, value in zip(places, values, strict=True)
        if value > 0
    ]


@capped
def laziness(
    model: Any,
    X: ArrayLike,
    X_fresh: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    lipschitz: float | None = None,
) -> Laziness:
    """Measure how far training was from that of the linearised model: parameters, Jacobian, kernel, predictions.

    For F with the Jacobian J_0 at its start the linearised model is F_0 + J_0 (θ - θ_0). With times and `y` it is
    trained likewise, by the flow of ‖y - F‖²/(2n) or by steps, and compared at each of them. Training provably stays
    near it where 4 L r < σ_min² (:func:`widelearn.theory.lazy_condition`), r = ‖y - F_0‖.

    Parameters
    ----------
    model : estimator, sequence of TwoLayer, NetPath or Snapshots
        A fitted :class:`~widelearn.TwoLayerRegressor` or classifier (its start and its end); nets of
        :mod:`widelearn.nets`, the start first; a path with its scale, its times and what was trained; or a model of
        your own at moments of its training.
    X : array-like of shape (n, d)
        Training rows.
    X_fresh : array-like of shape (k, d), optional
        Other rows, where laziness is to be measured too.
    y : array-like of shape (n,) or (n, c), optional
        Targets, for the condition and for gaps at the same times.
    lipschitz : float, optional
        L, a Lipschitz constant of the Jacobian (operator norm) in the ball of radius 2 r/σ_min around the start. None
        takes a proven bound for nets whose σ' is Lipschitz, and elsewhere the largest change that is found.

    Returns
    -------
    Laziness
        Arrays with an entry for each moment; :meth:`Laziness.plot` draws them.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite or not real, there are times but no learning rate below the stable
        one, or the loss of a fitted classifier is not squared and `y` is given.
    TypeError
        If the model is of another kind, or is not fitted.
    MemoryError
        If kernels of the training rows do not fit.

    Notes
    -----
    A two-layer net of m neurons costs about 8 n² m flops a moment and holds n² numbers and blocks of its neurons' n m
    values, never n x P; your own Jacobian is asked for in blocks of rows. A fitted estimator's rows and targets are
    scaled as in its fit. Outputs are weighed alike. The estimate of L alternates between directions in parameters and
    outputs, over the length of the path, and takes the secants to all moments too: a bound from below. With `lipschitz`
    given it is the secants alone.

    References
    ----------
    Misiakiewicz & Montanari, "Six lectures on linearized neural networks", chapter 1; Chizat, Oyallon & Bach, "On lazy
    training in differentiable programming", NeurIPS 2019; Bartlett, Montanari & Rakhlin, Acta Numerica 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import TwoLayerRegressor
    >>> from widelearn.diagnostics import laziness
    >>> X = np.random.default_rng(0).standard_normal((40, 3))
    >>> net = TwoLayerRegressor(width=500, max_iter=20, random_state=0).fit(X, X[:, 0])
    >>> report = laziness(net, X)
    >>> bool(0 < report.drift[-1] < 1)
    True
    """
    path, X, X_fresh, y = _as_path(model, X, X_fresh, y)
    bound = path.bind(X, X_fresh)
    count = len(bound)
    targets = None if y is None else targets_of(y, len(bound.rows[0]), bound.outputs_per_row).ravel()
    with np.errstate(over="ignore", invalid="ignore"):
        start = _kernel(bound, 0)
        outputs = [[bound.outputs(k, at) for k in range(count)] for at in range(len(bound.rows))]
        distance = np.array([bound.moved(k) for k in range(count)])
        _check_range("outputs", max(float(np.abs(f).max()) for found in outputs for f in found))
        _check_range("movements", float(distance.max()))
        change, alignment, drift, remainder = _measured(bound, start, outputs, distance)
    residual = None if targets is None else np.array([np.linalg.norm(targets - f) for f in outputs[0]])
    gaps = _gaps(path, bound, start, outputs, targets)
    size = bound.size()
    condition = Sufficient(bound, start, residual, (distance, change), lipschitz)
    return Laziness(
        moved=distance / size if size else np.where(distance > 0, np.inf, 0.0),
        distance=distance,
        drift=drift[0],
        drift_fresh=drift[1] if len(drift) > 1 else None,
        change=change,
        alignment=alignment,
        remainder=remainder[0],
        remainder_fresh=remainder[1] if len(drift) > 1 else None,
        times=path.times,
        gap=gaps[0],
        gap_fresh=gaps[1],
        residual=residual,
        sigma_min=condition.sigma,
        lipschitz=condition.lipschitz,
        lipschitz_source=condition.source,
        lipschitz_estimate=condition.estimate,
        condition=condition.found,
        statements=condition.statements(path),
    )


def _as_path(
    model: Any, X: ArrayLike, X_fresh: ArrayLike | None, y: ArrayLike | None
) -> tuple[NetPath | Snapshots, ArrayLike, ArrayLike | None, ArrayLike | None]:
    """Return a path, and rows and targets in its units."""
    if isinstance(model, NetPath | Snapshots):
        return model, X, X_fresh, y
    if isinstance(model, Sequence):
        return NetPath(model), X, X_fresh, y
    path = path_of_model(model)

    def scaled(name: str, rows: ArrayLike) -> Array:
        return np.asarray((rows_of(name, rows, len(model.x_scale_)) - model.x_offset_) / model.x_scale_)

    training = scaled("X", X)
    if y is not None:
        if not hasattr(model, "y_scale_"):
            raise ValueError(
                "y of a classifier has no place in a condition on squared losses: leave it out, or fit"
                " TwoLayerRegressor to codes of the classes."
            )
        y = (targets_of(y, len(training), model.a_.shape[1]) - model.y_offset_) / model.y_scale_
    return path, training, None if X_fresh is None else scaled("X_fresh", X_fresh), y


def _check_range(what: str, size: float) -> None:
    """Refuse what is so large that squares of its squares are beyond the range of doubles."""
    if not size < LARGEST:
        raise NumberOverflowError(
            f"The model's {what} reach {size:.3g}, and up to {LARGEST:g} is computed with: divide outputs and y, or"
            " parameters, by a number, which leaves laziness as it is."
        )


def _kernel(bound: BoundNets | BoundSnapshots, k: int) -> Array:
    """Return J_k J_k' at the training rows, of gradients in range."""
    found = bound.kernel(k)
    length = float(np.sqrt(found.diagonal().max()))
    _check_range("gradients", length if np.isfinite(found).all() else np.inf)
    return found


def _cosine(one: Array, two: Array) -> float:
    sizes = float(np.linalg.norm(one)) * float(np.linalg.norm(two))
    return float(np.vdot(one, two)) / sizes if sizes else 1.0


def _measured(
    bound: BoundNets | BoundSnapshots, start: Array, outputs: list[list[Array]], distance: Array
) -> tuple[Array, Array, Array, Array]:
    """Return the Jacobian's change, the kernel's alignment, and the relative change and remainder at all rows.

    One moment after the other: a Jacobian that is costly is asked for once.
    """
    count, sizes = len(distance), [bound.trace(0, at) for at in range(len(outputs))]
    change, alignment = np.zeros(count), np.ones(count)
    drift, remainder = np.zeros((2, len(sizes), count))
    for k in map(int, np.flatnonzero(distance)):
        alignment[k] = _cosine(start, _kernel(bound, k))
        change[k] = np.sqrt(largest_eigenvalue(bound.change(k))[0])
        for at, size in enumerate(sizes):
            changed = bound.change_size(k, at)
            drift[at, k] = np.sqrt(changed / size) if size else np.inf if changed else 0.0
            remainder[at, k] = _mean_root(outputs[at][k] - outputs[at][0] - bound.taylor(k, at))
    return change, alignment, drift, remainder


def _mean_root(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _gaps(
    path: NetPath | Snapshots,
    bound: BoundNets | BoundSnapshots,
    start: Array,
    outputs: list[list[Array]],
    targets: Array | None,
) -> list[Array | None]:
    """Return the gaps to the linearised training at the same times, at training and fresh rows."""
    gaps: list[Array | None] = [None, None]
    if path.times is None or targets is None:
        return gaps
    # The flow's loss is a mean over all numbers of its targets, ours one over rows.
    c, rate = bound.outputs_per_row, path.learning_rate
    times, step = (path.times * c, None) if rate is None else (path.times, rate * c)
    for at, found in enumerate(outputs):
        cross = bound.kernel(0, at, 0) if at else None
        linear = gradient_flow(start, targets - outputs[0][0], times, cross, step)
        gaps[at] = np.array([_mean_root(f - found[0] - add) for f, add in zip(found, linear, strict=True)])
    return gaps

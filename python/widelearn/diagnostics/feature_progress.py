"""When true directions appear in the first layer of a net while it is trained, and how many neurons have them."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.diagnostics.net_starts import NetStart, check_two_layer
from widelearn.diagnostics.ticket_choice import goals_of
from widelearn.diagnostics.ticket_scores import norms, shares
from widelearn.diagnostics.tickets import Ticket, alive_of, unfitted
from widelearn.runtime import in_range

Array = NDArray[np.float64]
# How pictures of it are scaled and named.
AXES = {"xlabel": "iterations", "ylabel": "|cos|, share, score", "ylim": (-0.02, 1.02)}


@dataclass(frozen=True, eq=False)
class Emergence:
    """Hold what neurons had of true directions at moments of a training.

    Parameters
    ----------
    steps : ndarray of shape (T,)
        Iterations that were done; 0 is the start.
    nearest : ndarray of shape (T, r)
        Largest |cos(w_i, D_j)| over neurons, for each direction.
    largest_share, mean_share : ndarray of shape (T,)
        Largest ‖P w_i‖/‖w_i‖ over neurons, P projecting on the span of the directions, and its mean weighted by
        ‖w_i‖ ‖a_i‖, which is what the outputs see.
    scores : ndarray of shape (T,)
        Accuracy or R² at fresh rows; NaN without them.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import Emergence
    >>> half = np.array([0.2, 0.9])
    >>> Emergence(np.array([0, 10]), half[:, None], half, half, np.array([0.5, 0.6])).reached(
    ...     0.8
    ... )
    10
    """

    steps: NDArray[np.intp]
    nearest: Array
    largest_share: Array
    mean_share: Array
    scores: Array

    @in_range
    def reached(self, level: float) -> int | None:
        """Return the first iteration at which every direction has a neuron of at least this |cos|; None if never."""
        there = np.flatnonzero(self.nearest.min(axis=1) >= level)
        return int(self.steps[there[0]]) if len(there) else None

    @property
    def curves(self) -> list[dict[str, Any]]:
        """The rows that pictures are drawn from: cosines, shares and scores over iterations."""
        curves = {f"nearest neuron, direction {j + 1}": one for j, one in enumerate(self.nearest.T)}
        curves |= {"largest share in their span": self.largest_share, "weighted mean share": self.mean_share}
        if np.isfinite(self.scores).any():
            curves["score at fresh rows"] = self.scores
        return [
            {"x": float(x), "theory": float(y), "simulation": None, "se": None, "series": name}
            for name, values in curves.items()
            for x, y in zip(self.steps, values, strict=True)
        ]

    def plot(self) -> Any:
        """Return a Matplotlib figure: cosines, shares and scores over iterations."""
        from widelearn import plots

        return plots.study([{"rows": self.curves, **AXES}], "True directions in the first layer while it is trained")


@in_range
def emergence(
    model: Any,
    X: ArrayLike,
    y: ArrayLike,
    directions: ArrayLike,
    *,
    X_fresh: ArrayLike | None = None,
    y_fresh: ArrayLike | None = None,
    every: int = 1,
    sample_weight: ArrayLike | None = None,
) -> Emergence:
    """Train a fitted two-layer net again from its start, and say at every moment what its neurons have of directions.

    Parameters
    ----------
    model : TwoLayerRegressor or TwoLayerClassifier
        A fitted estimator with ``algorithm`` "gd" or "algorithm1". Batches are those of its fit if its random_state is
        an integer.
    X, y : array-like
        The rows and targets of its fit.
    directions : array-like of shape (r, d)
        True directions, in columns as they are given; r at most d.
    X_fresh, y_fresh : array-like, optional
        Rows and targets to score.
    every : int, default=1
        Iterations between two moments.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows.

    Returns
    -------
    Emergence
        Cosines, shares and scores; ``plot()`` draws them.

    Raises
    ------
    ValueError
        If shapes do not fit, directions are zero, or the algorithm has no iterations of the first layer.
    NotFittedError
        If the net is not fitted.
    TypeError
        If the model is not a two-layer estimator.

    Notes
    -----
    Costs a fit, and m d r flops and the outputs of fresh rows at every moment, of which r + 4 numbers stay. Features
    are often there long before scores show it. Source: Shi, Wei & Liang, NeurIPS 2023, section 5;
    Barak et al., "Hidden progress in deep learning", NeurIPS 2022.

    Examples
    --------
    >>> from widelearn import TwoLayerClassifier
    >>> from widelearn.datasets import parity
    >>> from widelearn.diagnostics import emergence
    >>> import numpy as np
    >>> data = parity(700, 30, 2, random_state=0)
    >>> model = TwoLayerClassifier.preset("parity", max_iter=200, random_state=0).fit(
    ...     data.X, data.y
    ... )
    >>> found = emergence(model, data.X, data.y, np.eye(30)[data.support], every=20)
    >>> bool(found.largest_share[0] < found.largest_share[-1]), bool(found.mean_share[-1] > 0.9)
    (True, True)
    """
    check_two_layer(model)
    if model.algorithm not in ("gd", "algorithm1"):
        raise ValueError(f"algorithm={model.algorithm!r} has no iterations of the first layer: fit with 'gd'.")
    if isinstance(every, bool) or not isinstance(every, Integral) or int(every) < 1:
        raise ValueError(f"every must be a whole number of at least 1, got {every!r}.")
    if (X_fresh is None) != (y_fresh is None):
        raise ValueError("X_fresh and y_fresh belong together: give both or none.")
    NetStart.of(model, X, y, sample_weight)
    fresh = None if X_fresh is None or y_fresh is None else NetStart.of(model, X_fresh, y_fresh)
    goals = goals_of(model, directions)
    basis = np.linalg.qr(goals.T)[0] if len(goals) <= goals.shape[1] else None
    if basis is None:
        raise ValueError(f"directions are {len(goals)} in {goals.shape[1]} columns: give at most as many as columns.")
    found: list[tuple[Any, ...]] = []

    def look(iteration: int, W: Any, b: Any, a: Any) -> None:
        W, a = np.asarray(W, dtype=float), np.asarray(a, dtype=float)
        lengths, rows = norms(W), shares(W)
        inside = norms(rows @ basis)
        weight = lengths * norms(a)
        mean = float(np.average(inside, weights=weight)) if weight.any() else 0.0
        score = float("nan") if fresh is None else fresh.ended(W, b, a)
        found.append((iteration, np.abs(rows @ goals.T).max(axis=0), float(inside.max()), mean, score))

    def seen(iteration: int, state: Any) -> None:
        if iteration % every == 0:
            look(iteration, state.W, state.b, state.a)

    look(0, model.W0_, model.b0_, model.a0_)
    start = (np.array(model.W0_), np.array(model.b0_), np.array(model.a0_))
    whole = Ticket(alive_of(model, model.b0_.shape).astype(float), "whole", unfitted(model), start)
    whole.masked.set_params(callback=seen).fit(X, y, sample_weight)
    steps, nearest, largest, mean, scores = zip(*found, strict=True)
    parts = (np.array(part, dtype=float) for part in (nearest, largest, mean, scores))
    return Emergence(np.array(steps, dtype=np.intp), *parts)

"""Where the neurons of a two-layer net point, drawn in a plane: clusters of them show the features that it learned."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.diagnostics.net_starts import check_two_layer
from widelearn.diagnostics.ticket_choice import goals_of
from widelearn.diagnostics.ticket_scores import norms, shares
from widelearn.runtime import capped, check_memory, in_range, row_blocks

Array = NDArray[np.float64]

# Neurons whose cosines with all others are held at once.
BLOCK = 1024


@dataclass(frozen=True, eq=False)
class NeuronMap:
    """Hold the directions of neurons, and their places in the plane that keeps the most of their distances.

    Parameters
    ----------
    neurons : ndarray of shape (m,)
        Numbers of the neurons; those whose weights are all 0 point nowhere and are left out.
    units : ndarray of shape (m, d)
        w_i/‖w_i‖.
    weights : ndarray of shape (m,)
        ‖w_i‖ ‖a_i‖, how much a neuron counts in the outputs.
    signs : ndarray of shape (m,)
        Signs of the output weights; 0 for nets of several outputs.
    positions : ndarray of shape (m, 2)
        Places of the neurons.
    stars : ndarray of shape (r, 2)
        Places of the directions that were given.
    explained : float
        Share of the sum of squared distances that the plane shows, from 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import NeuronMap
    >>> units = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> one = np.ones(3)
    >>> found = NeuronMap(
    ...     np.arange(3), units, one, one, units - units.mean(axis=0), np.empty((0, 2)), 1.0
    ... )
    >>> round(found.close(0.9), 3)
    0.333
    """

    neurons: NDArray[np.intp]
    units: Array
    weights: Array
    signs: Array
    positions: Array
    stars: Array
    explained: float

    @in_range
    def close(self, level: float = 0.9) -> float:
        """Return the share of pairs of neurons with |cos| of at least this; NaN for a single neuron."""
        if isinstance(level, bool) or not isinstance(level, Real) or not 0 <= level <= 1:
            raise ValueError(f"level must be a number from 0 to 1, got {level!r}.")
        m = len(self.units)
        if m < 2:
            return float("nan")
        found = 0
        for part in row_blocks(m, BLOCK):
            near = np.abs(self.units[part] @ self.units.T) >= level
            near[np.arange(len(near)), np.arange(part.start, part.stop)] = False
            found += int(np.count_nonzero(near))
        return found / (m * (m - 1))

    def plot(self) -> Any:
        """Return a Matplotlib figure: neurons as discs of the size of their weight, directions as stars."""
        from widelearn import plots

        title = f"Directions of {len(self.units)} neurons: {self.explained:.0%} of their squared distances are shown"
        labels = {"xlabel": "first axis of the directions", "ylabel": "second axis of the directions"}
        sizes, signs = self.weights, self.signs
        return plots.square(lambda ax: plots.neurons(self.positions, sizes, signs, self.stars, ax), title, **labels)


@capped
def neuron_map(model: Any, directions: ArrayLike | None = None, *, start: bool = False) -> NeuronMap:
    """Place the neurons of a fitted two-layer net in a plane by the directions of their weights, w_i/‖w_i‖.

    It is classical multidimensional scaling of the squared distances 2 - 2 cos(w_i, w_j): the plane of the two leading
    principal axes of the unit vectors. True directions are projected onto it.

    Parameters
    ----------
    model : TwoLayerRegressor or TwoLayerClassifier
        A fitted estimator.
    directions : array-like of shape (r, d), optional
        True directions, in columns as they are given.
    start : bool, default=False
        Take the weights before training.

    Returns
    -------
    NeuronMap
        Directions, places, and how much of the distances they show; ``plot()`` draws them.

    Raises
    ------
    ValueError
        If directions do not fit the columns, one is 0, or all weights are 0.
    TypeError
        If the model is not a fitted two-layer estimator.
    MemoryError
        If copies of the first layer do not fit.

    Notes
    -----
    Costs m d min(m, d) multiplications. The axes' signs are chosen so that the neuron furthest out along each lies on
    the positive side; where several axes are equally long, any two of them are shown. Source: Shi, Wei & Liang, "A
    theoretical analysis on feature learning in neural networks", ICLR 2022 (maps of neurons by their cosines).

    Examples
    --------
    Neurons of a mixture whose four clusters decide by exclusive or gather at the four centres:

    >>> from widelearn import TwoLayerClassifier
    >>> from widelearn.datasets import xor_mixture
    >>> from widelearn.diagnostics import neuron_map
    >>> data = xor_mixture(800, 50, 5.0, random_state=0)
    >>> model = TwoLayerClassifier.preset("xor_mixture", random_state=0).fit(data.X, data.y)
    >>> before, after = neuron_map(model, start=True), neuron_map(model, data.directions)
    >>> bool(after.explained > 3 * before.explained), bool(after.close(0.9) > before.close(0.9))
    (True, True)
    """
    check_two_layer(model)
    if not isinstance(start, (bool, np.bool_)):
        raise ValueError(f"start must be True or False, got {start!r}.")
    W, a = (np.asarray(part, dtype=float) for part in ((model.W0_, model.a0_) if start else (model.W_, model.a_)))
    goals = np.empty((0, W.shape[1])) if directions is None else goals_of(model, directions)
    lengths = norms(W)
    alive = np.flatnonzero(lengths)
    if not len(alive):
        raise ValueError("All weights of the first layer are 0: no neuron has a direction. Fit with a smaller penalty.")
    check_memory(8 * W.size * 3, f"Directions of {len(W)} neurons", "Fit a net of fewer neurons or columns.")
    units = shares(W[alive])
    centre = units.mean(axis=0)
    places, axes, explained = _plane(units - centre)
    signs = np.sign(a[alive, 0]) if a.shape[1] == 1 else np.zeros(len(alive))
    with np.errstate(over="ignore"):
        weights = lengths[alive] * norms(a[alive])
    if not np.isfinite(weights).all():
        raise ValueError("The neurons' weights ‖w‖ ‖a‖ are beyond float64: fit with scaled columns and targets.")
    return NeuronMap(alive, units, weights, signs, places, (goals - centre) @ axes, explained)


def _plane(centred: Array) -> tuple[Array, Array, float]:
    """Return places along the two leading principal axes, the axes (d, 2), and their share of the squares."""
    m, d = centred.shape
    total = float(np.sum(centred**2))
    axes = np.zeros((d, 2))
    if total > 0:
        # The smaller of the two Gram matrices has the same eigenvalues.
        values, vectors = np.linalg.eigh(centred.T @ centred if d <= m else centred @ centred.T)
        leading = vectors[:, ::-1][:, :2] if d <= m else centred.T @ vectors[:, ::-1][:, :2]
        sizes = np.sqrt(np.einsum("ij,ij->j", leading, leading))
        there = values[::-1][:2] > 1e-14 * values[-1]
        axes[:, : len(sizes)] = leading / np.where(sizes > 0, sizes, 1.0) * there
    places = centred @ axes
    furthest = places[np.abs(places).argmax(axis=0), [0, 1]]
    flip = np.where(furthest < 0, -1.0, 1.0)
    places, axes = places * flip, axes * flip
    return places, axes, float(np.sum(places**2)) / total if total > 0 else 1.0

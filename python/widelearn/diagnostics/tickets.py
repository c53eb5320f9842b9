"""Tickets of two-layer nets: a mask and a start, random ones of the same size, and their training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state

from widelearn.runtime import in_range

Array = NDArray[np.float64]

UNITS = ("weights", "neurons")
# Algorithms that train both layers, whose steps are those of the kept neurons alone.
TRAINED = ("gd", "algorithm1")


@dataclass(frozen=True, eq=False)
class Ticket:
    """Hold a mask of a two-layer net, the start to which training goes back, and the estimator that trains.

    Parameters
    ----------
    mask : ndarray of shape (width, d) or (width,)
        1 for weights of the first layer, or for neurons, that stay, and 0 for the others.
    method : str
        How they were chosen.
    estimator : TwoLayerRegressor or TwoLayerClassifier
        An estimator with the parameters of the fitted one, not fitted itself.
    start : tuple of ndarrays
        Weights W, b and a to which a rewound training goes back.

    Examples
    --------
    >>> from widelearn import TwoLayerClassifier
    >>> from widelearn.datasets import parity
    >>> from widelearn.diagnostics import ticket
    >>> data = parity(300, 20, 2, random_state=0)
    >>> model = TwoLayerClassifier.preset("parity", width=16, max_iter=60, random_state=0).fit(
    ...     data.X, data.y
    ... )
    >>> found = ticket(model, data.X, data.y, "magnitude", keep=0.1)
    >>> found.mask.shape, found.n_kept, round(found.share, 3)
    ((16, 20), 32, 0.1)
    """

    mask: Array
    method: str
    estimator: Any
    start: tuple[Array, Array, Array]

    @property
    def unit(self) -> str:
        """What the mask keeps: "weights" or "neurons"."""
        return UNITS[0] if self.mask.ndim == 2 else UNITS[1]

    @property
    def n_kept(self) -> int:
        """How many of them."""
        return int(self.mask.sum())

    @property
    def masked(self) -> Any:
        """An estimator that trains the ticket from its start, with all weights there and a mask on them."""
        return clone(self.estimator).set_params(init=self.start, mask=self.mask)

    @property
    def share(self) -> float:
        """The share of the first layer's weights that stay."""
        return self.n_kept / self.mask.size

    def support_share(self, support: ArrayLike) -> float:
        """Return the share of the kept weights that read columns of a `support`, whose numbers are given."""
        d = self.start[0].shape[1]
        columns = np.atleast_1d(np.asarray(support))
        if columns.ndim != 1 or columns.dtype.kind not in "iu" or not ((columns >= 0) & (columns < d)).all():
            raise ValueError(f"support must be numbers of columns from 0 to {d - 1}, got {support!r}.")
        if self.mask.ndim == 1:
            return len(np.unique(columns)) / d
        return float(self.mask[:, np.unique(columns)].sum() / self.mask.sum())

    def control(self, kind: str = "random", random_state: int | np.random.RandomState | None = None) -> Self:
        """Return a ticket of a random mask of the same size, with the same start.

        "random" draws from all weights, or neurons; "matched" keeps as many weights of every neuron as this one, others
        of its columns. They are drawn among those that the estimator's own mask leaves.
        """
        if kind not in ("random", "matched"):
            raise ValueError(f"kind must be 'random' or 'matched', got {kind!r}.")
        rng, alive = check_random_state(random_state), alive_of(self.estimator, self.mask.shape)
        mask = np.zeros(self.mask.shape)
        if kind == "random" or mask.ndim == 1:
            mask.flat[rng.choice(np.flatnonzero(alive), self.n_kept, replace=False)] = 1.0
        else:
            for row, kept, there in zip(mask, self.mask, alive, strict=True):
                row[rng.choice(np.flatnonzero(there), int(kept.sum()), replace=False)] = 1.0
        return replace(self, mask=mask, method=kind)


@in_range
def retrain(
    ticket: Ticket,
    X: ArrayLike,
    y: ArrayLike,
    *,
    start: str = "rewound",
    sample_weight: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    **parameters: Any,
) -> Any:
    """Train a ticket, and return the fitted estimator; masked weights stay 0, momentum included.

    Parameters
    ----------
    ticket : Ticket
        Of :func:`ticket`, or a :meth:`Ticket.control` of it.
    X : array-like of shape (n, d)
        Rows, as those of the first fit.
    y : array-like of shape (n,) or (n, t)
        Their targets.
    start : {"rewound", "fresh"}, default="rewound"
        The ticket's own start, or another drawn by the estimator's law: whether the weights carry something, or the
        mask alone.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows.
    random_state : int, RandomState or None, default=None
        Seed of the fit; None keeps the estimator's. If that is an integer, "fresh" draws the first fit's start again.
    **parameters
        Others of the estimator's, such as `max_iter` or `callback`.

    Returns
    -------
    TwoLayerRegressor or TwoLayerClassifier
        A fitted clone. Its `mask` is the ticket's; rewound neurons that "gd" or "algorithm1" train are a net of their
        own, of width ``n_kept``.

    Raises
    ------
    ValueError
        If start is unknown, "fresh" for a model whose `init` is arrays, rows have another number of columns, or a
        parameter is none of the estimator's.
    TypeError
        If it is not a ticket.

    Notes
    -----
    Costs a fit, of the kept neurons alone where they are rewound; masked weights are multiplied like the others.

    Examples
    --------
    >>> from widelearn import TwoLayerClassifier
    >>> from widelearn.datasets import parity
    >>> from widelearn.diagnostics import retrain, ticket
    >>> data = parity(1200, 30, 2, random_state=0)
    >>> model = TwoLayerClassifier.preset("parity", random_state=0).fit(
    ...     data.X[:700], data.y[:700]
    ... )
    >>> small = ticket(model, data.X[:700], data.y[:700], "magnitude", keep=0.02)
    >>> float(
    ...     retrain(small, data.X[:700], data.y[:700]).score(data.X[700:], data.y[700:])
    ... ) > 0.95
    True
    """
    if not isinstance(ticket, Ticket):
        raise TypeError(f"ticket must be what wl.diagnostics.ticket returns, got {type(ticket).__name__}.")
    if start not in ("rewound", "fresh"):
        raise ValueError(f"start must be 'rewound' or 'fresh', got {start!r}.")
    if given := sorted({"mask", "width", "init"} & set(parameters)):
        raise ValueError(f"{', '.join(given)} are the ticket's own: make another ticket.")
    estimator = ticket.masked.set_params(**parameters)
    if start == "fresh":
        if not isinstance(ticket.estimator.init, str):
            raise ValueError(
                'The model starts from the arrays of its init, and no law draws others: take start="rewound", or fit it'
                ' with init="pairs".'
            )
        estimator.set_params(init=ticket.estimator.init)
    elif ticket.unit == "neurons" and estimator.algorithm in TRAINED:
        # The others are nothing to multiply.
        kept = ticket.mask > 0
        own = tuple(part[kept] for part in ticket.start)
        estimator.set_params(width=ticket.n_kept, init=own, mask=None)
    if random_state is not None:
        estimator.set_params(random_state=random_state)
    return estimator.fit(X, y, sample_weight)


def unfitted(model: Any) -> Any:
    """Return an estimator with a model's parameters, which writes and calls nothing on its way."""
    return clone(model).set_params(checkpoint=None, callback=None)


def alive_of(model: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Say which weights or neurons an estimator's own mask leaves, which must be of this shape."""
    if model.mask is None:
        return np.ones(shape, bool)
    mask = np.asarray(model.mask) > 0
    if mask.ndim != len(shape):
        own, asked = (UNITS[1] if dim == 1 else UNITS[0] for dim in (mask.ndim, len(shape)))
        raise ValueError(f"The model has a mask of {own} of its own: take unit={own!r}, not {asked!r}.")
    return mask

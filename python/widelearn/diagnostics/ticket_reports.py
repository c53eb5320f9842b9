"""A ticket beside the whole net, another start and random masks of its size, with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.base import is_classifier
from sklearn.utils import check_random_state

from widelearn.diagnostics.net_starts import NetStart
from widelearn.diagnostics.tickets import Ticket, alive_of, retrain
from widelearn.runtime import in_range

Array = NDArray[np.float64]

CONTROLS = ("random", "matched")
# Draws of test rows behind an interval of R².
DRAWS = 1000
# Masks of each kind, at most.
MOST = 1000


@dataclass(frozen=True, eq=False)
class TicketReport:
    """Hold test scores of a ticket and its controls: accuracies, or R².

    Parameters
    ----------
    full, ticket, fresh : float
        Scores of the whole net from the ticket's start, of the ticket, and of its mask from another start; NaN in place
        of the last where the model's `init` is arrays, since no law draws others.
    random, matched : ndarray of shape (n_controls,)
        Scores of random masks of the ticket's size; of those that keep as many weights of every neuron.
    intervals : dict
        For "full", "ticket" and "fresh" an interval (low, high) of the given level over test rows.
    steps : dict
        For "full" and "ticket" the first iteration after which the score is at least the threshold; None if never, or
        where the algorithm has no iterations.
    share : float
        The share of the first layer's weights that the ticket keeps.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import TicketReport
    >>> many = np.array([0.5, 0.52, 0.48])
    >>> report = TicketReport(
    ...     1.0, 0.99, 0.98, many, many, {"ticket": (0.97, 1.0)}, {"ticket": 25}, 0.02
    ... )
    >>> round(float(report.separation("random")), 1), round(report.luck("random"), 2)
    (42.4, 0.0)
    """

    full: float
    ticket: float
    fresh: float
    random: Array
    matched: Array
    intervals: dict[str, tuple[float, float]]
    steps: dict[str, int | None]
    share: float

    def separation(self, control: str = "matched") -> float:
        """Return by how many standard errors of a control's mean score the ticket's is above it."""
        scores = self._scores(control)
        error = float(np.std(scores, ddof=1)) / np.sqrt(len(scores))
        gap = self.ticket - float(np.mean(scores))
        return float(gap / error) if error > 0 else float(np.copysign(np.inf, gap)) if gap else 0.0

    @in_range
    def luck(self, control: str = "matched", within: float = 0.01) -> float:
        """Return the share of a control's masks that come within so much of the ticket's score, or above it."""
        return float(np.mean(self._scores(control) >= self.ticket - within))

    def _scores(self, control: str) -> Array:
        if control not in CONTROLS:
            raise ValueError(f"control must be 'random' or 'matched', got {control!r}.")
        return self.random if control == "random" else self.matched

    def plot(self) -> Any:
        """Return a Matplotlib figure: scores of the net, the ticket and every control, in order."""
        rows = []
        for name in ("full", "ticket", "fresh"):
            if np.isnan(getattr(self, name)):
                continue
            low, high = self.intervals.get(name, (np.nan, np.nan))
            error = float(high - low) / 4 if np.isfinite(high - low) else None
            rows.append({"x": 0.0, "theory": None, "simulation": getattr(self, name), "se": error, "series": name})
        for name in CONTROLS:
            scores = np.sort(self._scores(name))
            places = (np.arange(len(scores)) + 1) / len(scores)
            rows += [
                {"x": float(x), "theory": None, "simulation": float(s), "se": None, "series": f"{name} masks"}
                for x, s in zip(places, scores, strict=True)
            ]
        from widelearn import plots

        return plots.study(
            [{"rows": rows, "xlabel": "share of the masks with this score or less", "ylabel": "test score"}],
            f"A ticket of {self.share:.2%} of the weights beside random masks of its size",
        )


@in_range
def ticket_report(
    ticket: Ticket,
    X: ArrayLike,
    y: ArrayLike,
    X_test: ArrayLike,
    y_test: ArrayLike,
    *,
    n_controls: int = 30,
    margin: float = 0.05,
    level: float = 0.9,
    sample_weight: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = 0,
) -> TicketReport:
    """Train a ticket, the whole net, another start and random masks, and score all of them on fresh rows.

    Parameters
    ----------
    ticket : Ticket
        Of :func:`~widelearn.diagnostics.ticket`.
    X, y : array-like
        Rows and targets to train on.
    X_test, y_test : array-like
        Fresh rows and their targets.
    n_controls : int, default=30
        Random masks of each kind, from 2 to 1,000.
    margin : float, default=0.05
        The threshold of `steps` lies so much below the whole net's score.
    level : float in (0, 1), default=0.9
        Of the intervals: Clopper and Pearson's for accuracies, percentiles of 1,000 draws of the test rows for R².
    sample_weight : array-like of shape (n,), optional
        Weights of the rows to train on; scores have none.
    random_state : int, RandomState or None, default=0
        Source of the masks, the other start and the draws of test rows.

    Returns
    -------
    TicketReport
        Scores, intervals, steps; its ``plot()`` draws them.

    Raises
    ------
    ValueError
        If numbers are out of range or rows do not fit.
    TypeError
        If it is not a ticket.

    Notes
    -----
    Costs 5 + 2 n_controls fits. Intervals are over test rows, for the one training set and start that there are.
    Source: Shi, Wei & Liang, NeurIPS 2023, section 5; controls of Frankle & Carbin, ICLR 2019.

    Examples
    --------
    >>> from widelearn import TwoLayerClassifier
    >>> from widelearn.datasets import parity
    >>> from widelearn.diagnostics import ticket, ticket_report
    >>> X, y = (parity(300, 8, 2, random_state=0)[name] for name in ("X", "y"))
    >>> model = TwoLayerClassifier.preset("parity", width=16, max_iter=50, random_state=0)
    >>> small = ticket(model.fit(X[:200], y[:200]), X[:200], y[:200], "magnitude", keep=0.1)
    >>> report = ticket_report(small, X[:200], y[:200], X[200:], y[200:], n_controls=2)
    >>> report.ticket > 0.95, bool(report.matched.max() < 0.75)
    (True, True)
    """
    if not isinstance(ticket, Ticket):
        raise TypeError(f"ticket must be what wl.diagnostics.ticket returns, got {type(ticket).__name__}.")
    if isinstance(n_controls, bool) or not isinstance(n_controls, Integral) or not 2 <= int(n_controls) <= MOST:
        raise ValueError(f"n_controls must be a whole number from 2 to {MOST:,}, got {n_controls!r}.")
    if not (isinstance(level, Real) and 0 < level < 1 and isinstance(margin, Real) and margin >= 0):
        raise ValueError(f"level must lie in (0, 1) and margin be at least 0, got {level!r} and {margin!r}.")
    rng = check_random_state(random_state)
    seeds = rng.randint(2**31 - 1, size=(int(n_controls), 2))
    whole = replace(ticket, mask=alive_of(ticket.estimator, ticket.mask.shape).astype(float))
    seed = ticket.estimator.random_state
    seed = int(seed) if isinstance(seed, Integral) else int(rng.randint(2**31 - 1))
    train = partial(retrain, X=X, y=y, sample_weight=sample_weight)
    tickets = {"full": whole, "ticket": ticket}
    models = {name: train(one, random_state=seed) for name, one in tickets.items()}
    another = int(rng.randint(2**31 - 1))
    if isinstance(ticket.estimator.init, str):
        models["fresh"] = train(ticket, start="fresh", random_state=another)
    scores = {"fresh": float("nan")} | {name: float(model.score(X_test, y_test)) for name, model in models.items()}
    steps = {}
    for name, one in tickets.items():
        # Again, since only a fit that is done says how it scaled rows and targets.
        curve = watched(partial(train, one, random_state=seed), NetStart.of(models[name], X_test, y_test))
        steps[name] = reached(curve, scores["full"] - margin)
    controls = {
        kind: np.array(
            [train(ticket.control(kind, int(one)), random_state=seed).score(X_test, y_test) for one in column]
        )
        for kind, column in zip(CONTROLS, seeds.T, strict=True)
    }
    return TicketReport(
        **scores,
        **controls,
        intervals={name: interval(model, X_test, y_test, level, rng) for name, model in models.items()},
        steps=steps,
        share=ticket.share,
    )


def watched(train: Callable[..., Any], fresh: NetStart) -> list[float]:
    """Train; return the score of fresh rows after every iteration."""
    curve: list[float] = []

    def look(iteration: int, state: Any) -> None:
        curve.append(fresh.ended(state.W, state.b, state.a))

    train(callback=look)
    return curve


def reached(curve: list[float], threshold: float) -> int | None:
    """Return the first iteration, counted from 1, after which the score is at least a threshold."""
    return next((step for step, score in enumerate(curve, 1) if score >= threshold), None)


def interval(model: Any, X: ArrayLike, y: ArrayLike, level: float, rng: np.random.RandomState) -> tuple[float, float]:
    """Return an interval of the score over draws of test rows."""
    if is_classifier(model):
        n = len(np.asarray(y))
        found = stats.binomtest(round(float(model.score(X, y)) * n), n).proportion_ci(level)
        return float(found.low), float(found.high)
    # With what it loads it would double the time to import the package.
    from sklearn.metrics import r2_score

    known = np.asarray(y, dtype=float).reshape(len(np.asarray(y)), -1)
    values, scores = model.predict(X).reshape(known.shape), []
    for _ in range(DRAWS):
        rows = rng.randint(len(known), size=len(known))
        # Draws of equal targets have no R².
        if (np.ptp(known[rows], axis=0) > 0).all():
            scores.append(r2_score(known[rows], values[rows]))
    if not scores:
        raise ValueError("R² needs test targets that differ: give more test rows.")
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

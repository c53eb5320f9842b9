"""Penalties by held-out rows: joint fits to parts of the rows, and the temperature of the classes' odds."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize_scalar

from widelearn.estimators.optim.descent import DivergedError, Trace, lbfgs_descent
from widelearn.estimators.taylor.inputs import LinearPart, keys_of, ratio
from widelearn.estimators.taylor.model import Objective
from widelearn.estimators.taylor.start import first_point
from widelearn.nets import loss
from widelearn.runtime import Array, NumberOverflowError

# Penalties that are tried, from the strongest: each fit starts from the one before. The last is that of few rows.
LINEAR_ALPHAS = (8.0, 0.5, 0.03, 2e-3)
ALPHAS = (3.2e-2, 8e-3, 2e-3, 5e-4, 1.25e-4)
# What "auto" is while the other penalty is chosen, and of few rows.
ALPHA = 2e-3
# Parts of the rows, each held out once; more where fits to 2/3 of few rows would mislead about the net itself.
PARTS, FINE, MANY = 3, 5, 1000
# Different rows looked at, at most and at least.
MOST, FEWEST = 2000, 12
# Different rows from which steep gates are tried, and most that are looked at for them.
STEEP_FEWEST, STEEP_MOST = 1000, 10_000
# Ends of the fits, which are compared, not kept.
MAX_ITER, TOL = 100, 1e-3
# Bounds of the logarithm of what values are multiplied by.
SHARPNESS = (-5.0, 3.0)


@dataclass(frozen=True)
class Penalties:
    """The penalties of the net and of its linear part, and what values of classes are divided by."""

    alpha: float | tuple[float, ...]
    linear_alpha: float
    temperature: float = 1.0


@dataclass(frozen=True)
class Parted:
    """The number of the part that each row is in, -1 for rows that are not looked at; and how many different are.

    Parts from `held` on are never held out.
    """

    numbers: Array
    count: int
    held: int


@dataclass
class HeldOut:
    """A part of the rows, and the joint model of the others, which is fitted further at every pair of penalties."""

    objective: Objective
    rows: Array
    theta: Array | None = None

    @classmethod
    def of(cls, whole: Objective, out: Array, used: Array) -> "HeldOut":
        """Take rows out of those used, given as masks."""
        kept = used & ~out
        X, weight = whole.X[kept], None if whole.weight is None else whole.weight[kept]
        weight = None if weight is None else weight / weight.mean()
        linear = None
        if whole.linear is not None:
            linear = LinearPart.of(X[:, : len(whole.linear.mean)], LINEAR_ALPHAS[0], weight)
        return cls(replace(whole, X=X, Y=whole.Y[kept], linear=linear, weight=weight), whole.X[out])

    def values(self, alpha: float | tuple[float, ...], linear_alpha: float, rng: np.random.RandomState) -> Array:
        """Fit at penalties, from where the last fit ended, and return the values of the rows held out."""
        old = self.objective.linear
        linear = None if old is None else old.at(linear_alpha)
        self.objective = objective = replace(self.objective, linear=linear, alpha=alpha)
        theta = first_point(objective, "auto", rng) if self.theta is None else self.theta
        if self.theta is not None and old is not None and linear is not None:
            W, gamma, b = objective.unpack(theta)
            theta = objective.pack(W, gamma * ratio(old.scale, linear.scale)[:, None], b)
        trace = Trace(theta)
        self.theta = theta
        try:
            lbfgs_descent(objective, trace, max_iter=MAX_ITER, tol=TOL)
            self.theta = trace.theta
            return self._outputs(trace.theta, linear)
        except (DivergedError, NumberOverflowError):
            return np.full((len(self.rows), objective.Y.shape[1]), np.nan)

    def _outputs(self, theta: Array, linear: LinearPart | None) -> Array:
        W, gamma, b = self.objective.unpack(theta)
        moved = self.objective.net.outputs(self.rows, W.astype(self.rows.dtype)).astype(np.float64)
        return moved if linear is None else moved + linear.of_rows(self.rows).Z @ gamma + b


@dataclass
class Search:
    """All parts held out in turn: errors of pairs of penalties on them, and the best pair so far."""

    objective: Objective
    parted: Parted
    rng: np.random.RandomState
    best: Penalties
    error: float = np.inf

    def __post_init__(self) -> None:
        numbers = self.parted.numbers
        used = numbers >= 0
        self.masks = [numbers == number for number in range(self.parted.held)]
        self.parts = [HeldOut.of(self.objective, mask, used) for mask in self.masks]

    def over(self, pairs: Iterable[tuple[float | tuple[float, ...], float]]) -> Penalties:
        """Try pairs one after another, and return the best of all that were tried."""
        weight, Y = self.objective.weight, np.concatenate([self.objective.Y[mask] for mask in self.masks])
        weight = None if weight is None else np.concatenate([weight[mask] for mask in self.masks])
        for pair in pairs:
            F = np.concatenate([part.values(*pair, self.rng) for part in self.parts])
            error, sharpness = error_of(F, Y.astype(np.float64), self.objective.loss, weight, self.parted.count)
            if error < self.error:
                self.error, self.best = error, Penalties(*pair, 1 / sharpness)
        return self.best


def error_of(F: Array, Y: Array, name: str, weight: Array | None, count: int) -> tuple[float, float]:
    """Return the mean loss of values, of classes at the best factor of all values, and that factor.

    Of n different rows, 1 in n + 2 counts as mislabelled (Laplace's rule), so that no factor is endless.
    """
    if not np.isfinite(F).all():
        return np.inf, 1.0
    if name == "squared":
        return loss(F, Y, name, sample_weight=weight)[0], 1.0
    wrong = 1 / (count + 2)
    others = -Y if name == "logistic" else (1 - Y) / max(Y.shape[1] - 1, 1)

    def mean_loss(logarithm: float) -> float:
        values = np.exp(logarithm) * F
        right, left = (loss(values, labels, name, sample_weight=weight)[0] for labels in (Y, others))
        return (1 - wrong) * right + wrong * left

    found = minimize_scalar(mean_loss, bounds=SHARPNESS, method="bounded", options={"xatol": 1e-3})
    return float(found.fun), float(np.exp(found.x))


def parts_of(X: Array, Y: Array, rng: np.random.RandomState, *, fine: bool = False, most: int = MOST) -> Parted:
    """Return the parts of `most` different rows at most; of few rows finer ones, if they are asked for.

    All are held out in turn, but of more than MOST rows one alone. Equal rows are in one part, whatever the order of
    the rows: weights are as good as repetition, and no row tells of its double.
    """
    source = np.random.RandomState(0)
    key = np.zeros(len(X), complex)
    for values in (X, Y):
        key += keys_of(values, source.standard_normal(values.shape[1:]))
    _, place = np.unique(key, return_inverse=True)
    order = rng.permutation(place.max() + 1)
    if len(order) < FEWEST:
        return Parted(np.full(len(X), -1), 0, 0)
    parts = FINE if fine and len(order) <= MANY else PARTS
    count = min(len(order), most)
    return Parted(np.where(order < most, order % parts, -1)[place], count, parts if count <= MOST else 1)


def first_of(linear_alpha: float | str) -> float:
    """Return the penalty of the linear part before anything is chosen."""
    return LINEAR_ALPHAS[-1] if isinstance(linear_alpha, str) else float(linear_alpha)


def choose_penalties(
    objective: Objective,
    alpha: float | tuple[float, ...] | None,
    linear_alpha: float | str,
    raw: Array,
    rng: np.random.RandomState,
) -> Penalties:
    """Return penalties, those that are not given by the errors of joint fits on held-out parts of the rows `raw`."""
    auto, linear_auto = alpha is None, isinstance(linear_alpha, str) and objective.linear is not None
    given = Penalties(ALPHA if alpha is None else alpha, first_of(linear_alpha))
    classes = objective.loss != "squared"
    if not (auto or linear_auto or classes):
        return given
    # The net's penalty and the temperature hang on how well the net is learned.
    parted = parts_of(raw, objective.Y, rng, fine=auto or classes)
    if not parted.count:
        return given
    search = Search(objective, parted, rng, given)
    tried = LINEAR_ALPHAS if linear_auto else (given.linear_alpha,)
    found = search.over((given.alpha, penalty) for penalty in tried)
    if auto:
        found = search.over((penalty, found.linear_alpha) for penalty in ALPHAS if penalty != given.alpha)
    return found


def steep_parts(raw: Array, Y: Array, rng: np.random.RandomState) -> Parted | None:
    """Return the parts by which gates are chosen; of few different rows None.

    Of few rows steep nets, which have many more directions to fit, have learned less in all trials.
    """
    parted = parts_of(raw, Y, rng, most=STEEP_MOST)
    return parted if parted.count >= STEEP_FEWEST else None


def measured(
    objective: Objective, parted: Parted, given: Penalties, rng: np.random.RandomState
) -> tuple[float, Penalties]:
    """Return the loss at penalties on rows held out, and the penalties with the temperature found there."""
    search = Search(objective, parted, rng, given)
    found = search.over([(given.alpha, given.linear_alpha)])
    return search.error, found

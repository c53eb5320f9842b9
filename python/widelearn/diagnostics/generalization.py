"""A bound of a quadratic model's loss on new rows, whose every constant is derived or measured, and says which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.diagnostics.capacity import mixed_norm, rademacher
from widelearn.diagnostics.taylor_problem import TaylorProblem, refuse_order
from widelearn.runtime import capped

Array = NDArray[np.float64]

# What raises radii to the next of a grid.
GRID = 2.0**0.25


@dataclass(frozen=True)
class GeneralizationBound:
    """Hold a bound of the mean of a bounded loss on new rows, its terms, and where each constant comes from.

    Parameters
    ----------
    bound : float
        `train + complexity + confidence`.
    train : float
        The bounded loss's mean over the rows.
    complexity : float
        Twice the loss's Lipschitz constant times the class's Rademacher complexity.
    confidence : float
        What holding with probability 1 - delta costs.
    largest : float
        The largest value of the loss: a bound above it says nothing.
    constants : dict of (float, str)
        Name -> value and source, "derived: ..." or "measured: ...".

    Examples
    --------
    >>> from widelearn.diagnostics import GeneralizationBound
    >>> GeneralizationBound(1.2, 0.1, 0.9, 0.2, 1.0, {}).vacuous
    True
    """

    bound: float
    train: float
    complexity: float
    confidence: float
    largest: float
    constants: dict[str, tuple[float, str]]

    @property
    def vacuous(self) -> bool:
        """Whether the bound is above what the loss can be."""
        return self.bound >= self.largest


@capped
def generalization_bound(
    model: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    delta: float = 0.05,
    clip: float = 1.0,
    draws: int = 10,
    random_state: int = 0,
) -> GeneralizationBound:
    """Bound the mean loss of a fitted quadratic model on new rows, with probability 1 - delta.

    E ℓ <= (1/n) Σ_i ℓ_i + 2 (R + 2 SE) + 3 clip √(log(2 N/delta)/(2n)), R the Rademacher complexity of the class of
    movements with ‖W‖_{2,4} <= B, plus that of linear parts ‖β‖ <= B_β, |b| <= B_b, over `clip` for classes. The loss
    is min(clip, |f - y|) in units of `y_scale_` for one target, and the ramp min(1, max(0, 1 - y f/clip)), at least the
    share of errors, for two classes.

    Parameters
    ----------
    model : TaylorRegressor or TaylorClassifier
        Fitted with order=2 and mode="taylor" to one target or two classes.
    X : array-like of shape (n, d)
        The rows it was fitted to.
    y : array-like of shape (n,)
        Their targets or labels.
    delta : float, default=0.05
        Probability with which the bound may fail.
    clip : float, default=1.0
        Largest error that counts, for targets; the margin, for classes.
    draws : int, default=10
        How many times signs are drawn for complexities, 2 to 1,000.
    random_state : int, default=0
        Their seed.

    Returns
    -------
    GeneralizationBound
        The bound, its terms, and the source of each constant.

    Raises
    ------
    ValueError
        If order, mode or shapes do not fit, there are several outputs, or a number is out of range.
    TypeError
        If the model is no fitted Taylor model.

    Notes
    -----
    n m d² flops a draw. The class is fixed before the rows are seen: radii are raised to a grid of factors 2^(1/4)
    about 1, and N counts the grid's points up to them, each with a share of delta. The units of rows and targets, and
    complexities as means over draws plus two standard errors, are taken as given.

    References
    ----------
    Bai & Lee, "Beyond linearization: on quadratic and higher-order approximation of wide neural networks", ICLR 2020,
    section 4. Bartlett & Mendelson, "Rademacher and Gaussian complexities", JMLR 2002, theorem 8.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import TaylorClassifier
    >>> from widelearn.diagnostics import generalization_bound
    >>> X = np.random.default_rng(0).choice([-1.0, 1.0], (4000, 10))
    >>> y = X[:, 0] * X[:, 1] > 0
    >>> model = TaylorClassifier(width=32, linear_term=False, random_state=0).fit(X, y)
    >>> found = generalization_bound(model, X, y, draws=4)
    >>> bool(np.mean(model.predict(X) != y) <= found.train < found.bound)
    True
    """
    refuse_order(model, "The generalisation bound")
    problem = TaylorProblem.of(model, X, y, None, "The generalisation bound")
    if problem.Y.shape[1] > 1:
        raise ValueError(f"The bound is of one output, but the model has {problem.Y.shape[1]}: fit them one by one.")
    if not 0 < delta < 1 or not 0 < clip < np.inf:
        raise ValueError(f"delta must be between 0 and 1 and clip above 0, got delta = {delta!r}, clip = {clip!r}.")
    n, classes = len(problem.X), problem.loss == "logistic"
    F = (problem.outputs + problem.offset)[:, 0]
    if classes:
        losses = np.clip(1 - problem.Y[:, 0] * F / clip, 0.0, 1.0)
        steep, largest = 1 / clip, 1.0
    else:
        losses = np.minimum(np.abs(F - problem.Y[:, 0]), clip)
        steep, largest = 1.0, clip
    norms = [mixed_norm(problem.W, 2)]
    if problem.linear:
        norms += [float(np.linalg.norm(problem.beta)), float(np.linalg.norm(problem.b))]
    radii, places = zip(*map(_raised, norms), strict=True)
    found = rademacher(model, X, radius=radii[0], draws=draws, random_state=random_state)
    net, line = found.quadratic + 2 * found.quadratic_error, _linear(problem.columns, radii[1:])
    # Two sides of the grid, of which place j has the share 1/((j + 1)(j + 2)).
    tries = float(np.prod([2.0 * (place + 1) * (place + 2) for place in places]))
    complexity = 2 * steep * (net + line)
    confidence = 3 * largest * float(np.sqrt(np.log(2 * tries / delta) / (2 * n)))
    train = float(np.mean(losses))
    constants = {
        "B": (radii[0], "measured: ‖W‖_{2,4} of the fit, raised to the grid"),
        "R": (net, "measured: mean of the exact supremum over drawn signs, and 2 standard errors"),
        "R_linear": (line, "derived: (B_β (Σ_i ‖x_i‖²)^½/n + B_b/√n, by Jensen), radii measured"),
        "Lipschitz": (steep, "derived: slope of the bounded loss"),
        "symmetrisation": (2.0, "derived: a ghost sample, and the contraction of a Lipschitz loss"),
        "deviation": (3.0, "derived: bounded differences, once for the risk and twice for the complexity"),
        "N": (tries, "derived: points of the grid of radii up to the fit's"),
        "M_op": (found.operator_norm_ratio, "measured: ‖XᵀX/n‖^½/max ‖x‖ of the rows"),
        "R_by_M_op": (found.quadratic_bound, "derived: matrix Khintchine with M_op, max |σ''| measured"),
    }
    return GeneralizationBound(train + complexity + confidence, train, complexity, confidence, largest, constants)


def _raised(norm: float) -> tuple[float, int]:
    """Return the least radius of the grid that holds a norm, and its place from 1, on its side."""
    if not norm > 0:
        return GRID**-64, 64
    place = int(np.ceil(np.log(norm) / np.log(GRID)))
    return GRID**place, abs(place)


def _linear(X: Array, radii: tuple[float, ...]) -> float:
    """Return a bound of the Rademacher complexity of x'β + b, 0 without a linear part."""
    if not radii:
        return 0.0
    n = len(X)
    return radii[0] * float(np.linalg.norm(X)) / n + radii[1] / float(np.sqrt(n))

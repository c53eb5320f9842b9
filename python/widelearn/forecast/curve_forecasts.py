"""The function that forecasts: it reads the question and chooses how it is answered."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier, is_regressor

from widelearn.forecast.answer import Forecast
from widelearn.forecast.problems import checked, has_closed_form, ridge_problem, sampled, taken
from widelearn.forecast.questions import RidgeQuestion, numbers
from widelearn.forecast.refits import by_refits
from widelearn.runtime import capped

NO_SETTING = (
    "{} has neither a kernel nor a map of features in closed form: its forecast is by refits as it is. Leave out {}, or"
    " take KernelRidge or FeatureRidge, without solver 'nystrom' and class_weight."
)


@capped
def forecast(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    n: ArrayLike,
    n_features: ArrayLike | None = None,
    alpha: ArrayLike | None = None,
    *,
    random_state: int = 0,
) -> Forecast:
    """Forecast the test error of an estimator with other numbers of rows, features and penalties.

    For ridge regression on a kernel or a feature map, one eigendecomposition of the m rows at hand gives, for every
    penalty α, the effective ridge κ = 1 / tr R, R = (K + α)⁻¹, the degrees of freedom df1 = m (1 - α tr R / m), and
    from left-out errors q_i = (R y)_i / R_ii the error E = mean q_i², its inflation by noise v = mean (R²)_ii / R_ii²,
    df2 = m (1 - 1/v) and F = E / v. These belong to κ, not to m: at n rows and penalty α, κ solves κ (1 - df1(κ)/n) =
    α/n, and the error is F(κ) / (1 - df2(κ)/n). It is blended with a power law through the left-out errors of blocks of
    m/16, ..., m rows, which takes over where κ is below all that the sample shows. With N random features κ solves κ (1
    - df1/n) (1 - df1/N) = α/n.

    Parameters
    ----------
    estimator : object
        :class:`~widelearn.KernelRidge` (but for ``solver="nystrom"``), :class:`~widelearn.FeatureRidge`, their CV forms
        and classifiers without `class_weight`, in closed form; any other scikit-learn regressor or classifier by a
        power law through 20 refits. It is not fitted, nor changed.
    X : array-like of shape (m, d)
        At least 100 rows; of more than 4,000, 4,000 at random are looked at in closed form. Refits get them as they
        are, a data frame or a sparse matrix, too.
    y : array-like of shape (m,) or (m, t)
        Targets or labels.
    n : array-like
        Numbers of rows to forecast for, at least 1.
    n_features : array-like or None, default=None
        Numbers of random features N; None: the estimator's own map as it is.
    alpha : array-like or None, default=None
        Penalties; None: the estimator's own. Of those that a CV form chooses from, the one with the best forecast is
        answered, with something taken off for a wide band; of squared errors, whatever its `scoring`.
    random_state : int, default=0
        Which rows form the blocks, and are refitted.

    Returns
    -------
    Forecast
        An entry for every combination of `n`, `n_features` and `alpha`, in this order.

    Raises
    ------
    ValueError
        If there are fewer than 100 rows, `y` is constant or squares of it leave the range of numbers, `n` is below 1,
        a refit fails, or `n_features` or `alpha` is asked of an estimator without a kernel or a map in closed form.
    MemoryError
        If kernel matrices of the rows do not fit, with the bytes.

    Notes
    -----
    States are measured where at most .6 of the rows are fitted: beyond, real rows saturate. The band holds the standard
    error of the left-out error's level, by groups of rows left out and by the noise that left-out errors share, 3 % for
    each factor e in rows, and either 7 % for each factor e of degrees of freedom beyond those that are measured or half
    of what the two predictions differ by: constants that were found by trial on tables of 1,000 to 8,000 rows and on
    drawn ones. An entry is refused, NaN with a `reason`, beyond ten times the rows, below the smallest block or refit,
    where the band is wider than ± 30 %, or where few rows make most of the error. Rows must be exchangeable: for groups
    or times that stay together the error of *new groups* is another, and this does not see it; nor can it see outliers
    that the sample lacks, or inputs that will drift. Errors at small penalties of noisy targets, by which nearly all
    rows are fitted, were still some 20 % above their forecasts (measured: Gaussian rows, 400 to 1,600, penalties that
    no forecast would choose; at the chosen one bands cover 88 %). Log prices of diamonds by an RBF kernel were within
    15 % in 16 of 19 cases (at penalties chosen by the whole band), by an NTK in none of the 4 that were not refused:
    there 50 of 45,940 new rows, with columns up to 46 standard deviations away, make 14 to 40 % of the error, and of
    new rows within the range of the sample forecasts were 5, 9 and 14 % off. An estimator that becomes another one with
    more rows is forecast as it was in the refits: give Taylor models, which have steep gates from 1,000 rows at the
    earliest, `weight_variance` and `bias_variance`. 9 m³ flops for all rows and as much again for blocks; a setting
    costs about a millisecond. Refits cost 5 times the fits to .1, .2, .4 and .8 m rows. Results are the same for every
    number of threads but for rounding.

    References
    ----------
    Misiakiewicz & Montanari, "Six lectures on linearized neural networks", chapters 3 and 4 (the equations). Wei, Hu &
    Steinhardt, "More than a toy", ICML 2022 (states from left-out errors).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import KernelRidge, forecast
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((400, 3))
    >>> y = np.sin(X[:, 0]) * X[:, 1] + 0.3 * rng.standard_normal(400)
    >>> found = forecast.forecast(KernelRidge("rbf"), X, y, n=[400, 1600], alpha=[0.1, 1.0])
    >>> bool(found.test[3] < found.test[1])
    True
    """
    rows = numbers("n", n, 1.0)
    counts = None if n_features is None else numbers("n_features", n_features, 1.0, whole=True)
    alphas = None if alpha is None else numbers("alpha", alpha, 0.0)
    classify, closed = _classifies(estimator), has_closed_form(estimator)
    table, targets = checked(X, y, classify, as_they_are=not closed)
    if not closed:
        asked = [name for name, given in (("n_features", counts), ("alpha", alphas)) if given is not None]
        if asked:
            raise ValueError(NO_SETTING.format(type(estimator).__name__, " and ".join(asked)))
        return by_refits(estimator, table, targets, rows, random_state)
    rng = np.random.default_rng(random_state)
    kept = sampled(table.shape[0], rng)
    problem = ridge_problem(estimator, taken(estimator, table, kept, kept), targets[kept], limit=counts is not None)
    return RidgeQuestion(problem, alphas, rng).answer(rows, counts)


def _classifies(estimator: Any) -> bool:
    """Whether an estimator is a classifier; ValueError if it is no regressor either."""
    if isinstance(estimator, type) or not (hasattr(estimator, "fit") and hasattr(estimator, "get_params")):
        raise ValueError(f"estimator must be an object such as KernelRidge(), got {estimator!r}.")
    if not is_classifier(estimator) and not is_regressor(estimator):
        raise ValueError(
            f"{type(estimator).__name__} is neither a regressor nor a classifier, and has no test error. Take one."
        )
    return bool(is_classifier(estimator))

"""Ridge regression on any feature map."""

from __future__ import annotations

from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import MultiOutputMixin, RegressorMixin

from widelearn.estimators.feature_ridge.blocks import Blocks, Callback, model_of_blocks
from widelearn.estimators.feature_ridge.fit import BaseFeatureRidge, model_with, read_numbers
from widelearn.estimators.intervals import IntervalRegressor
from widelearn.estimators.posterior import GaussianProcess
from widelearn.estimators.scores import RSquared
from widelearn.features.state import refitting
from widelearn.kernels.parameters import checks_parameters


class FeatureRidge(MultiOutputMixin, RegressorMixin, GaussianProcess, BaseFeatureRidge):
    """Fit f(x) = φ(x).c + b by ridge regression on a feature map φ.

    Minimises Σ_i w_i (y_i - f(x_i))² + alpha ‖c‖² over c and the unpenalised b, jointly. With p features and n rows
    it solves the p x p normal equations, or their n x n dual where n < p. Random features are summed into them block
    by block: no n x p matrix is stored.

    Parameters
    ----------
    features : transformer, "passthrough" or None, default=None
        The feature map: any object with fit and transform. None means ``RandomFeatures()``, "passthrough" X itself.
        It is cloned, never changed. Nested names set its parameters: ``features__n_components``.
    alpha : float or array-like of shape (n_targets,), default=1.0
        Penalty, non-negative, one for all targets or one each. It is scikit-learn's alpha: not divided by n.
    fit_intercept : bool, default=True
        Whether there is an unpenalised intercept b.
    precision : {"auto", "mixed"}, default="auto"
        "auto" is double for float64 data; for float32 data, our maps' features and products of blocks in float32,
        summed and solved in float64; products of any other features are in float64. "mixed" sums our maps' products in
        float32 for any data and refines the solution by further passes in float64 until it is that of "auto" to 1e-9,
        which it falls back to where that does not converge. Rows given to :meth:`partial_fit` or :meth:`fit_blocks`
        cannot be passed again and are summed as by "auto", as are fewer rows than features.
    random_state : int, RandomState or None, default=None
        Source of a seed for every ``random_state`` of `features` that is None.
    store_loo : bool, default=False
        Whether :meth:`fit` keeps each row's left-out error, `loo_residuals_`: another n p² + p³ flops and pass over the
        features for n >= p, as many as the fit takes (in float32 where rounding then moves them by less than 1e-6),
        and n³ / 3 for n < p. Of batches, blocks and Dask collections there are none.

    Attributes
    ----------
    coef_ : ndarray of shape (p,) or (n_targets, p)
        Coefficients c.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept b.
    loo_residuals_ : ndarray of shape (n,) or (n, n_targets)
        With `store_loo`, y_i - f_-i(x_i), f_-i fitted to the other rows; NaN for rows of weight zero.
    features_ : transformer or "passthrough"
        The fitted feature map.
    moments_ : Moments
        What :meth:`partial_fit` has summed; not there after :meth:`fit` or :meth:`fit_blocks`.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if they were strings.

    Raises
    ------
    MemoryError
        If the smaller system does not fit, with the bytes.

    Warns
    -----
    LinAlgWarning
        Once, with the reciprocal condition number and the remedy, if the system with columns scaled alike is singular
        to working precision; the solution is then the one of smallest norm. So too if rounding may have moved fitted
        values, which rows given to :meth:`partial_fit` cannot correct as those of :meth:`fit` do.

    See Also
    --------
    FeatureRidgeClassifier : The same for classes.
    KernelRidge : The limit of many random features.

    Notes
    -----
    With d columns, fitting costs 2 n p (d + p) + p³ / 3 flops and 8 p² bytes for n >= p; where n < p it costs 2 n² p
    + n³ / 3 flops and stores the n x p features. Predicting m rows costs 2 m p d flops and no matrix of features.
    Where n >= p, float32 or float64 rows that are mapped from a file are not copied, nor are their targets.
    Powers of two are taken out of targets below 1e-12 or above 1e12, and of weights and alpha, so that :meth:`fit`
    takes any size. The sums of :meth:`partial_fit`, :meth:`fit_blocks` and Dask's blocks take targets whose squares
    float64 holds.

    Sparse rows of "passthrough" stay sparse where that costs less: conjugate gradients of 4 t flops a stored value and
    iteration, until fitted values are within 1e-10 of the targets' spread for certain, or else the dense system. Where
    n < p they run on inner products of rows, whose residual's norm bounds the error, preconditioned by the k columns
    that weigh most (at most 1,024), for k³ / 3 flops and 8 k² bytes; in trials with word counts and alpha = 1 that took
    19 to 56 iterations. Else they run on the columns, where the gradient's norm over 2 √alpha bounds the error.

    ``predict(X, return_std=True)`` treats coefficients as independent standard normal and targets as f plus noise of
    variance alpha / w_i, for p³ / 3 flops a call. It takes the second moments of features, p² numbers: of at most 2,048
    features they are kept by :meth:`fit`, of any number by :meth:`partial_fit`; where n < p the rows are kept instead.
    With them :meth:`fit` keeps rows for :meth:`predict_interval`: all, or a uniform sample of at most 4,096 and 16 MiB.

    Dask arrays and dataframes, chunked along rows, are fitted block by block where they lie, on whatever scheduler is
    current: with one pass, a map of the same seed everywhere (one that looks at rows sees some of each block, in a pass
    before), the p x p system even where n < p, and the same bits for any number of workers. Predictions for them are
    lazy Dask arrays. A scheduler that cannot be reached raises RuntimeError. See :mod:`widelearn.distributed`.

    References
    ----------
    Rahimi & Recht, "Random features for large-scale kernel machines", NeurIPS 2007, algorithm 1. Hoerl & Kennard,
    "Ridge regression", Technometrics 12, 1970, equation 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import FeatureRidge, RandomFeatures
    >>> X = np.linspace(-1, 1, 500)[:, None]
    >>> features = RandomFeatures(n_components=100, bias_scale=1.0, random_state=0)
    >>> model = FeatureRidge(features, alpha=1e-6).fit(X, X[:, 0] ** 2)
    >>> np.round(model.predict([[0.5]]), 2)
    array([0.25])
    """

    _parameter_constraints = BaseFeatureRidge._parameter_constraints | {"store_loo": ["boolean"]}

    predict_interval = IntervalRegressor.predict_interval
    score = RSquared.score

    def __init__(
        self,
        features: Any = None,
        alpha: ArrayLike = 1.0,
        *,
        fit_intercept: bool = True,
        precision: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        store_loo: bool = False,
    ) -> None:
        self.features, self.alpha, self.fit_intercept = features, alpha, fit_intercept
        self.precision, self.random_state, self.store_loo = precision, random_state, store_loo

    _read = read_numbers

    @checks_parameters()
    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Add rows to those that earlier calls gave; returns the estimator.

        The feature map is fitted to the first batch alone. The result is that of one :meth:`fit` to all rows, to
        rounding, for a map that does not depend on them; the system is solved, and a penalty chosen, when a prediction
        or coefficient is asked for. Of a batch whose weights are all zero nothing is kept but its columns and classes.
        If anything is raised, the estimator is left as it was.
        """
        with refitting(self, further=True) as draft:
            draft._model = model_with(draft, partial(read_numbers, X=X, y=y, sample_weight=sample_weight, idle=True))
        return self

    @checks_parameters()
    def fit_blocks(self, blocks: Blocks, *, callback: Callback | None = None) -> Self:
        """Fit to blocks of rows in one pass, and forget what was fitted before.

        The result is that of one :meth:`fit` to all rows, to rounding, with a feature map that does not depend on
        them: a map is fitted to the first block alone, the centres of :class:`NystromFeatures` and what gamma="scale"
        is, too. No more than one block is held at a time.

        Parameters
        ----------
        blocks : iterable or path
            Gives tuples ``(X, y)`` or ``(X, y, sample_weight)``, as :meth:`fit` takes them; blocks of no rows are
            passed over. Or the path of a ``.npy`` file, a two-dimensional array that is mapped into memory, or of a
            ``.parquet`` file, read by pyarrow; their last column is the target.
        callback : callable, default=None
            Called with the number of rows so far after every block; what it returns is ignored.

        Returns
        -------
        self
            The estimator. If anything is raised, by the iterable or the callback too, it is left as it was.

        Raises
        ------
        ValueError
            If there are no rows or no weights, if a block is wrong, with its number from 0 on, or a file damaged.
        ImportError
            If pyarrow is needed and not installed.
        MemoryError
            If the p x p system of p features does not fit, with the bytes.

        Notes
        -----
        With n rows of d columns, t targets and p features it costs 2 n p (d + p + t) + p³ / 3 flops, and 16 p² bytes
        next to one block. The p x p system is solved even where n < p; :meth:`fit` then solves one of n x n.

        Examples
        --------
        >>> import numpy as np
        >>> from widelearn import FeatureRidge, RandomFeatures
        >>> rng = np.random.default_rng(0)
        >>> X = rng.standard_normal((900, 3))
        >>> y = np.abs(X[:, 0])
        >>> blocks = ((X[rows], y[rows]) for rows in np.split(np.arange(900), 3))
        >>> features = RandomFeatures(n_components=50, random_state=0)
        >>> model = FeatureRidge(features).fit_blocks(blocks, callback=print)
        300
        600
        900
        >>> bool(np.allclose(model.coef_, FeatureRidge(features).fit(X, y).coef_))
        True
        """
        with refitting(self) as draft:
            draft._model = model_of_blocks(draft, blocks, read_numbers, callback)
        return self

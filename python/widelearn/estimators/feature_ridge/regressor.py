"""Ridge regression and classification on any feature map."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import is_multilabel
from sklearn.utils.validation import check_is_fitted, validate_data

from widelearn.estimators.feature_ridge.blocks import ClassifiesBlocks, FitsBlocks
from widelearn.estimators.feature_ridge.fit import DTYPES, BaseFeatureRidge, check_weight
from widelearn.estimators.labels import SignCoding

Array = NDArray[Any]


class FeatureRidge(MultiOutputMixin, RegressorMixin, FitsBlocks):
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
        "auto" is double for float64 data; for float32 data, features and products of blocks in float32, summed and
        solved in float64. "mixed" sums products in float32 for any data and refines the solution by further passes in
        float64 until it is that of "auto" to 1e-9, which it falls back to where that does not converge. Rows given to
        :meth:`partial_fit` or :meth:`fit_blocks` cannot be passed again and are summed as by "auto", as are fewer rows
        than features.
    random_state : int, RandomState or None, default=None
        Where seeds come from that `features` leaves None.

    Attributes
    ----------
    coef_ : ndarray of shape (p,) or (n_targets, p)
        Coefficients c.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept b.
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
        Once, with the reciprocal condition number and the remedy, if the system is singular to working precision; the
        solution is then the one of smallest norm.

    See Also
    --------
    FeatureRidgeClassifier : The same for classes.
    KernelRidge : The limit of many random features.

    Notes
    -----
    With d columns, fitting costs 2 n p (d + p) + p³ / 3 flops and 8 p² bytes for n >= p; where n < p it costs 2 n² p
    + n³ / 3 flops and stores the n x p features. Predicting m rows costs 2 m p d flops and no matrix of features.
    Where n >= p, float32 or float64 rows that are mapped from a file are not copied, nor are their targets.

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

    def __init__(
        self,
        features: Any = None,
        alpha: ArrayLike = 1.0,
        *,
        fit_intercept: bool = True,
        precision: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.features = features
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.precision = precision
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to rows `X` (n, d) and targets `y` (n,) or (n, t), of Dask too; returns the estimator."""
        if hasattr(X, "__dask_graph__"):
            from widelearn.distributed import fit

            return fit(self, X, y, sample_weight)
        x, targets, weight = self._check(X, y, sample_weight, reset=True)
        self._fit_rows(x, targets, weight)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Add rows to those that earlier calls gave; returns the estimator.

        The feature map is fitted to the first batch alone. The result is that of one :meth:`fit` to all rows, to
        rounding, for a map that does not depend on them; the system is solved when a prediction or coefficient is
        asked for.
        """
        x, targets, weight = self._check(X, y, sample_weight, reset=not hasattr(self, "moments_"))
        self._fit_more(x, targets, weight)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return the values at the rows of `X`, of shape (n,) or (n, t); lazily for Dask's."""
        check_is_fitted(self)
        values = self._values(X)
        return values[:, 0] if self._flat else values

    def _check(
        self, X: Any, y: Any, sample_weight: Any, reset: bool, *, idle: bool = False
    ) -> tuple[Array, Array, Array | None]:
        options = {"dtype": DTYPES, "accept_sparse": "csr", "multi_output": True, "reset": reset}
        x, y = validate_data(self, X, y, y_numeric=True, **options)
        weight = check_weight(sample_weight, x, idle=idle, streams=self._streams)
        if not reset and self._flat != (y.ndim == 1):
            raise ValueError(f"y has {y.ndim} dimensions, but earlier batches had {1 if self._flat else 2}.")
        self._flat = y.ndim == 1
        targets = y.reshape(x.shape[0], -1)
        return x, targets if self._streams else targets.astype(np.float64), weight


class FeatureRidgeClassifier(SignCoding, ClassifiesBlocks):
    """Classify by ridge regression on a feature map, with +1 for a row's class and -1 for every other.

    The objective, with those codes for y, is that of :class:`FeatureRidge`; two classes share one column, and each
    label of a multilabel indicator has its own.

    Parameters
    ----------
    features : transformer, "passthrough" or None, default=None
        The feature map: any object with fit and transform. None means ``RandomFeatures()``, "passthrough" X itself.
        It is cloned, never changed. Nested names set its parameters: ``features__n_components``.
    alpha : float or array-like of shape (n_columns,), default=1.0
        Penalty, non-negative.
    fit_intercept : bool, default=True
        Whether there is an unpenalised intercept.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with the sample weights; "balanced" is n / (n_classes n_c), and not for
        :meth:`partial_fit` and :meth:`fit_blocks`.
    precision : {"auto", "mixed"}, default="auto"
        "auto" is double for float64 data; for float32 data, features and products of blocks in float32, summed and
        solved in float64. "mixed" sums products in float32 for any data and refines the solution by further passes in
        float64 until it is that of "auto" to 1e-9, which it falls back to where that does not converge. Rows given to
        :meth:`partial_fit` or :meth:`fit_blocks` cannot be passed again and are summed as by "auto", as are fewer rows
        than features.
    random_state : int, RandomState or None, default=None
        Where seeds come from that `features` leaves None.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes; column numbers for a multilabel indicator.
    multilabel_ : bool
        Whether the targets were a multilabel indicator.
    coef_ : ndarray of shape (p,) or (n_columns, p)
        Coefficients; those of the one column for two classes.
    intercept_ : float or ndarray of shape (n_columns,)
        Intercept.
    features_ : transformer or "passthrough"
        The fitted feature map.
    moments_ : Moments
        What :meth:`partial_fit` has summed; not there after :meth:`fit` or :meth:`fit_blocks`.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if they were strings.

    See Also
    --------
    FeatureRidge : The regression; its costs and errors are the same, and what it does with Dask collections.

    Notes
    -----
    Labels of a Dask collection are passed over once before, for the classes and the weights that balance them.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from widelearn import FeatureRidgeClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = FeatureRidgeClassifier(alpha=1e-3, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.95)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseFeatureRidge._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        features: Any = None,
        alpha: ArrayLike = 1.0,
        *,
        fit_intercept: bool = True,
        class_weight: dict[Any, float] | str | None = None,
        precision: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.features = features
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.precision = precision
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to rows `X` (n, d) and labels `y` (n,), or an indicator (n, t), of Dask too; returns the estimator."""
        if hasattr(X, "__dask_graph__"):
            from widelearn.distributed import fit

            return fit(self, X, y, sample_weight)
        x, codes, weight = self._check(X, y, sample_weight, None, reset=True)
        self._fit_rows(x, codes, weight)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Add rows to those that earlier calls gave; returns the estimator.

        `classes` names all classes and is needed in the first call, but not for a multilabel indicator. See
        :meth:`FeatureRidge.partial_fit`.
        """
        self._add(X, y, classes, sample_weight)
        return self

    def _add(self, X: Any, y: Any, classes: ArrayLike | None, sample_weight: Any, *, idle: bool = False) -> None:
        first = not hasattr(self, "moments_")
        if isinstance(self.class_weight, str):
            raise ValueError("class_weight='balanced' needs all rows at once: pass the weights as a dict.")
        known: Any = getattr(self, "classes_", None)
        if not first and classes is not None and not np.array_equal(np.unique(classes), known):
            raise ValueError(f"classes are {np.unique(classes).tolist()}, but were {known.tolist()} in the first call.")
        classes = known if classes is None else classes
        x, codes, weight = self._check(X, y, sample_weight, classes, reset=first, idle=idle)
        if first and classes is None and not self.multilabel_:
            raise ValueError("classes must name all classes in the first call of partial_fit, and in fit_blocks.")
        self._fit_more(x, codes, weight)

    def _check(
        self, X: Any, y: Any, sample_weight: Any, classes: ArrayLike | None, reset: bool, *, idle: bool = False
    ) -> tuple[Array, Array, Array | None]:
        x, y = validate_data(self, X, y, dtype=DTYPES, accept_sparse="csr", multi_output=True, reset=reset)
        if not reset and self.multilabel_ != is_multilabel(y):
            raise ValueError("Some batches have one label a row, and others a multilabel indicator: give one kind.")
        labels, codes = self._encode(y, classes, np.int8 if self._streams else np.float64)
        weight = check_weight(sample_weight, x, idle=idle, streams=self._streams)
        self._flat = codes.shape[1] == 1
        return x, codes, self._reweigh(labels, weight)

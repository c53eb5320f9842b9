"""Two-layer networks that learn their features, for classes."""

from collections.abc import Callable
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax
from sklearn.base import _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from widelearn.estimators.labels import SignCoding
from widelearn.estimators.two_layer.fit import DTYPES, BaseTwoLayer

Array = NDArray[Any]


class TwoLayerClassifier(SignCoding, BaseTwoLayer):
    """Classify by a two-layer network f(x) = Σ_r a_r σ(<w_r, x> - b_r), trained by gradient descent on all its weights.

    Minimises mean ℓ(y_i, f(x_i)) + (alpha/2)(‖W‖² + ‖a‖²) over W, b and a, from a start at which f = 0. Two classes
    share one output with y = ±1, whose sign decides; several have one each, as have the labels of a multilabel
    indicator.

    Parameters
    ----------
    width : int, default=256
        Number m of neurons.
    activation : str or ("leaky_relu", slope), default="relu"
        σ: a name that :class:`~widelearn.RandomFeatures` takes, or "truncated_relu", min(1, max(z, 0)).
    algorithm : {"gd", "algorithm1", "one_step", "k_step", "frozen"}, default="gd"
        As for :class:`TwoLayerRegressor`. "one_step", "k_step" and "frozen" fit a by logistic regression, or by ridge
        regression on ±1 with loss="squared".
    loss : {"logistic", "hinge", "squared"}, default="logistic"
        "logistic" is log(1 + e^(-y f)), and the cross entropy of the softmax for several classes; "hinge" max(0, 1 - y
        f) and "squared" ½(f - y)², summed over outputs with y = 1 for a row's class and -1 for the others.
    alpha : float or None, default=None
        Penalty, beside the mean loss; None is 1e-3, and 1e-4 where a is fitted alone.
    solver, learning_rate_init, learning_rate, momentum, batch_size, max_iter, tol, n_iter_no_change
        Steps and their end, as for :class:`TwoLayerRegressor`.
    early_stopping, validation_fraction
        Rows left out, of every class alike; as for :class:`TwoLayerRegressor`.
    init, weight_scale, bias, bias_scale, output, output_scale
        The start, as for :class:`TwoLayerRegressor`.
    train_bias, train_output, mask, smoothing
        What is trained, as for :class:`TwoLayerRegressor`.
    first_step, n_forgetting_steps, bias_range
        Of the algorithms that forget the start, as for :class:`TwoLayerRegressor`.
    scaling : {"standard", "scalar"} or None, default="standard"
        Columns of X less their means, divided by their standard deviations, or by √(mean ‖x‖²/d) alone, or as they are.
    preset : {"parity", "xor_mixture", "structured_parity"} or None, default=None
        Settings that learn these problems of :mod:`widelearn.datasets`, for every parameter left at its default.
    checkpoint, random_state, callback
        As for :class:`TwoLayerRegressor`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes; column numbers for a multilabel indicator.
    multilabel_ : bool
        Whether the targets were a multilabel indicator.
    W_, b_, a_ : ndarray of shape (width, d), (width,) and (width, n_outputs)
        Weights, in scaled columns.
    x_offset_, x_scale_ : ndarray of shape (d,)
        Columns are taken as (x - x_offset_)/x_scale_.
    n_iter_, loss_curve_, history_, best_loss_, best_iter_
        As for :class:`TwoLayerRegressor`.
    n_features_in_ : int
        Number of columns, d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the columns, if they were strings.

    Raises
    ------
    ValueError
        As :class:`TwoLayerRegressor`; if there is one class only, or loss="hinge" for an algorithm that fits a alone.

    Warns
    -----
    ConvergenceWarning
        As :class:`TwoLayerRegressor`.

    See Also
    --------
    TwoLayerRegressor : The regression; its costs are the same.
    FeatureRidgeClassifier : The first layer stays random; closed form.

    References
    ----------
    Shi, Wei & Liang, "Provable guarantees for neural networks via gradient feature learning", NeurIPS 2023, algorithm
    1. Daniely & Malach, "Learning parities with neural networks", NeurIPS 2020 (one step on structured parities).

    Examples
    --------
    >>> from widelearn import TwoLayerClassifier
    >>> from widelearn.datasets import parity
    >>> data = parity(1800, 100, 2, random_state=0)
    >>> model = TwoLayerClassifier(preset="parity", random_state=0)
    >>> model.fit(data.X[:800], data.y[:800]).score(data.X[800:], data.y[800:]) > 0.95
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseTwoLayer._parameter_constraints,
        "loss": [StrOptions({"logistic", "hinge", "squared"})],
    }

    def __init__(
        self,
        width: int = 256,
        activation: Any = "relu",
        *,
        algorithm: str = "gd",
        loss: str = "logistic",
        alpha: float | None = None,
        solver: str = "auto",
        learning_rate_init: float | None = None,
        learning_rate: str | Callable[[int], float] = "constant",
        momentum: float = 0.9,
        batch_size: int | None = None,
        max_iter: int | None = None,
        tol: float | None = 1e-5,
        n_iter_no_change: int = 20,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        init: Any = "pairs",
        weight_scale: float = 1.0,
        bias: str = "normal",
        bias_scale: float = 1.0,
        output: str = "normal",
        output_scale: float | None = None,
        train_bias: bool = True,
        train_output: bool = True,
        mask: ArrayLike | None = None,
        smoothing: float = 0.0,
        first_step: float | None = None,
        n_forgetting_steps: int = 2,
        bias_range: float = 2.0,
        scaling: str | None = "standard",
        preset: str | None = None,
        checkpoint: str | PathLike[str] | None = None,
        random_state: int | np.random.RandomState | None = None,
        callback: Callable[[int, Any], object] | None = None,
    ) -> None:
        self.width = width
        self.activation = activation
        self.algorithm = algorithm
        self.loss = loss
        self.alpha = alpha
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.init = init
        self.weight_scale = weight_scale
        self.bias = bias
        self.bias_scale = bias_scale
        self.output = output
        self.output_scale = output_scale
        self.train_bias = train_bias
        self.train_output = train_output
        self.mask = mask
        self.smoothing = smoothing
        self.first_step = first_step
        self.n_forgetting_steps = n_forgetting_steps
        self.bias_range = bias_range
        self.scaling = scaling
        self.preset = preset
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.callback = callback

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to rows `X` (n, d) and labels `y` (n,), or an indicator (n, t); returns the estimator."""
        x, Y, loss = self._encode_rows(X, y, True)
        self._fit_table(x, Y, loss, None if self.multilabel_ else Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0])
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_stream(self, stream: Any, classes: ArrayLike | None = None) -> Self:
        """Fit to fresh rows in every iteration; returns the estimator.

        `stream` is as for :meth:`TwoLayerRegressor.fit_stream`; `classes` names all classes, those of the first batch
        if None.
        """
        self._fit_fresh(stream, lambda X, y, reset: self._encode_rows(X, y, reset, classes))
        return self

    def _encode_rows(self, X: Any, y: Any, reset: bool, classes: ArrayLike | None = None) -> tuple[Array, Array, str]:
        """Check rows and encode their labels."""
        x, labels = validate_data(self, X, y, dtype=DTYPES, multi_output=True, reset=reset)
        Y = self._encode(labels, classes if reset else self.classes_, x.dtype)[1]
        if not self.multilabel_ and len(self.classes_) == 1:
            raise ValueError(
                f"y has one class only, {self.classes_[0]!r}, but a classifier needs samples of at least 2 classes."
            )
        if self.loss != "logistic" or self.multilabel_ or Y.shape[1] == 1:
            return x, Y, self.loss
        return x, (Y > 0).astype(x.dtype), "softmax"

    @available_if(lambda self: self.loss == "logistic")
    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of every class (n, n_classes), or of every label (n, t) of a multilabel indicator."""
        check_is_fitted(self)
        values = self._values(X)
        if self.multilabel_:
            return expit(values)
        return np.hstack([expit(-values), expit(values)]) if values.shape[1] == 1 else softmax(values, axis=1)

    @available_if(lambda self: self.loss == "logistic")
    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Return the logarithms of :meth:`predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

"""Two-layer networks that learn their features, for classes."""

from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import StrOptions

from widelearn.estimators.labels import CLASS_WEIGHT, SignClassifier, refuse_balanced
from widelearn.estimators.two_layer.fit import BaseTwoLayer, fit_to_stream, fit_to_table
from widelearn.estimators.two_layer.model import ClassTargets, refuse_one_class
from widelearn.estimators.weights import weighed
from widelearn.features.state import snapshot
from widelearn.kernels.parameters import checks_parameters, offered_if
from widelearn.runtime import Array


def has_probabilities(estimator: Any) -> bool:
    """Whether the loss is a logistic one: that of the last fit, if there was one."""
    if hasattr(estimator, "_model"):
        return estimator._model.targets.loss in ("logistic", "softmax")
    return bool(estimator.loss == "logistic")


def positive(weight: Array | None) -> Array | None:
    """Return weights of a stream's rows; each must count, for a batch may hold no others."""
    if weight is not None and not weight.min() > 0:
        raise ValueError("class_weight has a 0: leave the rows of that class out of the stream instead.")
    return weight


@dataclass(eq=False, repr=False)
class TwoLayerClassifier(SignClassifier, BaseTwoLayer):
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
        "gd" trains all weights together. "algorithm1" takes one step that forgets the start, W = -η ∇_W and a = -η ∇_a
        with η = `first_step` (a step with penalty 1/η), then small steps with b held. "one_step" replaces the first
        layer by its gradient at f = 0, its rows scaled so that <w, x> has mean square 1, draws b uniformly from
        -bias_range to bias_range and fits a exactly. "k_step" repeats the gradient `n_forgetting_steps` times.
        "frozen" fits a alone: random features. The exact fit of a is ridge regression on a squared loss, and L-BFGS on
        a logistic one.
    loss : {"logistic", "hinge", "squared"}, default="logistic"
        "logistic" is log(1 + e^(-y f)), and the cross entropy of the softmax for several classes. "hinge" is
        max(0, 1 - y f) and "squared" ½(f - y)², summed over outputs with y = 1 for a row's class and -1 for the others.
    alpha : float or None
        Penalty. It is beside the mean loss, not the sum: n times this is scikit-learn's ridge alpha. The regressor's
        default is 1e-2. None, the classifier's, is 1e-3, and 1e-4 where a is fitted alone.
    solver : {"auto", "adam", "sgd"}, default="auto"
        Adam with the constants of MLPRegressor, or gradient descent with momentum. "auto" is "adam", but "sgd" for
        "algorithm1", whose later steps are to leave its features in place.
    learning_rate_init : float or None, default=None
        Length of steps; None is 0.01 for "adam" and 0.05 for "sgd", but what is safely stable for "algorithm1" on a
        squared loss.
    learning_rate : {"constant", "invscaling", "cosine"} or callable, default="constant"
        The length times 1, 1/√t in iteration t, (1 + cos(π (t - 1)/max_iter))/2, or a function of t - 1.
    momentum : float, default=0.9
        Of "sgd": v ← momentum v + gradient, step = -learning_rate v. 0 is plain gradient descent.
    batch_size : int or None, default=None
        Rows of a step; None takes all of them.
    max_iter : int or None, default=None
        Largest number of passes over the rows (steps, if batch_size is None), at most 2²⁴; None is 100 for "gd" and 200
        else. Reaching it gives no warning: how long to train is a choice, like alpha.
    tol : float or None, default=1e-5
        Training ends when the objective, or the validation loss, has not fallen by more than this for
        `n_iter_no_change` iterations. None trains to max_iter, which features that emerge after a plateau need.
        "algorithm1" trains to max_iter and returns the weights of the least objective.
    n_iter_no_change : int, default=20
        See `tol`.
    early_stopping : bool, default=False
        Whether to leave out rows, stop by their loss and keep the weights that were best on them. Every class has the
        same share of them.
    validation_fraction : float, default=0.1
        Share of the rows left out.
    init : {"pairs", "quadruples"} or tuple of arrays, default="pairs"
        The start: neurons (w, b, a) and (w, b, -a), or these of (w, b, a) and (-w, -b, -a), so that f = 0; or the
        arrays (W, b, a) themselves. A neuron without partner has a = 0.
    weight_scale : float, default=1.0
        w ~ N(0, weight_scale² I/d).
    bias : {"normal", "constant"}, default="normal"
        b ~ N(0, bias_scale²), or b = bias_scale.
    bias_scale : float, default=1.0
        See `bias`.
    output : {"normal", "signs"}, default="normal"
        a ~ N(0, output_scale²), or ±output_scale.
    output_scale : float or None, default=None
        See `output`; None is 1/√width, and 1 for "algorithm1".
    train_bias, train_output : bool, default=True
        Whether b, and whether a, is trained.
    mask : array-like of shape (width,) or (width, d), default=None
        Zeros take neurons or weights out, from the start on.
    smoothing : float, default=0.0
        Standard deviation s of noise in the pre-activations that is integrated out: σ(z) is E σ(z + s ξ). For "relu"
        and "truncated_relu".
    first_step : float or None, default=None
        η of "algorithm1". None makes the root mean square of <w, x> twice that of b.
    n_forgetting_steps : int, default=2
        Gradients of "k_step". On the same rows, more than 2 or 3 make it worse; :meth:`fit_stream` has fresh ones.
    bias_range : float, default=2.0
        Of "one_step" and "k_step".
    scaling : {"standard", "scalar"} or None, default="standard"
        Columns of X less their means, divided by their standard deviations, or by √(mean ‖x‖²/d) alone. Targets of a
        regression are standardised by both. None changes neither X nor y.
    checkpoint : str or path, default=None
        File to which "gd" and "algorithm1" write their state: at most once a second, at the end and when interrupted.
        A state is written whole or not at all. If there is one, training goes on from it, with the bits of an
        uninterrupted one; `max_iter` may have grown.
    random_state : int, RandomState or None, default=None
        The seed of the start, the batches and the rows left out.
    callback : callable, default=None
        Called after every iteration with its number and a named tuple (loss, validation_loss, W, b, a) of views; a true
        value ends the training.

    class_weight : dict, list of dict, "balanced" or None, default=None
        Weights of the classes, times `sample_weight`; a list has one dictionary for each label of an indicator.
        "balanced" is n / (number of classes times rows of the class); a stream takes no "balanced".
    verbose : bool or int, default=False
        Whether a line is printed after every iteration; at level INFO the logger "widelearn" gets it in any case.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes; column numbers for a multilabel indicator.
    multilabel_ : bool
        Whether the targets were a multilabel indicator.
    W_, b_, a_ : ndarray of shape (width, d), (width,) and (width, n_outputs)
        Weights, in scaled columns.
    W0_, b0_, a0_ : ndarray
        Weights at the start, of the same shapes.
    x_offset_, x_scale_ : ndarray of shape (d,)
        Columns are taken as (x - x_offset_)/x_scale_.
    n_iter_ : int
        Iterations; of the fit of a for algorithms that train it alone.
    loss_curve_ : list of float
        Objective before each iteration's steps.
    history_ : dict of ndarray
        "loss", "objective", "gradient_norm", "learning_rate" and "validation_loss" (without the penalty) of every
        iteration.
    best_loss_, best_iter_ : float, int
        Smallest validation loss, or objective without validation rows, and its iteration.
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
    >>> model = TwoLayerClassifier.preset("parity", random_state=0)
    >>> model.fit(data.X[:800], data.y[:800]).score(data.X[800:], data.y[800:]) > 0.95
    True
    """

    _: KW_ONLY
    loss: str = "logistic"
    alpha: float | None = None
    class_weight: Any = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseTwoLayer._parameter_constraints,
        "loss": [StrOptions({"logistic", "hinge", "squared"})],
        **CLASS_WEIGHT,
    }

    @checks_parameters(nested=False)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to rows `X` (n, d) and labels `y` (n,), or an indicator (n, t); returns the estimator.

        The mean loss becomes Σ_i w_i ℓ_i / Σ_i w_i for a `sample_weight` w (n,): whole weights are repeated rows, where
        no rows are drawn (batches, `early_stopping`) or counted (class_weight="balanced").
        """
        return fit_to_table(self, X, y, partial(self._weigh, sample_weight=sample_weight))

    def _weigh(self, x: Array, y: Array, sample_weight: Any) -> tuple[Array, Array, Array | None, ClassTargets]:
        targets = ClassTargets.of(y, self.loss)
        x, y, weight = weighed(x, y, sample_weight)
        own = targets.labels.weights(y, self.class_weight, None)
        if own is not None:
            if not own.max() > 0:
                raise ValueError("class_weight is 0 for the classes of all rows. Give some class a positive weight.")
            x, y, weight = weighed(x, y, own / own.max() * (1.0 if weight is None else weight))
        if not targets.labels.multilabel:
            refuse_one_class(np.unique(y), "y, at rows that have a weight,")
        return x, y, weight, targets

    @checks_parameters(nested=False)
    def fit_stream(self, stream: Any, classes: ArrayLike | None = None) -> Self:
        """Fit to fresh rows in every iteration; returns the estimator.

        `stream` is as for :meth:`TwoLayerRegressor.fit_stream`; rows are scaled without the weights of classes, which
        must be positive. `classes` names all classes, those of the first batch if None.
        """
        refuse_balanced(self.class_weight)
        return fit_to_stream(
            self,
            stream,
            lambda y: ClassTargets.of(y, self.loss, classes),
            lambda targets, y: positive(targets.labels.weights(y, self.class_weight, None)),
        )

    @offered_if(has_probabilities)
    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of every class (n, n_classes), or of every label (n, t) of a multilabel indicator."""
        fitted = snapshot(self)
        return fitted._model.targets.labels.probabilities(fitted._values(X))

    @offered_if(has_probabilities)
    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Return the logarithms of :meth:`predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

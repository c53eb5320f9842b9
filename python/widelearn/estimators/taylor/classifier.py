"""Classification by Taylor terms of wide two-layer nets beyond the linear one."""

from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import validate_data

from widelearn.estimators.labels import Labels, SignClassifier
from widelearn.estimators.lazy import refuse_lazy
from widelearn.estimators.taylor.fit import DTYPES, BaseTaylor, Problem, goes_on, train, train_further
from widelearn.estimators.taylor.inputs import TargetUnits
from widelearn.estimators.weights import weighed
from widelearn.features.state import snapshot
from widelearn.kernels.parameters import checks_parameters, offered_if
from widelearn.runtime import Array


class TaylorClassifier(SignClassifier, BaseTaylor):
    """Classify by Taylor terms of a wide two-layer net, beyond the linear one of the tangent kernel.

    Model and penalties are those of :class:`TaylorRegressor`. Two classes, and each label of a multilabel indicator,
    have the logistic loss log(1 + exp(-y f)) with y = ±1. More classes have the cross entropy of their softmax. All
    columns share the movement W. A temperature, chosen on rows that are held out, calibrates probabilities.

    Parameters
    ----------
    order : int or tuple of int, default=2
        The order k, 1 to 4, or several orders whose terms are summed. Order 1 is the tangent model.
    activation : str, ("leaky_relu", slope) or None, default=None
        The nonlinearity σ, which needs derivatives up to the order. None is the first of "softplus", "cubic", "relu3"
        and "exp" of which every order k has E σ^(k)(z) != 0, z standard normal: "cubic" for order 3. A term whose mean
        derivative is 0 fits no target of its own degree, and is warned of: so are orders 2 and 4 of "tanh", "erf" and
        "sigmoid", and order 3 of "softplus", "gelu" and "swish". "relu" has no term above order 1.
    width : int, default=128
        Number of neurons m, which is even because they come in pairs.
    mode : {"taylor", "marginal", "signs"}, default="taylor"
        "taylor" trains the terms themselves. The other modes train the real network and take one order k. For order 2
        it is at w0_r + s_r w_r, where random signs s_r cancel its linear term; for the others every neuron has a twin,
        and :class:`~widelearn.nets.Multipliers` cancel all terms below k. "marginal" computes the mean of the loss over
        all draws (for "softmax" to second order); "signs" draws anew at every step. Both predict with the mean network
        and want greater widths, 256 and more: what is left of other terms falls like width^(-1/(2k)).
    alpha : float, "auto" or tuple of float, default=2e-3
        Penalty of the net. "auto" chooses among 1.25e-4, 5e-4, 2e-3, 8e-3 and 0.032, as `linear_alpha` does, after it.
        A tuple, for several orders, is the joint model: the term of each order has a movement, an activation and a
        penalty alpha_k (Σ_r ‖w_r‖^(2k))^q of its own.
    linear_alpha : float or "auto", default="auto"
        Penalty of β. "auto" chooses among 2e-3, 0.03, 0.5 and 8: the least loss of fits of the whole model, net and
        linear part, on thirds of the rows that are held out in turn (fifths for classes and alpha="auto", up to 1,000
        rows). It looks at 2,000 rows at most; of fewer than 12, it is 2e-3. Equal rows are held out together, so that
        weights are as good as repetition. It is chosen for soft gates: where steep ones are chosen after it, whose rows
        are sqrt(6) times as long, it is multiplied by 6 and means the same for β in the units of X.
    penalty_power : int, default=1
        The power q of the penalty.
    weight_variance, bias_variance : float or "auto", default="auto"
        Variances of the first layer: neuron r reads sqrt(weight_variance/d) <v_r, x> + sqrt(bias_variance) c_r of rows
        with mean ‖x‖² = d, v_r and c_r being standard normal, and both move. Larger ones make σ^(k) a gate that opens
        near a threshold, so that the model bends otherwise at other rows. "auto" is 1 and 0 or, of order 2 in mode
        "taylor" with a linear part and 1,000 different rows or more, 6 and 1 with four times as many neurons, whichever
        has less loss on rows held out: thirds in turn, of more than 2,000 rows one third of 10,000 at most. Beside a
        number it is 1 or 0.
    linear_term : bool, default=True
        Whether the model has the part x'β + b beside the net, where b has no penalty. An even σ'' cannot see odd parts
        of a target. False is the Taylor term alone.
    whiten : bool, default=False
        Whether rows are centred and multiplied by S^(-1/2), where S is their covariance. It repairs columns of unlike
        scales or strong correlations if rows are many times more than columns.
    solver : {"lbfgs", "pgd", "sgd", "adam"}, default="lbfgs"
        "lbfgs" is L-BFGS, "pgd" gradient descent with backtracking and kicks where the gradient vanishes, "sgd"
        stochastic descent with noise, and "adam" Adam. In mode "signs", "lbfgs" stands for "adam", and "pgd" is
        refused.
    init : {"auto", "random", "spectral", "zeros"}, default="auto"
        Start of W. "random" draws entries N(0, m^(-1/k)/d). "spectral" is for order 2 and starts every neuron at the
        direction of most negative curvature at W = 0; it took three times fewer iterations. "auto" is "spectral" for
        order 2, else "random". "zeros" is a saddle that only "pgd" and "sgd" leave; the other solvers refuse it.
    max_iter : int, default=500
        Largest number of iterations of "lbfgs" and "pgd". "sgd" and "adam" make as many passes over the rows.
    tol : float, default=1e-5
        "lbfgs" ends when five iterations lower the objective by less than `tol` each, times the objective if that is
        above 1. "pgd" ends where a kick has not lowered it by `tol`.
    learning_rate_init : float or None, default=None
        First rate of "adam" (None is 3e-3) and "sgd" (0.3), which falls to 0 in the second half; first step of "pgd"
        (1).
    batch_size : int or None, default=None
        Rows in a step of "sgd" and "adam". None is 64, or all rows if there are fewer.
    random_state : int, RandomState or None, default=None
        Source of W0, the start, batches, signs and noise.
    callback : callable, default=None
        Function that is called after every iteration with its number and the objective.
    verbose : bool or int, default=False
        Whether a line is printed after every iteration; at level INFO the logger "widelearn" gets it in any case.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes; column numbers for a multilabel indicator.
    multilabel_ : bool
        Whether the targets were a multilabel indicator.
    W_ : ndarray of shape (width, d)
        Movement W; of the joint model (n_orders, width, d).
    W0_ : ndarray of shape (width, d)
        Frozen first layer, whose second half repeats the first.
    b_, b0_ : ndarrays of shape (width,), or (n_orders, width) and (width,)
        Movement of the thresholds and frozen thresholds; 0 without `bias_variance`.
    a_ : ndarray of shape (width,) or (width, n_outputs)
        Output weights ±1/sqrt(width); those of the second half are the first's, negated.
    coef_ : ndarray of shape (d,) or (n_outputs, d)
        β of the linear part in the units of X and y; zero without one.
    intercept_ : float or ndarray of shape (n_outputs,)
        b of the linear part, likewise.
    activation_ : str or tuple
        The activation, chosen or given; of the joint model a tuple of one for each order, and so with the next two.
    activation_scale_ : float
        Divisor of σ, sqrt(E σ^(k)(z)²); 1 in the modes of the real network.
    alpha_, linear_alpha_ : float
        The penalties, chosen or given.
    weight_variance_, bias_variance_ : float
        The variances, chosen or given.
    x_scale_ : float
        Divisor of rows, sqrt(mean ‖x‖²/(d weight_variance_)); of whitened rows if `whiten`.
    temperature_ : float
        Divisor of the values from which :meth:`predict_proba` computes: that of the least log loss of rows held out.
    y_scale_ : float or ndarray of shape (n_outputs,)
        Divisor of targets: the root mean square about their mean, or about 0 without linear term; 0 for a constant, 1
        for labels.
    mean_, whitening_ : ndarrays of shape (d,) and (d, d)
        Mean of the rows and S^(-1/2), if `whiten`.
    solver_ : str
        The solver that ran.
    n_iter_ : int
        Number of iterations or passes.
    loss_curve_ : list of float
        Objective after every iteration; for "sgd" and "adam" its mean over a pass.
    history_ : dict of ndarrays
        "loss", as `loss_curve_`, and "gradient_norm", each of shape (n_iter_,).
    n_features_in_ : int
        Number of columns, d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the columns, if they were strings.

    See Also
    --------
    TaylorRegressor : The regression; its costs, errors and warnings are the same.

    References
    ----------
    Bai & Lee, "Beyond linearization: on quadratic and higher-order approximation of wide neural networks", ICLR 2020,
    sections 2 and 3.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import TaylorClassifier
    >>> X = np.random.default_rng(0).choice([-1.0, 1.0], (700, 20))
    >>> y = np.where(X[:, 0] == X[:, 1], "same", "different")
    >>> model = TaylorClassifier(random_state=0).fit(X[:200], y[:200])
    >>> bool(model.score(X[200:], y[200:]) > 0.95)
    True
    """

    _read: ClassVar[Any] = staticmethod(lambda draft, X, y: read_labels(draft, None, X, y, None, None, more=False))

    @checks_parameters(nested=False)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to rows `X` (n, d), labels `y` (n,) or (n, t) and weights >= 0 (n,); returns the estimator."""
        return train(self, partial(read_labels, X=X, y=y, classes=None, sample_weight=sample_weight))

    @offered_if(goes_on)
    @checks_parameters(nested=False)
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Go once over more rows in batches, with "adam" or "sgd" at a constant rate; returns the estimator.

        `classes` names all classes and is needed in the first call, but not for a multilabel indicator. See
        :meth:`TaylorRegressor.partial_fit`.
        """
        return train_further(self, partial(read_labels, X=X, y=y, classes=classes, sample_weight=sample_weight))

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of every class (n, n_classes), or of every label of a multilabel indicator (n, t).

        It is the logistic function, or the softmax, of values divided by `temperature_`. That is fitted to the rows
        that are held out for `linear_alpha`, or for steep gates, because values at the rows of the fit itself are too
        sure.
        """
        fitted = snapshot(self)
        values = fitted._values(X) / fitted.temperature_
        return Labels(fitted.classes_, fitted.multilabel_).probabilities(values)


def read_labels(
    draft: Any, old: TargetUnits | None, X: Any, y: Any, classes: Any, sample_weight: Any, *, more: bool
) -> Problem:
    """Read rows and labels, of the classes of earlier ones if there are any; whether more are to come."""
    refuse_lazy(X, type(draft).__name__)
    x, targets = validate_data(draft, X, y, dtype=DTYPES, multi_output=True, reset=old is None)
    labels = known_labels(draft, targets, classes, first=old is None) if more else Labels.from_targets(targets)
    x, targets, weight = weighed(x, targets, sample_weight)
    draft.classes_, draft.multilabel_ = labels.classes, labels.multilabel
    codes = labels.encode(targets)
    loss = "logistic" if labels.multilabel or len(labels.classes) == 2 else "softmax"
    Y = codes if loss == "logistic" else (codes + 1) / 2
    return x, Y, loss, TargetUnits.unscaled(Y.shape[1]), weight


def known_labels(draft: Any, targets: Array, classes: ArrayLike | None, *, first: bool) -> Labels:
    """Return the labels of a batch, whose classes are those of the first call."""
    known = (classes if classes is None else np.unique(np.asarray(classes))) if first else draft.classes_
    found = Labels.from_targets(targets, None if known is None or targets.ndim > 1 else known)
    if first and known is None and not found.multilabel:
        raise ValueError(
            "classes must be passed on the first call to partial_fit: the first rows need not hold all of them."
        )
    if not first:
        if found.multilabel != draft.multilabel_ or len(found.classes) != len(draft.classes_):
            raise ValueError(
                f"y has {len(found.classes)} labels, the first call had {len(draft.classes_)}: give the same ones."
            )
        if classes is not None and not np.array_equal(np.unique(np.asarray(classes)), draft.classes_):
            raise ValueError("classes is not the same as on the first call to partial_fit.")
    return found

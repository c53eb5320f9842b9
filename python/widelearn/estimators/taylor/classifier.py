"""Classification by Taylor terms of wide two-layer nets beyond the linear one."""

from typing import Self

from numpy.typing import ArrayLike
from sklearn.utils.validation import validate_data

from widelearn.estimators.labels import Labels, SignClassifier
from widelearn.estimators.lazy import refuse_lazy
from widelearn.estimators.taylor.fit import DTYPES, BaseTaylor, train
from widelearn.estimators.taylor.inputs import TargetUnits
from widelearn.features.state import draft_of, snapshot
from widelearn.kernels.parameters import checks_parameters
from widelearn.runtime import Array


class TaylorClassifier(SignClassifier, BaseTaylor):
    """Classify by Taylor terms of a wide two-layer net, beyond the linear one of the tangent kernel.

    Model and penalties are those of :class:`TaylorRegressor`. Two classes, and each label of a multilabel indicator,
    have the logistic loss log(1 + exp(-y f)) with y = ±1. More classes have the cross entropy of their softmax. All
    columns share the movement W.

    Parameters
    ----------
    order : int or tuple of int, default=2
        The order k, 1 to 4, or several orders whose terms are summed. Order 1 is the tangent model.
    activation : str or ("leaky_relu", slope), default="softplus"
        The nonlinearity σ, which needs derivatives up to the order. "softplus", "gelu" and "swish" have an even σ'',
        and "relu3" has σ'' = relu. "tanh", "erf" and "sigmoid" have an odd σ'' and cannot fit even targets. "relu" has
        none.
    width : int, default=128
        Number of neurons m, which is even because they come in pairs.
    mode : {"taylor", "marginal", "signs"}, default="taylor"
        "taylor" trains the terms themselves. The other modes train the real network at w0_r + s_r w_r, where random
        signs s_r cancel its linear term. "marginal" computes the mean of the loss over all signs (for "softmax" to
        second order); "signs" draws new signs at every step. Both predict with the mean network and want greater
        widths, 256 and more.
    alpha : float, default=2e-3
        Penalty of the net and of β.
    penalty_power : int, default=1
        The power q of the penalty.
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

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes; column numbers for a multilabel indicator.
    multilabel_ : bool
        Whether the targets were a multilabel indicator.
    W_ : ndarray of shape (width, d)
        Movement W.
    W0_ : ndarray of shape (width, d)
        Frozen first layer, whose second half repeats the first.
    a_ : ndarray of shape (width,) or (width, n_outputs)
        Output weights ±1/sqrt(width); those of the second half are the first's, negated.
    coef_ : ndarray of shape (d,) or (n_outputs, d)
        β of the linear part in the units of X and y; zero without one.
    intercept_ : float or ndarray of shape (n_outputs,)
        b of the linear part, likewise.
    activation_scale_ : float
        Divisor of σ, sqrt(E σ^(k)(z)²); 1 in the modes of the real network.
    x_scale_ : float
        Divisor of rows, sqrt(mean ‖x‖²/d); of whitened rows if `whiten`.
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

    @checks_parameters(nested=False)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to rows `X` (n, d) and labels `y` (n,), or an indicator (n, t); returns the estimator."""
        refuse_lazy(X, "TaylorClassifier")
        draft = draft_of(self)
        x, targets = validate_data(draft, X, y, dtype=DTYPES, multi_output=True)
        labels = Labels.from_targets(targets)
        draft.classes_, draft.multilabel_ = labels.classes, labels.multilabel
        codes = labels.encode(targets)
        loss = "logistic" if labels.multilabel or len(labels.classes) == 2 else "softmax"
        Y = codes if loss == "logistic" else (codes + 1) / 2
        return train(self, draft, x, Y, loss, TargetUnits.unscaled(codes.shape[1]))

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of every class (n, n_classes), or of every label of a multilabel indicator (n, t)."""
        fitted = snapshot(self)
        return Labels(fitted.classes_, fitted.multilabel_).probabilities(fitted._values(X))

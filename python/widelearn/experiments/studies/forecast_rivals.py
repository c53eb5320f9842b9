"""Other ways to tell an error at more rows: refits, the covariance of the rows alone, cross-validation alone."""

from typing import Any

import numpy as np
from sklearn.model_selection import ShuffleSplit, learning_curve

from widelearn.experiments.studies.ensembles import Array
from widelearn.forecast import learning_order
from widelearn.forecast.states import nonnegative
from widelearn.kernels import NNGP
from widelearn.theory import Spectrum, risk

# Shares of the rows that are refitted, splits, and exponents b of E∞ + c n^-b.
SHARES, SPLITS = (0.125, 0.25, 0.5, 1.0), 5
EXPONENTS: Array = np.arange(0.05, 1.51, 0.05)
MODES = 2000


def power_law(n: Array, errors: Array, at: float) -> float:
    """Return E∞ + c n^-b at a number of rows, E∞ and c not negative, by least squares of relative errors."""
    x, weight = n / n[-1], np.ones(len(n))
    _, exponents, f = nonnegative(x, errors[None, :], -EXPONENTS, weight)
    return float(f[0, 0] + f[0, 1] * (at / n[-1]) ** exponents[0])


def by_refits(model: Any, X: Array, Y: Array, n: int) -> float:
    """Return the error by a power law through scikit-learn's learning curve."""
    splits = ShuffleSplit(SPLITS, test_size=0.2, random_state=0)
    options = {"train_sizes": SHARES, "cv": splits, "scoring": "neg_mean_squared_error"}
    rows, _, scores = learning_curve(model, X, Y, **options)
    return power_law(rows.astype(float), -scores.mean(axis=1), n)


def by_ansatz(model: Any, X: Array, Y: Array, n: int) -> float:
    """Return the error by the Hermite ansatz: covariance, and the target's projections on its modes; the rest is noise.

    Of random features the kernel in the limit of many.
    """
    kernel = getattr(model, "kernel", NNGP())
    order = learning_order(kernel, X - X.mean(axis=0), Y, alpha=model.alpha, n_modes=MODES)
    # Shares below 0 are of noise, as are as many above: the sum is right.
    told = np.zeros(0) if order.shares is None else order.shares
    masses, explained = np.nan_to_num(np.maximum(told, 0.0)), min(max(1.0 - order.unexplained, 0.0), 1.0)
    masses *= explained / max(masses.sum(), 1e-300)
    spectrum = Spectrum(order.eigenvalues, tail=order.tail)
    features = getattr(getattr(model, "features", None), "n_components", np.inf)
    found = risk(spectrum, masses, n, model.alpha, 1.0 - explained, features)
    return float(found.test * Y.var(axis=0).mean())


def by_gcv(model: Any, X: Array, Y: Array, n: int) -> float:
    """Return the error by a power law through generalised cross-validation at quarters, halves and all rows."""
    sizes, errors = len(X) * np.array([1, 2, 4]) // 4, []
    for m in sizes:
        rows, centred = X[:m], Y[:m] - Y[:m].mean(axis=0)
        inverse = np.linalg.inv(gram(model, rows) + model.alpha * np.eye(m))
        errors.append(np.mean(np.square(inverse @ centred)) / (np.trace(inverse) / m) ** 2)
    return power_law(sizes.astype(float), np.array(errors), n)


def gram(model: Any, X: Array) -> Array:
    """Return the kernel matrix of a model's rows, with a constant for its intercept."""
    if hasattr(model, "kernel"):
        K = np.asarray(model.kernel(X))
    else:
        Z = np.asarray(model.features.fit_transform(X))
        K = Z @ Z.T
    return K + float(np.mean(np.diag(K)))

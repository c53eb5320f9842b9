"""
Beyond the tangent kernel: a product of two columns
===================================================

Rows are vertices of the cube {±1}^d and y = x1 x2. The tangent kernel needs O(d²) rows to see one of d(d - 1)/2
products, as does every kernel that depends on inner products alone. ``TaylorRegressor`` trains the next term of the
same network's expansion, quadratic in the movement of the weights. Its penalty favours few directions, so that O(d)
rows are enough; ridge regression by that term's own kernel has no such penalty. Left: test error against n / d, where
kernels get the penalty that is best on the test rows. Right: the movement of every neuron, a row of ``W_``, lies in the
two columns of X that matter.
"""

import sys
from functools import partial

import matplotlib.pyplot as plt
import numpy as np

import widelearn as wl

quick = "--quick" in sys.argv
dimensions = [10, 20] if quick else [20, 40, 80]
ratios = [2, 6] if quick else [2, 3, 4, 6, 8, 12]
draws = 1 if quick else 3
alphas = np.logspace(-6, 2, 3 if quick else 9)


def sample(d, n, seed):
    """Training rows and 2,000 test rows with their targets."""
    X = wl.datasets.hypercube(n + 2000, d, random_state=seed)
    y = X[:, 0] * X[:, 1]
    return X[:n], y[:n], X[n:], y[n:]


def quadratic(X, y, X_test, y_test):
    """Test error of the quadratic term."""
    model = wl.TaylorRegressor(linear_term=False, random_state=0).fit(X, y)
    return np.mean((model.predict(X_test) - y_test) ** 2)


def best_kernel(kernel, X, y, X_test, y_test):
    """Test error of kernel ridge regression at its best penalty; one eigendecomposition serves all."""
    values, vectors = np.linalg.eigh(kernel(X))
    rows, coef = kernel(X_test, X) @ vectors, vectors.T @ y
    return min(np.mean((rows @ (coef / (values + alpha)) - y_test) ** 2) for alpha in alphas)


tangent = partial(best_kernel, wl.kernels.NTK(activation="softplus"))
lifted = partial(best_kernel, wl.kernels.TaylorKernel(2, "softplus"))
series = [("o-", "quadratic term", quadratic), ("s:", "tangent kernel", tangent), ("^--", "kernel of order 2", lifted)]

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for color, d in enumerate(dimensions):
    for style, name, error in series:
        errors = [np.median([error(*sample(d, k * d, seed)) for seed in range(draws)]) for k in ratios]
        left.semilogy(ratios, errors, style, color=f"C{color}", label=f"{name}, d = {d}")
left.set_xlabel("rows / columns, n / d")
left.set_ylabel("test error / variance of y")
left.legend(fontsize=8)

d = dimensions[0]
X, y, _, _ = sample(d, 12 * d, 0)
W = wl.TaylorRegressor(linear_term=False, random_state=0).fit(X, y).W_
right.imshow(W.T, aspect="auto", cmap="RdBu_r", vmin=-abs(W).max(), vmax=abs(W).max(), interpolation="nearest")
right.set_xlabel("neuron")
right.set_ylabel("column of X")
right.set_yticks(range(0, d, 5))
right.set_title("movement of the first layer (blue < 0 < red)")
plt.show()

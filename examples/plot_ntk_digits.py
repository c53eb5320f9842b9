"""
An infinitely wide network on handwritten digits
================================================

Training an infinitely wide network for a long time gives kernel ridge regression with the neural tangent kernel (NTK).
Here its test error on 8 x 8 digits is compared with that of an RBF kernel and of a linear model, as the training set
grows. The ridge and the width of the RBF are chosen by cross-validation on the training rows alone.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split

import widelearn as wl

quick = "--quick" in sys.argv
sizes = [100, 200] if quick else [50, 100, 200, 400, 800, 1200]
splits = 1 if quick else 3
alphas = np.logspace(-4, 0, 2 if quick else 5)

X, y = load_digits(return_X_y=True)
X = X / 16
models = {
    "linear": (wl.kernels.Linear(), {}),
    "RBF": (wl.kernels.RBF(), {"kernel__gamma": np.array([0.3, 1, 3, 10]) / X.shape[1]}),
    "NTK, one hidden layer": (wl.kernels.NTK(depth=1), {}),
    "NTK, three hidden layers": (wl.kernels.NTK(depth=3), {}),
}


def test_error(kernel, grid, n, seed):
    """Error on the rows left out of a stratified training set of n rows."""
    X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=n, random_state=seed, stratify=y)
    search = GridSearchCV(wl.KernelRidgeClassifier(kernel), {"alpha": alphas, **grid}, cv=3)
    return 1 - search.fit(X_train, y_train).score(X_test, y_test)


figure, axes = plt.subplots(layout="constrained")
for name, (kernel, grid) in models.items():
    errors = np.array([[test_error(kernel, grid, n, seed) for seed in range(splits)] for n in sizes])
    axes.errorbar(sizes, errors.mean(axis=1), yerr=errors.std(axis=1), fmt="o-", capsize=3, label=name)
axes.set_xscale("log")
axes.set_yscale("log")
axes.set_xlabel("training rows")
axes.set_ylabel("test error")
axes.legend()
plt.show()

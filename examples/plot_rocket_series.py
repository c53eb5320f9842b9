"""
Time series by random convolutions, RidgeClassifierCV replaced
==============================================================

ROCKET convolves a series with thousands of random kernels, keeps two numbers of each convolution, its maximum and its
share of positive values, and hands them to ``RidgeClassifierCV``. ``FeatureRidgeClassifierCV("passthrough")`` stands in
that place: it chooses the same penalty by the same left-out rows, and adds probabilities. The series are cylinders,
bells and funnels of random place and length in noise, a task of many papers. The transformer below is ROCKET in small.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.linear_model import RidgeClassifierCV
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import widelearn as wl

quick = "--quick" in sys.argv
n, n_test, length = (60, 60, 96) if quick else (120, 400, 128)
counts = [10, 50] if quick else [10, 30, 100, 300, 1000]
alphas = np.logspace(-2, 4, 13)


def draw(rows, rng):
    """Draw series of three shapes, which begin and end anywhere, in noise."""
    kind, time = rng.integers(3, size=rows), np.arange(length)
    start = rng.integers(length // 8, length // 4, (rows, 1))
    stop = start + rng.integers(length // 4, 3 * length // 4, (rows, 1))
    rise = (time - start) / (stop - start)
    shape = np.choose(kind[:, None], [np.ones_like(rise), rise, 1 - rise]) * ((time >= start) & (time < stop))
    return shape * rng.normal(3.0, 0.5, (rows, 1)) + rng.standard_normal((rows, length)), kind


class RandomConvolutions(TransformerMixin, BaseEstimator):
    """Maxima and shares of positive values of convolutions with random kernels, dilations and biases."""

    def __init__(self, n_kernels=100, random_state=0):
        self.n_kernels, self.random_state = n_kernels, random_state

    def fit(self, X, y=None):
        """Draw kernels of 9 weights that sum to zero, as ROCKET does, and biases."""
        rng = np.random.default_rng(self.random_state)
        weights = rng.standard_normal((self.n_kernels, 9))
        self.weights_ = weights - weights.mean(axis=1, keepdims=True)
        self.dilations_ = (2 ** rng.uniform(0, np.log2((X.shape[1] - 1) / 8), self.n_kernels)).astype(int)
        self.biases_ = rng.uniform(-1, 1, self.n_kernels)
        return self

    def transform(self, X):
        """Return two features a kernel."""
        found = []
        for weights, dilation, bias in zip(self.weights_, self.dilations_, self.biases_, strict=True):
            padded = np.pad(X, ((0, 0), (4 * dilation, 4 * dilation)))
            values = bias + sum(w * padded[:, i * dilation :][:, : X.shape[1]] for i, w in enumerate(weights))
            found += [values.max(axis=1), (values > 0).mean(axis=1)]
        return np.transpose(found)


rng = np.random.default_rng(0)
(X, y), (X_test, y_test) = draw(n, rng), draw(n_test, rng)
models = [(RidgeClassifierCV(alphas), "o-"), (wl.FeatureRidgeClassifierCV("passthrough", alphas), "x--")]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for kind, name in enumerate(["cylinder", "bell", "funnel"]):
    left.plot(X[y == kind][0] + 8 * kind, label=name)
for model, style in models:
    name = type(model).__name__
    fits = [make_pipeline(RandomConvolutions(k), StandardScaler(), clone(model)).fit(X, y) for k in counts]
    right.semilogx(counts, [1 - fit.score(X_test, y_test) for fit in fits], style, label=name)
    print(f"{name}: alpha = {fits[-1][-1].alpha_:.3g}, error {1 - fits[-1].score(X_test, y_test):.3f}")
print(f"log loss of its probabilities: {log_loss(y_test, fits[-1].predict_proba(X_test)):.3f}")
left.set(xlabel="time", ylabel="value, shifted by 8 each", title="one series of each class", ylim=(-5, 24))
right.set(xlabel="random convolutions", ylabel="test error", title="the same classifier")
left.legend(loc="upper left", ncols=3, fontsize=8)
right.legend()
plt.show()

"""
50,000 rows, never held at once
===============================

``FeatureRidge`` sums what it needs of random features block by block, so that a stream of rows is fitted in memory that
depends on the number of features alone: here from a generator that draws each block when it is asked for it.
``partial_fit`` goes on from there at any time, and solves when a prediction is asked for. The error on new rows falls
towards that of the noise as far as the number of features lets it.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_friedman1

import widelearn as wl

quick = "--quick" in sys.argv
rows, block = (2_000, 500) if quick else (50_000, 2_500)
widths = [50, 100] if quick else [100, 300, 1000]


def blocks():
    """Draw the rows of Friedman's regression, block by block, in units of their spread."""
    for seed in range(rows // block):
        X, y = make_friedman1(block, noise=1.0, random_state=seed)
        yield (X - 0.5) * 12**0.5, y


X_test, y_test = make_friedman1(5_000, noise=1.0, random_state=10**6)
X_test = (X_test - 0.5) * 12**0.5

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for width in widths:
    features = wl.RandomFeatures(n_components=width, bias_scale=1.0, random_state=0)
    model, seen, errors = wl.FeatureRidge(features, alpha=1e-2), [], []
    for number, (X, y) in enumerate(blocks(), 1):
        model.partial_fit(X, y)
        if number & (number - 1) == 0 or number == rows // block:
            seen.append(number * block)
            errors.append(np.mean((model.predict(X_test) - y_test) ** 2))
    left.plot(seen, errors, "o-", label=f"{width} features")
left.axhline(1.0, color="gray", lw=0.8, label="noise")
left.set(xlabel="rows seen", ylabel="mean squared error of new rows")
left.set_ylim(bottom=0)
left.legend()

# In one pass, the penalty chosen from the sums by generalised cross-validation; `callback` is told of each block.
told = []
chosen = wl.FeatureRidgeCV(features, cv="gcv").fit_blocks(blocks(), callback=told.append)
print(f"{told[-1]} rows in {len(told)} blocks: alpha = {chosen.alpha_:.3g}, R² = {chosen.score(X_test, y_test):.4f}")
right.plot(y_test[:1000], chosen.predict(X_test[:1000]), ".", ms=3)
right.axline((15, 15), slope=1, color="gray", lw=0.8)
right.set(xlabel="target of a new row", ylabel="prediction", title=f"{width} features, all {rows} rows")
plt.show()

"""
Random features converge to their kernel
========================================

The inner product of ``n_components`` random features is an average over random neurons. Its error, relative to
sqrt(k(x, x) k(x', x')), falls like one over the square root of their number, whatever the dimension of the input:
random relu features approach the NNGP kernel of one hidden layer, Fourier features the RBF kernel. Gaussian weights and
weights on the sphere have the same relu kernel; equal lengths vary less, and pay off in low dimension.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np

import widelearn as wl

quick = "--quick" in sys.argv
widths = np.array([64, 256]) if quick else np.array([64, 128, 256, 512, 1024, 2048, 4096, 8192])
draws = 2 if quick else 10
X = np.random.default_rng(0).standard_normal((200, 4))

cases = {
    "relu, Gaussian weights": (wl.RandomFeatures(activation="relu"), wl.kernels.NNGP(depth=1)),
    "relu, weights on the sphere": (wl.RandomFeatures(activation="relu", weights="sphere"), wl.kernels.NNGP(depth=1)),
    "Fourier": (wl.FourierFeatures(kernel=wl.kernels.RBF()), wl.kernels.RBF()),
}


def error(features, kernel, n_components, seed):
    """Root mean square error of the features' Gram matrix, relative to the diagonal."""
    Z = features.set_params(n_components=int(n_components), random_state=seed).fit_transform(X)
    scale = np.sqrt(kernel.diag(X))
    return np.sqrt(np.mean(((Z @ Z.T - kernel(X)) / np.outer(scale, scale)) ** 2))


figure, axes = plt.subplots(layout="constrained")
for name, (features, kernel) in cases.items():
    errors = [[error(features, kernel, width, seed) for seed in range(draws)] for width in widths]
    axes.loglog(widths, np.mean(errors, axis=1), "o-" if "relu" in name else "s--", label=name)
axes.loglog(widths, 1 / np.sqrt(widths), "k:", label="n_components$^{-1/2}$")
axes.set_xlabel("n_components")
axes.set_ylabel("root mean square error of the kernel")
axes.legend()
plt.show()

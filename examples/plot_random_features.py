"""
Random features converge to their kernel
========================================

The inner product of ``n_components`` random features is an average over random neurons. Its error, relative to
sqrt(k(x, x) k(x', x')), falls like one over the square root of their number, whatever the dimension of the input.
Orthogonal directions reduce it, and products of Hadamard matrices do the same at a fraction of the cost. The right
panel is about the tangent kernel of a wide relu network. Gradients of a finite layer share each neuron among all
inputs; ``NTKFeatures`` draws every column independently.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np

import widelearn as wl

quick = "--quick" in sys.argv
d = 64
sizes = np.array([128, 512]) if quick else 2 ** np.arange(7, 14)
draws = 2 if quick else 10
X = np.random.default_rng(0).standard_normal((100, d))


def error(gram, kernel):
    """Root mean square error of Gram matrices over draws, relative to the diagonal."""
    scale = np.sqrt(kernel.diag(X))
    gaps = [(gram(seed) - kernel(X)) / np.outer(scale, scale) for seed in range(draws)]
    return np.sqrt(np.mean(np.square(gaps)))


def inner_products(features):
    """Gram matrices of a feature map, by seed."""

    def gram(seed):
        Z = features.set_params(random_state=seed).fit_transform(X)
        return Z @ Z.T

    return gram


def gradients(width):
    """Both layers' gradients, from the kernels of finite width: no width x d columns."""
    return lambda seed: wl.kernels.FiniteRF(width, "relu", seed)(X) + wl.kernels.FiniteNTK(width, "relu", seed)(X)


figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained", sharey=True)
for name, kernel, make in (
    ("relu", wl.kernels.NNGP(), lambda p, w: wl.RandomFeatures(p, weights=w)),
    ("Fourier", wl.kernels.RBF(), lambda p, w: wl.FourierFeatures(n_components=p, weights=w)),
):
    for style, weights in (("o-", "gaussian"), ("s--", "orthogonal"), ("^:", "hadamard")):
        errors = [error(inner_products(make(int(p), weights)), kernel) for p in sizes]
        color = "C0" if name == "relu" else "C1"
        left.loglog(sizes, errors, style, color=color, label=f"{name}, {weights}")
for depth in (1, 2):
    errors = [error(inner_products(wl.NTKFeatures(int(p), depth)), wl.kernels.NTK(depth)) for p in sizes]
    right.loglog(sizes, errors, "o-" if depth == 1 else "s--", color="C2", label=f"NTKFeatures, depth {depth}")
errors = [error(gradients(max(int(p) // (d + 1), 1)), wl.kernels.NTK()) for p in sizes]
right.loglog(sizes, errors, "^:", color="C3", label="gradients of a finite network, depth 1")
for axes in (left, right):
    axes.loglog(sizes, 1 / np.sqrt(sizes), color="gray", lw=0.8, label="n_components$^{-1/2}$")
    axes.set_xlabel("n_components")
    axes.legend(fontsize=8)
left.set_ylabel("root mean square error of the kernel")
left.set_title("NNGP and RBF kernels")
right.set_title("tangent kernels")
right.set_ylabel("root mean square error of the tangent kernel")
plt.show()

"""Gradients of radial kernels: for k(x, x') = h(r), r = ‖x - x'‖, the factor h'(r)/r of x - x'; and of norm 1."""

import math

import numpy as np

from widelearn.kernels import specs
from widelearn.kernels.base import Kernel
from widelearn.kernels.radial import RBF, Laplace, Matern
from widelearn.runtime import Array


def check_radial(kernel: Kernel) -> None:
    """Refuse a kernel that is no function of a distance here, or whose gradient has no bound."""
    if not isinstance(kernel, RBF | Laplace | Matern):
        raise ValueError(
            f"The gradient of {kernel!r} is not here in closed form: take RBF, Laplace or Matern, functions of a"
            " distance."
        )
    if kernel.by_column:
        raise ValueError(f"{kernel!r} has a length for each column, which is what the metric learns. Give one number.")
    if isinstance(kernel, Laplace) and kernel.norm == 2 and not 1 <= kernel.power <= 2:
        raise ValueError(
            f"The gradient of {kernel!r} is not here: below power 1 gradients grow without bound where rows meet. Take"
            " 1 <= power <= 2."
        )


def sum_slopes(gamma: float, K: Array, X: Array, Y: Array, dual: Array) -> Array:
    """Return the gradients (t, n, d) in x of Σ_j a_j exp(-gamma Σ_c |x_c - y_jc|), K its kernel matrix.

    They are -gamma Σ_j a_j k_j sign(x_c - y_jc), at a kink the mean of both sides: a difference that roundings of
    the columns' entries explain has the sign 0.
    """
    out = np.empty((dual.shape[1], *X.shape), np.result_type(K, dual))
    for column in range(X.shape[1]):
        x, y = X[:, column, None], Y[:, column]
        signs = x - y
        tie = 8.0 * np.finfo(X.dtype).eps * max(np.abs(x).max(initial=0.0), np.abs(y).max(initial=0.0))
        signs[np.abs(signs) <= tie] = 0.0
        np.sign(signs, out=signs)
        signs *= K
        out[:, :, column] = (signs @ dual).T
    return multiple(out, -gamma)


def slopes(kernel: Kernel, X: Array, Y: Array) -> Array:
    """Return s(x, y) of shape (n, m), such that the gradient of k(x, y) in x is s(x, y) (x - y).

    It is zero at coinciding rows, where a kernel with a cusp has no gradient. RBF: -2 gamma k. Matern: -3/l² e^-t for
    nu 1.5 and -5/(3 l²) (1 + t) e^-t for 2.5, Matern kernels again. Laplace: -gamma power r^(power - 2) k, with
    gamma r^power = -log k taken from the kernel's own value, which near-equal rows leave exact; the relative error is
    that of one rounding over gamma r^power.
    """
    match kernel.spec(X.shape[1]):
        case specs.Rbf(gamma):
            return multiple(kernel(X, Y), -2.0 * gamma)
        case specs.Matern(scale, 1.5):
            return multiple(Laplace(math.sqrt(3.0) / scale)(X, Y), -3.0 / scale**2)
        case specs.Matern(scale, 2.5):
            return multiple(Matern(scale * math.sqrt(3.0 / 5.0), 1.5)(X, Y), -5.0 / (3.0 * scale**2))
        case specs.Matern(scale):
            gamma, power = 1.0 / scale, 1.0
        case specs.Laplace(gamma, power):
            pass
    out = kernel(X, Y)
    if power == 2.0:
        return multiple(out, -2.0 * gamma)
    # Values a rounding below one are rows that coincide; those that are zero weigh nothing at any distance.
    plain = (out > 0.0) & (out < 1.0 - 4.0 * np.finfo(out.dtype).eps)
    u = np.log(out, out=np.full_like(out, -1.0), where=plain)
    np.negative(u, out=u)
    if power == 1.0:
        out /= u
        out *= -(gamma**2)
    else:
        u /= gamma
        out *= np.power(u, (power - 2.0) / power, out=u)
        out *= -gamma * power
    out[~plain] = 0.0
    return out


def multiple(K: Array, factor: float) -> Array:
    """Multiply in place, in the matrix's own precision."""
    K *= K.dtype.type(factor)
    return K

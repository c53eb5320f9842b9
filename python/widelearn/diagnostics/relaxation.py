"""The convex relaxation of a quadratic model's fit, by lifts of rank 2, descended from where the model stands."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from widelearn.diagnostics.taylor_problem import TaylorProblem
from widelearn.nets import Expansion
from widelearn.runtime import NumberOverflowError, one_blas_thread

Array = NDArray[np.float64]

# Flops of a descent, evaluations of which it is to have some, and what it ends at.
FLOPS, FEWEST, MOST = 3e10, 30, 3000
# What a neuron's second vector starts at, of the length that its curvature asks for.
SHARE = 0.1


def linear_axes(problem: TaylorProblem) -> tuple[Array, Array]:
    """Return the mean row, and A for which ridge regression on (X - mean) A is the identity: one step fits it."""
    mean = problem.weight @ problem.columns
    X = problem.columns - mean
    spread, axes = np.linalg.eigh(X.T @ (problem.weight[:, None] * X))
    curvature = np.maximum(spread, 0.0) + problem.linear_alpha
    floor = np.finfo(float).eps * float(curvature.max()) or 1.0
    return mean, axes / np.sqrt(np.maximum(curvature, floor))


def evaluations(problem: TaylorProblem) -> int:
    """Return how many evaluations of the relaxation a descent may have."""
    return int(min(FLOPS / (12 * problem.X.size * len(problem.W)), MOST))


class Relaxation:
    """Mean loss + alpha (Σ_r tr(M_r)²)^q + (linear_alpha/2) ‖β‖² over M_r = w_r w_rᵀ + w'_r w'_rᵀ, and β and b.

    Its minimum is that over all lifts where none needs a rank above 2, and below the model's own.
    """

    def __init__(self, problem: TaylorProblem) -> None:
        self.problem, net = problem, problem.expansion
        self.net = Expansion(np.tile(net.W0, (2, 1)), np.tile(net.a, (2, 1)), net.activation, (2,))
        self.mean, self.axes = linear_axes(problem)
        self.Z = (problem.columns - self.mean) @ self.axes if problem.linear else problem.X[:, :0]

    def descend(self, kappa: Array, bottoms: Array) -> tuple[Array, Array]:
        """Return the terms and the linear part at the rows where a descent from the model ends.

        Second vectors start along the directions in which the forms of neurons fall.
        """
        p = self.problem
        G = float(np.sum(np.einsum("ij,ij->i", p.W, p.W) ** 2))
        lengths = np.sqrt(kappa / (2 * p.alpha * p.power * max(G, np.finfo(float).tiny) ** (p.power - 1)))
        lengths = np.minimum(lengths, 10 * max(np.linalg.norm(p.W, axis=1).max(), 1.0))
        V = np.vstack([p.W, SHARE * lengths[:, None] * bottoms])
        gamma = np.linalg.solve(self.axes, p.beta) if p.linear else p.beta[:0]
        b = p.b + self.mean @ p.beta
        theta = np.concatenate([V.ravel(), gamma.ravel(), b])
        options: Any = {"maxiter": MOST, "maxfun": evaluations(p), "ftol": 1e-15, "gtol": 1e-12, "maxcor": 20}
        with one_blas_thread():
            found: Any = minimize(self._value, theta, jac=True, method="L-BFGS-B", options=options)
        V, gamma, b = self._parts(found.x)
        return self.net.outputs(p.X, V), self.Z @ gamma + b

    def _parts(self, theta: Array) -> tuple[Array, Array, Array]:
        size, c = 2 * self.problem.W.size, self.problem.Y.shape[1]
        V = theta[:size].reshape(-1, self.problem.W.shape[1])
        return V, theta[size : len(theta) - c].reshape(-1, c), theta[len(theta) - c :]

    def _value(self, theta: Array) -> tuple[float, Array]:
        p = self.problem
        V, gamma, b = self._parts(theta)
        offset = np.ascontiguousarray(self.Z @ gamma + b)
        try:
            found = self.net.loss_gradient(p.X, p.Y, V, p.loss, offset=offset, sample_weight=p.weight)
        except NumberOverflowError:
            return np.inf, np.zeros_like(theta)
        traces = np.einsum("ij,ij->i", V, V).reshape(2, -1).sum(axis=0)
        G = float(traces @ traces)
        by_V = found.W + (4 * p.alpha * p.power * G ** (p.power - 1) * np.tile(traces, 2))[:, None] * V
        beta = self.axes @ gamma if p.linear else p.beta
        value = found.loss + p.alpha * G**p.power + p.linear_alpha / 2 * float(np.sum(beta**2))
        by_gamma = self.Z.T @ found.residual
        if p.linear:
            by_gamma += p.linear_alpha * self.axes.T @ beta
        by_b = found.residual.sum(axis=0) * p.linear
        return value, np.concatenate([by_V.ravel(), by_gamma.ravel(), by_b])

"""The Hessian of a fitted Taylor model's objective: its smallest eigenvalue, and its mean over random signs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

from widelearn.diagnostics.relaxation import linear_axes
from widelearn.diagnostics.taylor_problem import TaylorProblem, check_draws, derivative, refuse_order
from widelearn.runtime import capped, row_blocks

Array = NDArray[np.float64]

# Parameters up to which the Hessian is formed; share of its largest eigenvalue to which others are found.
FORMED, PRECISION = 256, 3e-7
# Vectors that Lanczos's method holds, within so many bytes if not too few: it took ten times more products with 60.
MOST, FEWEST, HELD_BYTES = 240, 40, 256 << 20
# Numbers of a block of neurons at all rows.
VALUES = 1 << 22


@dataclass(frozen=True, eq=False)
class HessianEigenvalue:
    """Hold the smallest eigenvalue of a Hessian and its direction, as which it unpacks: `value, direction = ...`.

    Parameters
    ----------
    value : float
        The smallest eigenvalue, negative where the objective falls to both sides.
    direction : ndarray of shape (m, d), or (m, d + 1) with thresholds
        The part of its unit eigenvector along the movement W; the whole of it without a linear part.
    linear_direction : ndarray of shape (d + 1, c), or None
        Its part along β and, last, b; None without a linear part.
    largest : float
        The largest eigenvalue, to 1 %.

    Examples
    --------
    >>> from widelearn.diagnostics import HessianEigenvalue
    >>> value, direction = HessianEigenvalue(-1.0, None, None, 3.0)
    >>> value
    -1.0
    """

    value: float
    direction: Array
    linear_direction: Array | None
    largest: float

    def __iter__(self) -> Iterator[Any]:
        """Yield the value and the direction."""
        yield from (self.value, self.direction)


class CurvatureIdentity(NamedTuple):
    """Hold both sides of the identity of :func:`curvature_identity`.

    Parameters
    ----------
    curvature : float
        The left side exactly: `gradient + improvement + width`.
    gradient : float
        <∇L(W), W>, 0 at a stationary point of the loss.
    improvement : float
        2 Σ_i ω_i <ℓ'_i, f_{W*}(x_i) - f_W(x_i)>, at most 2 (L(W*) - L(W)).
    width : float
        Δ >= 0, which falls like 1/m.
    sampled, sampled_error : float
        The left side as a mean over drawn signs of V'∇²L V, V = ΣW*, and its standard error.

    Examples
    --------
    >>> from widelearn.diagnostics import CurvatureIdentity
    >>> CurvatureIdentity(1.0, 0.0, 0.5, 0.5, 1.01, 0.02).width
    0.5
    """

    curvature: float
    gradient: float
    improvement: float
    width: float
    sampled: float
    sampled_error: float


class Hessian:
    """Multiply directions by the Hessian of a problem's objective in one vector of W, γ and b + mean'β, β = A γ.

    In these coordinates the linear part's own Hessian, for the squared loss, is the identity: a large linear_alpha does
    not hold up Lanczos's method. Signs of eigenvalues do not depend on coordinates.
    """

    def __init__(self, problem: TaylorProblem) -> None:
        self.problem = problem
        self.mean, self.axes = linear_axes(problem)
        self.Z = (problem.columns - self.mean) @ self.axes if problem.linear else problem.X[:, :0]
        size, c = problem.W.size, problem.Y.shape[1]
        self.sizes = (size, size + self.Z.shape[1] * c)
        self.count = self.sizes[1] + (c if problem.linear else 0)
        self.length = float(np.linalg.norm(problem.W)) or 1.0

    def parts(self, v: Array) -> tuple[Array, Array, Array]:
        """Return the parts W (m, d), γ (d, c) and b + mean'β (c,) of a vector, the latter empty without them."""
        one, two = self.sizes
        p = self.problem
        return v[:one].reshape(p.W.shape), v[one:two].reshape(len(p.beta), -1), v[two:]

    def linear_part(self, v: Array) -> tuple[Array, Array]:
        """Return β (d, c) and b (c,) of a vector."""
        _, gamma, shifted = self.parts(v)
        beta = self.axes @ gamma
        return beta, shifted - self.mean @ beta

    def loss_product(self, V: Array) -> Array:
        """Return the Hessian of the mean loss by W times V."""
        p = self.problem
        options: dict[str, Any] = {"offset": p.offset, "sample_weight": p.weight}
        return p.expansion.hessian_product(p.X, p.Y, p.W, np.ascontiguousarray(V), p.loss, **options)

    def __call__(self, v: Array) -> Array:
        """Return the product with a vector."""
        p = self.problem
        V, gamma, b = self.parts(np.asarray(v, dtype=float).ravel())
        by_W = self.loss_product(V) + self._penalty_product(V)
        if not p.linear:
            return by_W.ravel()
        line = self.Z @ gamma + b
        by_W = by_W + p.pulled(p.expansion, p.bend(line))
        bent = p.bend(line + self._moved(V))
        by_gamma = self.Z.T @ bent + p.linear_alpha * (self.axes.T @ (self.axes @ gamma))
        return np.concatenate([by_W.ravel(), by_gamma.ravel(), bent.sum(axis=0)])

    def _moved(self, V: Array) -> Array:
        """Return the derivative of the outputs along V by differences that are exact for polynomials of degree 4."""
        p, size = self.problem, float(np.linalg.norm(V))
        if not size > 0:
            return np.zeros_like(p.Y)
        step = V * (self.length / size)

        def difference(t: float) -> Array:
            return p.expansion.outputs(p.X, p.W + t * step) - p.expansion.outputs(p.X, p.W - t * step)

        if p.order <= 2:
            return difference(1.0) * (size / (2 * self.length))
        return (8 * difference(1.0) - difference(2.0)) * (size / (12 * self.length))

    def _penalty_product(self, V: Array) -> Array:
        """Return the Hessian of alpha G^q, G = Σ_r ‖w_r‖^(2k), times V."""
        p = self.problem
        k, q, W = p.order, p.power, p.W
        squares, inner = np.einsum("ij,ij->i", W, W), np.einsum("ij,ij->i", W, V)
        G = float(np.sum(squares**k))
        found = 2 * k * (squares ** (k - 1))[:, None] * V
        if k > 1:
            found += (4 * k * (k - 1) * squares ** (k - 2) * inner)[:, None] * W
        found *= G ** (q - 1)
        if q > 1:
            dG = 2 * k * float(squares ** (k - 1) @ inner)
            found += (q - 1) * G ** (q - 2) * dG * (2 * k * squares ** (k - 1))[:, None] * W
        return np.asarray(p.alpha * q * found)

    def extremes(self) -> tuple[float, Array, float]:
        """Return the smallest eigenvalue with its unit eigenvector, and the largest, by Lanczos's method."""
        if self.count <= FORMED:
            matrix = np.stack([self(one) for one in np.eye(self.count)])
            values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
            return float(values[0]), vectors[:, 0], float(values[-1])
        start = np.random.default_rng(0).standard_normal(self.count)
        options: dict[str, Any] = {"k": 1, "which": "LA", "v0": start}
        whole = LinearOperator((self.count, self.count), matvec=self, dtype=float)
        largest = float(eigsh(whole, tol=1e-2, return_eigenvectors=False, **options)[0])
        # Reflected, the smallest eigenvalue is as large as the whole spectrum, to which errors are relative.
        top = max(abs(largest), np.finfo(float).tiny)
        turned = LinearOperator((self.count, self.count), matvec=lambda v: top * v.ravel() - self(v), dtype=float)
        held = min(self.count, max(HELD_BYTES // (8 * self.count), FEWEST), MOST)
        values, vectors = eigsh(turned, tol=PRECISION, ncv=held, **options)
        return top - float(values[0]), vectors[:, 0], largest


@capped
def min_hessian_eigenvalue(
    model: Any, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
) -> HessianEigenvalue:
    """Return the smallest eigenvalue of the Hessian of a fitted Taylor model's objective, with its direction.

    Parameters are the movement W and, with a linear part, γ and b in x'β + b = z'γ + b, for columns z of the rows for
    which the squared loss and the penalty of β alone have the identity as Hessian. At a local minimum no eigenvalue is
    negative; at a saddle the direction of the most negative one leads down to both sides.

    Parameters
    ----------
    model : TaylorRegressor or TaylorClassifier
        Fitted with mode="taylor"; any order.
    X : array-like of shape (n, d)
        The rows it was fitted to.
    y : array-like of shape (n,) or (n, c)
        Their targets or labels.
    sample_weight : array-like of shape (n,), optional
        Their weights, if it was fitted with weights.

    Returns
    -------
    HessianEigenvalue
        `value, direction = min_hessian_eigenvalue(...)`; the largest eigenvalue for comparison, too.

    Raises
    ------
    ValueError
        If mode or shapes do not fit, or a value is not finite.
    TypeError
        If the model is no fitted Taylor model.

    Notes
    -----
    Lanczos's method on products with the Hessian, of 8 n m d flops and with a linear part 22 n m d, hundreds of them;
    240 vectors are held, or fewer beyond 256 MiB. The value is within 3e-7 of the largest eigenvalue of an eigenvalue,
    in float64; up to 256 parameters the Hessian is formed.

    References
    ----------
    Bai & Lee, "Beyond linearization: on quadratic and higher-order approximation of wide neural networks", ICLR 2020,
    section 3: second-order stationary points are near-global.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import TaylorRegressor
    >>> from widelearn.diagnostics import min_hessian_eigenvalue
    >>> X = np.random.default_rng(0).choice([-1.0, 1.0], (100, 5))
    >>> y = X[:, 0] * X[:, 1]
    >>> model = TaylorRegressor(width=16, tol=1e-12, max_iter=3000, random_state=0).fit(X, y)
    >>> found = min_hessian_eigenvalue(model, X, y)
    >>> bool(found.value > -1e-6 * found.largest)
    True
    """
    hessian = Hessian(TaylorProblem.of(model, X, y, sample_weight, "A Hessian"))
    value, vector, largest = hessian.extremes()
    linear = np.vstack(hessian.linear_part(vector)) if hessian.problem.linear else None
    return HessianEigenvalue(value, hessian.parts(vector)[0], linear, largest)


@capped
def curvature_identity(
    model: Any,
    X: ArrayLike,
    y: ArrayLike,
    movement: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    draws: int = 20,
    random_state: int = 0,
) -> CurvatureIdentity:
    """Evaluate the identity that makes local minima near-global: curvature along a better movement with random signs.

    For f = f^Q, L the mean loss by W, any W* and Σ = diag(s_r) of independent signs,

        E_Σ ∇²L(W)[ΣW*, ΣW*] = <∇L(W), W> + 2 Σ_i ω_i <ℓ'_i, f_{W*}(x_i) - f_W(x_i)> + Δ,
        Δ = Σ_i ω_i Σ_r (a_rᵀ ℓ''_i a_r) σ''(<w0_r, x_i>)² <w_r, x_i>² <w*_r, x_i>².

    Where curvatures are >= 0 and L is convex in f, L(W) <= L(W*) + Δ/2 + <∇L, W>/2, the penalty left aside.

    Parameters
    ----------
    model : TaylorRegressor or TaylorClassifier
        Fitted with order=2 and mode="taylor".
    X : array-like of shape (n, d)
        The rows it was fitted to.
    y : array-like of shape (n,) or (n, c)
        Their targets or labels.
    movement : array-like of shape (m, d), or (m, d + 1) with thresholds
        W*, for instance that of :func:`explicit_solution`; last, thresholds over sqrt(d bias_variance).
    sample_weight : array-like of shape (n,), optional
        Their weights, if it was fitted with weights.
    draws : int, default=20
        How many signs are drawn, 2 to 1,000, for the left side.
    random_state : int, default=0
        Their seed.

    Returns
    -------
    CurvatureIdentity
        Every term of the right side, and the left side from drawn signs.

    Raises
    ------
    ValueError
        If order, mode or shapes do not fit, or a value is not finite.
    TypeError
        If the model is no fitted Taylor model.

    Notes
    -----
    8 n m d flops a draw, in float64. Errors of the mean over draws are its standard error; the rest is exact.

    References
    ----------
    Bai & Lee, "Beyond linearization: on quadratic and higher-order approximation of wide neural networks", ICLR 2020,
    section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import TaylorRegressor
    >>> from widelearn.diagnostics import curvature_identity
    >>> X = np.random.default_rng(0).choice([-1.0, 1.0], (100, 5))
    >>> y = X[:, 0] * X[:, 1]
    >>> model = TaylorRegressor(width=16, random_state=0).fit(X, y)
    >>> found = curvature_identity(model, X, y, np.roll(model.W_, 1, axis=0))
    >>> bool(abs(found.sampled - found.curvature) < 5 * found.sampled_error)
    True
    """
    refuse_order(model, "The curvature identity")
    problem = TaylorProblem.of(model, X, y, sample_weight, "The curvature identity")
    other = np.ascontiguousarray(movement, dtype=float)
    if other.shape != problem.W.shape or not np.isfinite(other).all():
        raise ValueError(f"movement must be finite and of shape {problem.W.shape}, got shape {other.shape}.")
    check_draws(draws)
    found = problem.loss_gradient()
    change = problem.expansion.outputs(problem.X, other) - problem.outputs
    gradient, improvement = float(np.sum(found.W * problem.W)), 2 * float(np.sum(found.residual * change))
    width, hessian, rng = _width_term(problem, other), Hessian(problem), np.random.default_rng(random_state)
    sampled = []
    for _ in range(draws):
        V = rng.choice([-1.0, 1.0], (len(other), 1)) * other
        sampled.append(float(np.sum(V * hessian.loss_product(V))))
    error = float(np.std(sampled, ddof=1)) / draws**0.5
    total = gradient + improvement + width
    return CurvatureIdentity(total, gradient, improvement, width, float(np.mean(sampled)), error)


def _width_term(problem: TaylorProblem, other: Array) -> float:
    """Return Δ of the identity."""
    p, total = problem, 0.0
    for neurons in row_blocks(len(p.W), max(1, VALUES // len(p.X))):
        W0, a = p.expansion.W0[neurons], p.expansion.a[neurons]
        moved = derivative(p.expansion, p.X @ W0.T, 2) * (p.X @ p.W[neurons].T) * (p.X @ other[neurons].T)
        # a_rᵀ ℓ''_i a_r of every row and neuron, one neuron at a time.
        for r, column in enumerate(moved.T):
            slopes = np.broadcast_to(a[r], p.Y.shape)
            total += float(column**2 @ np.sum(slopes * p.bend(slopes), axis=1))
    return total

"""How rich a quadratic model's class is: norms of movements, the inputs' operator norm, Rademacher complexities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.diagnostics.lifted_forms import neuron_forms
from widelearn.diagnostics.net_paths import rows_of
from widelearn.diagnostics.taylor_problem import (
    check_draws,
    derivative,
    fitted_net,
    order_of,
    refuse_order,
    scaled_rows,
)
from widelearn.nets import Expansion
from widelearn.runtime import capped, in_range, row_blocks

Array = NDArray[np.float64]

# Numbers of a block of neurons at all rows.
VALUES = 1 << 22


@dataclass(frozen=True)
class Rademacher:
    """Hold empirical Rademacher complexities of classes of movements, as means over drawn signs, and bounds of them.

    Parameters
    ----------
    radius : float
        B of the quadratic and the lifted class: (Σ_r ‖w_r‖⁴)^(1/4) <= B.
    tangent_radius : float
        B_F of the tangent class: ‖W‖_F <= B_F.
    quadratic, quadratic_error : float
        Complexity of {f^Q_W : ‖W‖_{2,4} <= B}, and its standard error.
    lifted, lifted_error : float
        That of its kernel's ball, Σ_r ‖M_r‖_F² <= B⁴.
    tangent, tangent_error : float
        That of {f^L_W : ‖W‖_F <= B_F}, the tangent model.
    quadratic_bound : float
        (B²/2) C_2 B_x² M_op √(2 (1 + log d)/n) ‖a‖, C_2 = max |σ''| at the rows.
    lifted_bound : float
        (B²/2) C_2 B_x² ‖a‖/√n.
    tangent_bound : float
        B_F C_1 B_x ‖a‖/√n, C_1 = max |σ'| at the rows.
    operator_norm_ratio : float
        M_op of the rows.

    Examples
    --------
    >>> from widelearn.diagnostics import Rademacher
    >>> Rademacher(1.0, 1.0, 0.1, 0.01, 0.3, 0.01, 0.2, 0.01, 0.4, 0.5, 0.3, 0.25).quadratic
    0.1
    """

    radius: float
    tangent_radius: float
    quadratic: float
    quadratic_error: float
    lifted: float
    lifted_error: float
    tangent: float
    tangent_error: float
    quadratic_bound: float
    lifted_bound: float
    tangent_bound: float
    operator_norm_ratio: float


def movement_norm(model: Any) -> float:
    """Return ‖W‖_{2,2k} = (Σ_r ‖w_r‖^(2k))^(1/(2k)) of a fitted Taylor model's movement, k its highest order.

    Parameters
    ----------
    model : TaylorRegressor or TaylorClassifier
        A fitted model.

    Returns
    -------
    float
        The norm, in the model's units of rows.

    Raises
    ------
    TypeError
        If the model is no fitted Taylor model.

    Notes
    -----
    m d operations. Where movements are of size m^(-1/(2k)), the norm does not depend on the width.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import TaylorRegressor
    >>> from widelearn.diagnostics import movement_norm
    >>> X = np.random.default_rng(0).choice([-1.0, 1.0], (100, 5))
    >>> model = TaylorRegressor(random_state=0).fit(X, X[:, 0] * X[:, 1])
    >>> bool(np.isclose(movement_norm(model) ** 4, np.sum(np.sum(model.W_**2, axis=1) ** 2)))
    True
    """
    _, W = fitted_net(model)
    k = order_of(model)
    return mixed_norm(W, k)


def mixed_norm(W: Array, k: int) -> float:
    """Return (Σ_r ‖w_r‖^(2k))^(1/(2k)), without overflow."""
    lengths = np.linalg.norm(W, axis=1)
    largest = float(lengths.max(initial=0.0))
    return largest * float(np.sum((lengths / largest) ** (2 * k))) ** (1 / (2 * k)) if largest > 0 else 0.0


@in_range
def operator_norm_ratio(X: ArrayLike) -> float:
    """Return M_op = ‖XᵀX/n‖^½/max_i ‖x_i‖ of rows, between 1/√d and 1.

    The quadratic model's complexity is M_op times its kernel's, up to logarithms: isotropic rows have 1/√d, rows with
    one dominant direction 1, where nothing is gained. Whitening lowers it.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Rows.

    Returns
    -------
    float
        M_op; 0 if all rows are 0.

    Raises
    ------
    ValueError
        If the rows are no finite matrix.

    Notes
    -----
    n d² flops and d³.

    References
    ----------
    Bai & Lee, "Beyond linearization: on quadratic and higher-order approximation of wide neural networks", ICLR 2020,
    section 4: M_{x,op}, there with an expectation.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import operator_norm_ratio
    >>> operator_norm_ratio(np.eye(4))
    0.5
    """
    rows = rows_of("X", X)
    largest = float(np.abs(rows).max())
    if not largest > 0:
        return 0.0
    rows = rows / largest
    gram = rows.T @ rows if rows.shape[1] <= len(rows) else rows @ rows.T
    longest = float(np.einsum("ij,ij->i", rows, rows).max())
    return float(np.sqrt(np.linalg.eigvalsh(gram)[-1] / len(rows) / longest))


@capped
def rademacher(
    model: Any,
    X: ArrayLike,
    *,
    radius: float | None = None,
    tangent_radius: float | None = None,
    draws: int = 10,
    random_state: int = 0,
) -> Rademacher:
    """Measure the empirical Rademacher complexity of a quadratic model's class, its kernel's and the tangent model's.

    R = E_ξ sup_f (1/n) Σ_ic ξ_ic f_c(x_i) with independent signs ξ. The supremum is known: with S_r as in
    :func:`optimality_gap` at u = ξ/n and g_r = Σ_i <u_i, a_r> σ'(<w0_r, x_i>) x_i,

        quadratic  B² (Σ_r max(0, λ_max(S_r))²)^½,   lifted  B² (Σ_r ‖S_r‖_F²)^½,   tangent  B_F (Σ_r ‖g_r‖²)^½.

    Parameters
    ----------
    model : TaylorRegressor or TaylorClassifier
        Fitted with order=2: its start W0, a and σ, and units of rows.
    X : array-like of shape (n, d)
        Rows.
    radius : float, optional
        B; None is the model's own ‖W‖_{2,4}.
    tangent_radius : float, optional
        B_F; None is the model's own ‖W‖_F.
    draws : int, default=10
        How many times signs are drawn, 2 to 1,000.
    random_state : int, default=0
        Their seed.

    Returns
    -------
    Rademacher
        Complexities with standard errors, and bounds with constants that are derived.

    Raises
    ------
    ValueError
        If the order or shapes do not fit, a radius is negative, or a value is not finite.
    TypeError
        If the model is no fitted Taylor model.
    MemoryError
        If d² numbers a neuron do not fit.

    Notes
    -----
    n m d² flops a draw. The bound of the quadratic class: E λ_max(S_r)² <= 2 v (1 + log d) for a sum of matrices with
    signs, v the norm of the sum of their squares, by integrating the tail d exp(-t²/(2v)), and v <= ‖a_r‖² C_2² B_x⁴
    M_op²/(4n).

    References
    ----------
    Bai & Lee, "Beyond linearization: on quadratic and higher-order approximation of wide neural networks", ICLR 2020,
    section 4. Tropp, "User-friendly tail bounds for sums of random matrices", 2012, theorem 1.2.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import TaylorRegressor
    >>> from widelearn.diagnostics import rademacher
    >>> X = np.random.default_rng(0).choice([-1.0, 1.0], (200, 20))
    >>> model = TaylorRegressor(width=64, random_state=0).fit(X, X[:, 0] * X[:, 1])
    >>> found = rademacher(model, X)
    >>> found.quadratic < found.lifted < found.lifted_bound and found.quadratic < found.quadratic_bound
    True
    """
    refuse_order(model, "The complexity of quadratic models")
    expansion, W = fitted_net(model)
    rows = scaled_rows(model, X)
    B = mixed_norm(W, 2) if radius is None else _radius("radius", radius)
    B_F = float(np.linalg.norm(W)) if tangent_radius is None else _radius("tangent_radius", tangent_radius)
    check_draws(draws)
    rng, n, c = np.random.default_rng(random_state), len(rows), expansion.a.shape[1]
    tangent = Expansion(expansion.W0, expansion.a, expansion.activation, (1,))
    found = np.empty((draws, 3))
    for row in found:
        u = rng.choice([-1.0, 1.0], (n, c)) / n
        forms = neuron_forms(expansion, rows, u)
        pulled = tangent.loss_gradient(rows, -n * u, np.zeros_like(W), "squared").W
        positive = np.linalg.norm(np.maximum(forms.largest, 0.0))
        row[:] = B**2 * positive, B**2 * np.sqrt(forms.square.sum()), B_F * np.linalg.norm(pulled)
    means, errors = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(draws)
    first, second = _largest_slopes(expansion, rows)
    longest, size = float(np.linalg.norm(rows, axis=1).max()), float(np.linalg.norm(expansion.a))
    ratio = operator_norm_ratio(rows)
    lifted = B**2 / 2 * second * longest**2 * size / np.sqrt(n)
    ends = {"quadratic": 0, "lifted": 1, "tangent": 2}
    measured = {name: float(means[k]) for name, k in ends.items()}
    measured |= {f"{name}_error": float(errors[k]) for name, k in ends.items()}
    return Rademacher(
        radius=B,
        tangent_radius=B_F,
        quadratic_bound=float(lifted * ratio * np.sqrt(2 * (1 + np.log(rows.shape[1])))),
        lifted_bound=float(lifted),
        tangent_bound=B_F * first * longest * size / n**0.5,
        operator_norm_ratio=ratio,
        **measured,
    )


def _radius(name: str, value: float) -> float:
    if not 0 <= value < np.inf:
        raise ValueError(f"{name} must be finite and >= 0, got {value!r}.")
    return float(value)


def _largest_slopes(expansion: Expansion, X: Array) -> tuple[float, float]:
    """Return the largest |σ'| and |σ''| of all neurons at all rows."""
    largest = [0.0, 0.0]
    for neurons in row_blocks(len(expansion.W0), max(1, VALUES // len(X))):
        U = X @ expansion.W0[neurons].T
        found = [float(np.abs(derivative(expansion, U, k)).max()) for k in (1, 2)]
        largest = [max(pair) for pair in zip(largest, found, strict=True)]
    return largest[0], largest[1]

"""The door to linearised and Taylorised models: the order decides which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike

from widelearn.estimators.linearized.ridge import Function, LinearizedRidge
from widelearn.estimators.linearized.taylorized import TaylorizedRidge


def linearize(
    f0: Function | None,
    jacobian: Function | None = None,
    alpha: ArrayLike = 1.0,
    fit_intercept: bool = False,
    *,
    factors: Function | None = None,
    order: int | None = None,
    terms: Callable[..., Any] | None = None,
    vjp: Callable[..., Any] | None = None,
    n_parameters: int | None = None,
) -> LinearizedRidge | TaylorizedRidge:
    """Return an estimator of a model's expansion in the movement of its parameters: f0(x) + J(x) δ, or to order 4.

    Parameters
    ----------
    f0 : callable or None
        A function of rows (m, d): the model's outputs at its parameters θ0, (m,) or (m, c). None is 0.
    jacobian : callable or None, default=None
        A function of rows (m, d): the outputs' derivatives by the parameters at θ0, (m, P) or (m, c, P); for order 1.
    alpha : float or array-like of shape (n_targets,), default=1.0
        Penalty of ‖δ‖², beside the sum of squared errors; one number for higher orders.
    fit_intercept : bool, default=False
        Whether every output has an unpenalised intercept.
    factors : callable or None, default=None
        In place of `jacobian`: its layers, as :class:`widelearn.kernels.Empirical` takes them; for order 1.
    order : int or None, default=None
        Order of the expansion, 1 to 4. None is 1 with `jacobian` or `factors`, and 2 with `terms`.
    terms, vjp : callables or None, default=None
        The terms of the expansion and the gradient of their sum, as :class:`TaylorizedRidge` takes them.
    n_parameters : int or None, default=None
        Number of parameters, beside `terms`.

    Returns
    -------
    LinearizedRidge or TaylorizedRidge
        The estimator, not fitted; the latter if there are `terms`.

    Raises
    ------
    ValueError
        If a Jacobian or factors are given for an order above 1, or beside `terms`, or both.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import linearize
    >>> X, y = np.array([[1.0], [2.0]]), np.array([1.0, 2.5])
    >>> model = linearize(lambda X: X[:, 0], lambda X: X, alpha=0.0).fit(X, y)
    >>> np.round(model.coef_, 3), np.round(model.predict([[3.0]]), 3)
    (array([0.2]), array([3.6]))
    """
    if terms is None and vjp is None:
        if order not in (None, 1):
            raise ValueError(
                f"order={order!r} takes terms and vjp, which give the terms of orders 1 to {order!r} and the gradient"
                " of their sum: a Jacobian is that of order 1 alone. The docstring of TaylorizedRidge has the recipe."
            )
        return LinearizedRidge(f0, jacobian, factors=factors, alpha=alpha, fit_intercept=fit_intercept)
    if jacobian is not None or factors is not None:
        raise ValueError(
            "A Jacobian beside terms is not needed, nor are factors: give one of them, the Jacobian for order 1."
        )
    options: dict[str, Any] = {"order": 2 if order is None else order, "n_parameters": n_parameters}
    options |= {"alpha": alpha, "fit_intercept": fit_intercept}
    return TaylorizedRidge(f0, terms, vjp, **options)

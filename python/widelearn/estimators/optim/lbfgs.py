"""L-BFGS: quasi-Newton steps from the last pairs of steps and gradients."""

from typing import Any

from scipy.optimize import minimize

from widelearn.estimators.optim.trace import Array, LossGradient, Trace, evaluate

# Pairs of steps and gradients that are kept.
PAIRS = 20
# Iterations in a row that must gain little for the descent to end.
STEADY = 5


def lbfgs_descent(
    loss_gradient: LossGradient, trace: Trace, *, max_iter: int, tol: float = 0.0, gradient_tol: float = 1e-9
) -> None:
    """Minimise by SciPy's L-BFGS until STEADY iterations lower the value by less than `tol` max(1, value) each.

    One iteration that gains little is no sign of a minimum: near a saddle there are many. It also ends where no entry
    of the gradient exceeds `gradient_tol`.
    """
    norm = 0.0

    def call(theta: Array) -> tuple[float, Array]:
        nonlocal norm
        value, gradient, norm = evaluate(loss_gradient, theta)
        return value, gradient

    def note(intermediate_result: Any) -> None:
        value = float(intermediate_result.fun)
        trace.add(intermediate_result.x, value, norm)
        if len(trace.losses) > STEADY and trace.losses[-1 - STEADY] - value < STEADY * tol * max(1.0, value):
            raise StopIteration

    options: Any = {"maxiter": max_iter, "maxfun": max(15_000, 10 * max_iter), "maxcor": PAIRS}
    options |= {"ftol": 0.0, "gtol": gradient_tol}
    found = minimize(call, trace.theta, jac=True, method="L-BFGS-B", callback=note, options=options)
    if found.status == 1:
        trace.fault = f"lbfgs stopped after max_iter = {max_iter} iterations"

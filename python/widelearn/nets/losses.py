"""Mean losses of outputs, and their derivatives."""

from typing import Any

import numpy as np

from widelearn import _core
from widelearn.nets.arrays import Shapes, check_labels
from widelearn.runtime import Array


def loss(F: Array, Y: Array, name: str, *, sample_weight: Any = None) -> tuple[float, Array]:
    """Return the mean loss of outputs and its derivative by them.

    L = Σ_i w_i ℓ(y_i, f_i) / Σ_i w_i, added up in float64.

    Parameters
    ----------
    F : array of shape (n, c)
        Outputs of the rows, float32 or float64.
    Y : array of shape (n, c)
        Numbers for "squared", -1 and 1 for "logistic" and "hinge", one-hot rows or probabilities for "softmax"; of the
        type of `F`.
    name : {"squared", "logistic", "hinge", "softmax"}
        ½‖f - y‖², Σ log(1 + e^(-y f)), Σ max(0, 1 - y f) with derivative 0 at the kink, or the cross entropy.
    sample_weight : array of shape (n,), optional
        Weights w >= 0; None is 1 each.

    Returns
    -------
    loss : float
        L.
    residual : array of shape (n, c)
        ∂L/∂F, of the type of `F`.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, labels do not suit the loss, or the name is unknown.
    TypeError
        If the arrays are not both float32 or both float64.

    Notes
    -----
    O(n c). Gradients of nets have the same losses inside.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.nets import loss
    >>> loss(np.array([[3.0], [0.0]]), np.array([[1.0], [0.0]]), "squared")
    (1.0, array([[1.],
           [0.]]))
    """
    shapes = Shapes()
    F, Y = shapes.check(F=(F, "nc"), Y=(Y, "nc"))
    check_labels(name, Y)
    residual = np.empty_like(F)
    return _core.net_loss(F, Y, name, shapes.weights(sample_weight), residual), residual

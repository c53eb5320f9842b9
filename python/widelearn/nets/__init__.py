"""Two-layer nets on plain arrays: outputs, gradients, Taylor terms, tangent products, means over random signs."""

from widelearn.nets.marginal import marginal_forward, marginal_loss_gradient
from widelearn.nets.tangent import tangent_product, tangent_transpose
from widelearn.nets.taylor import (
    TaylorGradient,
    taylor_forward,
    taylor_hessian_product,
    taylor_loss_gradient,
    taylor_terms,
)
from widelearn.nets.two_layer import Gradient, forward, loss_gradient, simplified_gradient

__all__ = [
    "Gradient",
    "TaylorGradient",
    "forward",
    "loss_gradient",
    "marginal_forward",
    "marginal_loss_gradient",
    "simplified_gradient",
    "tangent_product",
    "tangent_transpose",
    "taylor_forward",
    "taylor_hessian_product",
    "taylor_loss_gradient",
    "taylor_terms",
]

"""Two-layer nets as objects over plain arrays: outputs, gradients, Taylor terms, tangent products, random signs."""

from widelearn.nets.arrays import loss
from widelearn.nets.expansion import Expansion, TaylorGradient
from widelearn.nets.multipliers import CouplingBounds, Multipliers
from widelearn.nets.tangent import TangentKernel
from widelearn.nets.two_layer import Gradient, TwoLayer, simplified_gradient

__all__ = [
    "CouplingBounds",
    "Expansion",
    "Gradient",
    "Multipliers",
    "TangentKernel",
    "TaylorGradient",
    "TwoLayer",
    "loss",
    "simplified_gradient",
]

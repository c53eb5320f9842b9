"""Two-layer nets as objects over plain arrays: outputs, gradients, Taylor terms, tangent products, random signs."""

from widelearn.nets.arrays import loss
from widelearn.nets.expansion import Expansion, TaylorGradient
from widelearn.nets.tangent import TangentKernel
from widelearn.nets.two_layer import Gradient, TwoLayer, simplified_gradient

__all__ = ["Expansion", "Gradient", "TangentKernel", "TaylorGradient", "TwoLayer", "loss", "simplified_gradient"]

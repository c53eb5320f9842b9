"""Kernel objects: parameters only, no data; sums, products and multiples compose."""

from widelearn.kernels.base import Constant, Kernel, Product, Sum, as_kernel
from widelearn.kernels.columns import Columns
from widelearn.kernels.cyclic import CyclicAverage
from widelearn.kernels.deep import NNGP, NTK, ArcCosine
from widelearn.kernels.dot_product import DotProduct, Linear, Polynomial
from widelearn.kernels.empirical import Empirical
from widelearn.kernels.finite import FiniteNTK, FiniteRF
from widelearn.kernels.mixtures import weighted_sums
from widelearn.kernels.operators import KernelOperator
from widelearn.kernels.radial import RBF, Laplace, Matern
from widelearn.kernels.taylor import TaylorKernel

__all__ = [
    "NNGP",
    "NTK",
    "RBF",
    "ArcCosine",
    "Columns",
    "Constant",
    "CyclicAverage",
    "DotProduct",
    "Empirical",
    "FiniteNTK",
    "FiniteRF",
    "Kernel",
    "KernelOperator",
    "Laplace",
    "Linear",
    "Matern",
    "Polynomial",
    "Product",
    "Sum",
    "TaylorKernel",
    "as_kernel",
    "weighted_sums",
]

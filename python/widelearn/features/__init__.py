"""Feature maps: scikit-learn transformers whose inner products approximate kernels."""

from widelearn.features.fourier import FourierFeatures
from widelearn.features.ntk import NTKFeatures
from widelearn.features.nystrom import NystromFeatures
from widelearn.features.random import RandomFeatures
from widelearn.features.representation import NeuralRepresentation
from widelearn.features.tangent import TangentFeatures

__all__ = [
    "FourierFeatures",
    "NTKFeatures",
    "NeuralRepresentation",
    "NystromFeatures",
    "RandomFeatures",
    "TangentFeatures",
]

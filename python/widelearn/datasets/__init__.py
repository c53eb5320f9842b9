"""Synthetic inputs and problems that come with their truth."""

from widelearn.datasets.images import gaussian_beside, image_files
from widelearn.datasets.inputs import elliptical, hypercube, latent, sphere, spiked
from widelearn.datasets.mixtures import gaussian_mixture, xor_mixture
from widelearn.datasets.parities import parity
from widelearn.datasets.patterns import dictionary_pattern, linearly_separable
from widelearn.datasets.targets import multi_index, polynomial, staircase

__all__ = [
    "dictionary_pattern",
    "elliptical",
    "gaussian_beside",
    "gaussian_mixture",
    "hypercube",
    "image_files",
    "latent",
    "linearly_separable",
    "multi_index",
    "parity",
    "polynomial",
    "sphere",
    "spiked",
    "staircase",
    "xor_mixture",
]

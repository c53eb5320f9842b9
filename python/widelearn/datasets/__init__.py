"""Synthetic inputs and problems that come with their truth."""

from widelearn.datasets.inputs import elliptical, hypercube, latent, sphere, spiked

__all__ = ["elliptical", "hypercube", "latent", "sphere", "spiked"]

"""What theory predicts of linearised wide networks, in NumPy and SciPy alone."""

from widelearn.theory.engine import Risk, critical_ridge, effective_ridge, risk
from widelearn.theory.hermite import hermite_coefficients
from widelearn.theory.inputs import hypercube_multiplicity, sphere_multiplicity
from widelearn.theory.kernel_spectrum import kernel_spectrum
from widelearn.theory.spectrum import Spectrum

__all__ = [
    "Risk",
    "Spectrum",
    "critical_ridge",
    "effective_ridge",
    "hermite_coefficients",
    "hypercube_multiplicity",
    "kernel_spectrum",
    "risk",
    "sphere_multiplicity",
]

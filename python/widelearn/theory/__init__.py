"""What theory predicts of linearised wide networks, in NumPy and SciPy alone.

Ridges are Λ of ‖y - f‖² + Λ ‖w‖² (scikit-learn's alpha) wherever a docstring does not say otherwise, noise is a
variance, and targets are squared masses, one for each block of a spectrum.
"""

from widelearn.theory.benign import BenignOverfitting, benign_overfitting
from widelearn.theory.beyond import (
    fixed_feature_floor,
    quadratic_network_residual,
    quadratic_nt_residual,
    single_neuron_floor,
)
from widelearn.theory.closed_forms import isotropic_ridge, latent_space, power_law, self_induced_ridge, spiked
from widelearn.theory.coupons import covering_width, feature_coverage
from widelearn.theory.data_driven import GCV, gcv
from widelearn.theory.descents import MultipleDescent, PolynomialRates, multiple_descent, polynomial_rates
from widelearn.theory.empirical import empirical_risk, empirical_spectrum
from widelearn.theory.engine import Risk, critical_ridge, effective_ridge, risk
from widelearn.theory.ensembles import Ensemble, ensemble, nngp_posterior
from widelearn.theory.feature_bounds import FeatureBound, feature_learning_bound
from widelearn.theory.few_directions import multi_index_flow
from widelearn.theory.first_step import one_step_overlap, one_step_risk
from widelearn.theory.hermite import hermite_coefficients
from widelearn.theory.hermite_modes import hermite_spectrum
from widelearn.theory.inputs import hypercube_multiplicity, sphere_multiplicity
from widelearn.theory.invariance import cyclic_multiplicity, cyclic_spectrum
from widelearn.theory.kernel_accuracy import parity_accuracy, xor_accuracy
from widelearn.theory.kernel_spectra import kernel_spectrum, neuron_spectrum
from widelearn.theory.kernel_staircase import (
    critical_regime,
    critical_samples,
    marchenko_pastur_edges,
    phase_diagram,
    smallest_eigenvalue,
    staircase,
)
from widelearn.theory.lazy import LazyCondition, gradient_flow, lazy_condition
from widelearn.theory.mean_field import MeanFieldPath, mean_field_flow, mean_field_particles
from widelearn.theory.optimal import learnability, optimal_ridge, samples_to_learn
from widelearn.theory.parity_floors import ParityFloor, parity_floor, statistical_query_floor
from widelearn.theory.parity_gradients import parity_gradient
from widelearn.theory.population_gradients import (
    PopulationGradient,
    mixture_gradient,
    quadratic_gradient,
    sampling_angle,
)
from widelearn.theory.random_features import convert_ridge, mei_montanari, wide_optimal_ridge
from widelearn.theory.single_index import (
    correlation_flow,
    escape_time,
    information_exponent,
    leap,
)
from widelearn.theory.spectrum import Spectrum
from widelearn.theory.spiked_inputs import effective_dimension, spiked_spectrum
from widelearn.theory.tangent import (
    nt_concentration,
    nt_effective_ridge,
    nt_lambda_min,
    nt_noise_train,
    nt_risk,
    nt_threshold,
)

__all__ = [
    "GCV",
    "BenignOverfitting",
    "Ensemble",
    "FeatureBound",
    "LazyCondition",
    "MeanFieldPath",
    "MultipleDescent",
    "ParityFloor",
    "PolynomialRates",
    "PopulationGradient",
    "Risk",
    "Spectrum",
    "benign_overfitting",
    "convert_ridge",
    "correlation_flow",
    "covering_width",
    "critical_regime",
    "critical_ridge",
    "critical_samples",
    "cyclic_multiplicity",
    "cyclic_spectrum",
    "effective_dimension",
    "effective_ridge",
    "empirical_risk",
    "empirical_spectrum",
    "ensemble",
    "escape_time",
    "feature_coverage",
    "feature_learning_bound",
    "fixed_feature_floor",
    "gcv",
    "gradient_flow",
    "hermite_coefficients",
    "hermite_spectrum",
    "hypercube_multiplicity",
    "information_exponent",
    "isotropic_ridge",
    "kernel_spectrum",
    "latent_space",
    "lazy_condition",
    "leap",
    "learnability",
    "marchenko_pastur_edges",
    "mean_field_flow",
    "mean_field_particles",
    "mei_montanari",
    "mixture_gradient",
    "multi_index_flow",
    "multiple_descent",
    "neuron_spectrum",
    "nngp_posterior",
    "nt_concentration",
    "nt_effective_ridge",
    "nt_lambda_min",
    "nt_noise_train",
    "nt_risk",
    "nt_threshold",
    "one_step_overlap",
    "one_step_risk",
    "optimal_ridge",
    "parity_accuracy",
    "parity_floor",
    "parity_gradient",
    "phase_diagram",
    "polynomial_rates",
    "power_law",
    "quadratic_gradient",
    "quadratic_network_residual",
    "quadratic_nt_residual",
    "risk",
    "samples_to_learn",
    "sampling_angle",
    "self_induced_ridge",
    "single_neuron_floor",
    "smallest_eigenvalue",
    "sphere_multiplicity",
    "spiked",
    "spiked_spectrum",
    "staircase",
    "statistical_query_floor",
    "wide_optimal_ridge",
    "xor_accuracy",
]

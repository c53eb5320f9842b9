"""What a trained network did: how lazy its training was, how good its minimum is, and what its class can express."""

from widelearn.diagnostics.capacity import Rademacher, movement_norm, operator_norm_ratio, rademacher
from widelearn.diagnostics.cones import FeatureSets, cone_cover, feature_sets
from widelearn.diagnostics.curvatures import (
    CurvatureIdentity,
    HessianEigenvalue,
    curvature_identity,
    min_hessian_eigenvalue,
)
from widelearn.diagnostics.descents import scaled_descent
from widelearn.diagnostics.drift import Laziness, laziness
from widelearn.diagnostics.emergence_display import EmergenceDisplay
from widelearn.diagnostics.expressivity import (
    ExplicitSolution,
    PolynomialTarget,
    SampleComplexity,
    explicit_solution,
    sample_complexity,
)
from widelearn.diagnostics.feature_progress import Emergence, emergence
from widelearn.diagnostics.first_gradients import GradientFeatures, gradient_features, initial_neurons
from widelearn.diagnostics.found_features import FoundFeatures, discover_features
from widelearn.diagnostics.generalization import GeneralizationBound, generalization_bound
from widelearn.diagnostics.gradient_outer_products import Alignment, alignment
from widelearn.diagnostics.induced_nets import OptBound, opt_bound
from widelearn.diagnostics.margins import normalized_margins
from widelearn.diagnostics.metric_display import MetricDisplay
from widelearn.diagnostics.net_paths import NetPath
from widelearn.diagnostics.neuron_maps import NeuronMap, neuron_map
from widelearn.diagnostics.optimality import gradient_norm, optimality_gap
from widelearn.diagnostics.path_display import RidgePathDisplay
from widelearn.diagnostics.planes import DecisionPlane, decision_plane
from widelearn.diagnostics.recovered import Directions, directions
from widelearn.diagnostics.snapshots import Snapshots
from widelearn.diagnostics.spectrum_display import SpectrumDisplay
from widelearn.diagnostics.sweeps import LazinessSweep, laziness_sweep
from widelearn.diagnostics.ticket_choice import ticket
from widelearn.diagnostics.ticket_reports import TicketReport, ticket_report
from widelearn.diagnostics.tickets import Ticket, retrain

__all__ = [
    "Alignment",
    "CurvatureIdentity",
    "DecisionPlane",
    "Directions",
    "Emergence",
    "EmergenceDisplay",
    "ExplicitSolution",
    "FeatureSets",
    "FoundFeatures",
    "GeneralizationBound",
    "GradientFeatures",
    "HessianEigenvalue",
    "Laziness",
    "LazinessSweep",
    "MetricDisplay",
    "NetPath",
    "NeuronMap",
    "OptBound",
    "PolynomialTarget",
    "Rademacher",
    "RidgePathDisplay",
    "SampleComplexity",
    "Snapshots",
    "SpectrumDisplay",
    "Ticket",
    "TicketReport",
    "alignment",
    "cone_cover",
    "curvature_identity",
    "decision_plane",
    "directions",
    "discover_features",
    "emergence",
    "explicit_solution",
    "feature_sets",
    "generalization_bound",
    "gradient_features",
    "gradient_norm",
    "initial_neurons",
    "laziness",
    "laziness_sweep",
    "min_hessian_eigenvalue",
    "movement_norm",
    "neuron_map",
    "normalized_margins",
    "operator_norm_ratio",
    "opt_bound",
    "optimality_gap",
    "rademacher",
    "retrain",
    "sample_complexity",
    "scaled_descent",
    "ticket",
    "ticket_report",
]

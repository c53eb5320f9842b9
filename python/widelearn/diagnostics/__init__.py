"""What a trained network did: how lazy its training was, how good its minimum is, and what its class can express."""

from widelearn.diagnostics.capacity import Rademacher, movement_norm, operator_norm_ratio, rademacher
from widelearn.diagnostics.curvatures import (
    CurvatureIdentity,
    HessianEigenvalue,
    curvature_identity,
    min_hessian_eigenvalue,
)
from widelearn.diagnostics.descents import scaled_descent
from widelearn.diagnostics.drift import Laziness, laziness
from widelearn.diagnostics.expressivity import (
    ExplicitSolution,
    PolynomialTarget,
    SampleComplexity,
    explicit_solution,
    sample_complexity,
)
from widelearn.diagnostics.generalization import GeneralizationBound, generalization_bound
from widelearn.diagnostics.net_paths import NetPath
from widelearn.diagnostics.optimality import gradient_norm, optimality_gap
from widelearn.diagnostics.recovered import Directions, directions
from widelearn.diagnostics.snapshots import Snapshots
from widelearn.diagnostics.sweeps import LazinessSweep, laziness_sweep
from widelearn.diagnostics.ticket_choice import ticket
from widelearn.diagnostics.ticket_reports import TicketReport, ticket_report
from widelearn.diagnostics.tickets import Ticket, retrain

__all__ = [
    "CurvatureIdentity",
    "Directions",
    "ExplicitSolution",
    "GeneralizationBound",
    "HessianEigenvalue",
    "Laziness",
    "LazinessSweep",
    "NetPath",
    "PolynomialTarget",
    "Rademacher",
    "SampleComplexity",
    "Snapshots",
    "Ticket",
    "TicketReport",
    "curvature_identity",
    "directions",
    "explicit_solution",
    "generalization_bound",
    "gradient_norm",
    "laziness",
    "laziness_sweep",
    "min_hessian_eigenvalue",
    "movement_norm",
    "operator_norm_ratio",
    "optimality_gap",
    "rademacher",
    "retrain",
    "sample_complexity",
    "scaled_descent",
    "ticket",
    "ticket_report",
]

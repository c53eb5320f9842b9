"""Studies by name; the module of a study loads when it is found."""

from importlib import import_module

from widelearn.experiments.errors import InputError, nearest
from widelearn.experiments.studies.spec import Spec

# Paper, which is a folder here -> its studies.
PAPERS = {
    "six_lectures": (
        "double-descent",
        "latent-space",
        "benign-overfitting",
        "krr-staircase",
        "kernel-spectrum",
        "random-features",
        "rf-phase-diagram",
        "nt-interpolation",
        "nt-generalization",
        "lazy-training",
        "laziness-width",
        "nt-concentration",
        "multiple-descent",
        "gcv",
        "invariance",
        "spiked-covariates",
        "after-kernel",
        "curse-of-linearization",
        "mean-field",
        "staircase-features",
        "one-step",
        "multi-index",
        "ensembles",
    ),
    "beyond_linearization": (
        "escape-ntk",
        "dimension-factor",
        "taylor-orders",
        "isolation",
        "escaping-saddles",
        "randomization-coupling",
        "landscape",
        "generalization-bound",
        "expressivity",
        "quadratic-controls",
        "joint-orders",
        "neural-representation",
    ),
    "gradient_features": (
        "parity",
        "structured-parity",
        "xor-mixture",
        "recursive-features",
        "lottery-ticket",
        "gradient-features",
        "grouped-parity",
        "gaussian-mixtures",
        "opt-bound",
        "early-stopping-features",
        "emergence",
        "beyond-kernels",
    ),
}
NAMES = tuple(name for names in PAPERS.values() for name in names)


def find(name: str) -> Spec:
    """Return the study of this name."""
    if name not in NAMES:
        raise InputError(f"there is no study {name!r}: {nearest(name, NAMES)}")
    paper = next(paper for paper, names in PAPERS.items() if name in names)
    spec: Spec = import_module(f"{__name__}.{paper}.{name.replace('-', '_')}").SPEC
    return spec


def choose(name: str) -> list[Spec]:
    """Return one study, or every one for "all"."""
    return [find(one) for one in NAMES] if name == "all" else [find(name)]

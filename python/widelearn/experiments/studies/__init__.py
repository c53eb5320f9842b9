"""Studies by name; the module of a study loads when it is found."""

from importlib import import_module
from pathlib import Path

from widelearn.experiments.errors import InputError, nearest
from widelearn.experiments.studies import sources
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
    "learning_curves": ("hermite-eigenstructure",),
    "real_data": ("real-ladder", "uci-ntk", "interval-coverage", "forecast-real"),
}
NAMES = tuple(name for names in PAPERS.values() for name in names)


def find(name: str) -> Spec:
    """Return the study of this name: of this package, of a Python file, or of another package."""
    if name in NAMES:
        paper = next(paper for paper, names in PAPERS.items() if name in names)
        spec: Spec = import_module(f"{__name__}.{paper}.{name.replace('-', '_')}").SPEC
        return spec
    if sources.is_file(name):
        spec = sources.load(Path(name))
    elif name in (offered := sources.offered()):
        spec = sources.loaded(offered[name])
    else:
        known = [*NAMES, *offered]
        raise InputError(f"there is no study {name!r}: {nearest(name, known)}; your own is a file, named with its .py")
    if spec.name in NAMES:
        raise InputError(f"the study of {name} is named {spec.name!r}, as one of this package is: rename it")
    return spec


def choose(name: str) -> list[Spec]:
    """Return one study, or for "all" every one of this package."""
    return [find(one) for one in NAMES] if name == "all" else [find(name)]

"""
A study of your own: how soon a finite network's kernel is the infinite one
===========================================================================

Run it from a shell, and again with more draws or after an interruption; ``--shard k/K`` runs a part of it, as in
``slurm_array.sh``, and ``--dask ADDRESS`` runs it on a cluster:

    widelearn run own_study.py --quick --out study
    widelearn run own_study.py --quick --out study --resume --seeds 20

or, in Python, ``widelearn.experiments.run("own_study.py", quick=True, jobs=2)``. `simulate` is all that it needs; the
claims are optional, and come with a control: a wrong statement that the rows must refute.
"""

import numpy as np

from widelearn.experiments import Spec
from widelearn.experiments.studies.rows import panel, value
from widelearn.experiments.studies.statements import apart, less
from widelearn.kernels import NNGP, NTK, FiniteNTK

FIRST, LINEAR, WRONG = "first layer", "linear kernel instead", "twice the kernel"


def cells(settings):
    """One part for each width: parts run side by side."""
    return [{**settings, "width": width} for width in settings["widths"]]


def simulate(cell, seed):
    """One draw: how far a random network's kernel is from its limit, without what the output weights add."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((cell["n"], cell["d"]))
    limit = NTK(depth=1)(X) - NNGP(depth=1)(X)
    scale = np.linalg.norm(limit)
    found = FiniteNTK(cell["width"], random_state=int(rng.integers(2**31)))(X)
    rivals = {FIRST: found, LINEAR: X @ X.T / (2 * cell["d"]), WRONG: 2 * found}
    return [value(name, cell["width"], np.linalg.norm(K - limit) / scale) for name, K in rivals.items()]


SPEC = Spec(
    name="finite-ntk",
    about="The kernel of a wide network's first layer nears its limit",
    settings={"n": 60, "d": 10, "widths": (64, 256, 1024, 4096), "draws": 20},
    quick={"n": 30, "widths": (256, 1024), "draws": 8},
    cells=cells,
    simulate=simulate,
    verdicts=lambda settings: [less("1,024 neurons are nearer than a linear kernel", FIRST, LINEAR, at=1024)],
    controls=lambda settings: [apart("a factor of two is no detail", FIRST, WRONG, at=1024)],
    panels=lambda rows, settings: [
        panel(rows, xlabel="width", ylabel="relative distance from the NTK", xscale="log", yscale="log")
    ],
)

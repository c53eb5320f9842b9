"""Kernel matrices have a cluster of eigenvalues for each degree; all higher degrees act as a ridge."""

from functools import cache, partial

import numpy as np

from widelearn.experiments.studies.ensembles import sphere
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import equal, wrong
from widelearn.kernels import RBF
from widelearn.theory import Spectrum, kernel_spectrum, marchenko_pastur_edges, self_induced_ridge

SETTINGS = {"d": 30, "n": 1400, "draws": 20}
QUICK = {"draws": 5}
SORTED, ABOVE = "eigenvalues of one draw", "mass of degrees above 2"
UPPER, LOWER, BULK = "upper edge of degree 2", "lower edge of degree 2", "mean of the bulk"


def kernel_of(d: int) -> RBF:
    """Return a kernel that is exp(t - 1) on the sphere."""
    return RBF(gamma=0.5 / d)


@cache
def spectrum_of(d: int) -> Spectrum:
    """Return degrees 0 to 8."""
    return kernel_spectrum(kernel_of(d), d, 8)


def ranks(d: int) -> tuple[int, int]:
    """Return how many eigenvalues come before degree 2, and before degree 3."""
    first = 1 + d
    return first, first + int(spectrum_of(d).multiplicities[2])


def cells(settings: Settings) -> list[Cell]:
    """Return one cell."""
    return [settings]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Decompose a kernel matrix; the first draw keeps eigenvalues for the figure."""
    d, n = cell["d"], cell["n"]
    values = np.linalg.eigvalsh(kernel_of(d)(sphere(np.random.default_rng(seed), n, d)))[::-1]
    first, last = ranks(d)
    rows = [value(UPPER, n, values[first]), value(LOWER, n, values[last - 1]), value(BULK, n, values[last:].mean())]
    kept = [index for index in range(n) if index < 40 or index % max(1, index // 30) == 0]
    return rows + ([value(SORTED, index + 1, values[index]) for index in kept] if seed[1] == 0 else [])


def theory(settings: Settings) -> Theory:
    """Return Marchenko-Pastur edges of degree 2, shifted by the mass of higher degrees."""
    spectrum = spectrum_of(settings["d"])
    low, high = marchenko_pastur_edges(spectrum, settings["n"], 2)
    known = {LOWER: float(low), UPPER: float(high), BULK: float(self_induced_ridge(spectrum, 2))}
    return lambda row: known.get(row["series"])


def unshifted(settings: Settings) -> Theory:
    """Return the lower edge without that shift."""
    shift = float(self_induced_ridge(spectrum_of(settings["d"]), 2))
    shifted = theory(settings)
    return lambda row: float(shifted(row) or 0.0) - shift


def constant(level: float, row: Row) -> float:
    """Return a level, wherever it is asked for."""
    return level


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge edges and bulk."""
    return [
        equal("the largest eigenvalue of degree 2 is at its Marchenko-Pastur edge", UPPER, share=0.04),
        equal("the smallest eigenvalue of degree 2 is at its own edge", LOWER, share=0.05),
        equal("the bulk lies around the mass of all higher degrees", BULK, share=0.02),
    ]


def controls(settings: Settings) -> list[Control]:
    """See the edge elsewhere without the shift."""
    return [wrong("without the shift by higher degrees the edge is elsewhere", LOWER, unshifted(settings))]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show eigenvalues by rank, the clusters and the edges that are claimed."""
    d, n = settings["d"], settings["n"]
    spectrum, (first, last) = spectrum_of(d), ranks(d)
    shown = [*of(rows, SORTED)]
    edges = {UPPER: first + 1, LOWER: last}
    shown += [one | {"x": float(edges[one["series"]])} for one in of(rows, *edges)]
    for degree, places in ((1, (2, first)), (2, (first + 1, last))):
        level = n * spectrum.eigenvalues[degree] + self_induced_ridge(spectrum, degree)
        shown += line(f"eigenvalue of degree {degree}, mass above it added", places, partial(constant, float(level)))
    rest = float(self_induced_ridge(spectrum, 2))
    shown += line(ABOVE, (last + 1, n), partial(constant, rest))
    axes = {"xlabel": "rank of the eigenvalue", "ylabel": "eigenvalue of K", "xscale": "log", "yscale": "log"}
    return [panel(shown, **axes)]


SPEC = Spec(
    name="kernel-spectrum",
    about=__doc__,
    source="Six Lectures, chapter 3; Misiakiewicz 2022",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)

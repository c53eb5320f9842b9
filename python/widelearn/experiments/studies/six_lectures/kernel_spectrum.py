"""Kernel matrices have a cluster of eigenvalues for each degree; all higher degrees act as a ridge."""

import numpy as np

from widelearn.experiments.studies.ensembles import draws, sphere
from widelearn.experiments.studies.rows import Row, Rows, of, panel, row
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step, apart, within
from widelearn.kernels import RBF
from widelearn.theory import kernel_spectrum, marchenko_pastur_edges, self_induced_ridge

SOURCE = "Six Lectures, chapter 3; Misiakiewicz 2022"
SETTINGS = {"d": 30, "n": 1400, "draws": 20}
QUICK = {"draws": 4}
SORTED, CLUSTERS = "eigenvalues of one draw", "n c_k / B_k + c_{>k}"
UPPER, LOWER, BULK = "upper edge of degree 2", "lower edge of degree 2", "mean of the bulk"
CONTROL = "edge without shift"


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Decompose kernel matrices; the kernel is exp(t - 1) on the sphere."""
    d, n = settings["d"], settings["n"]
    kernel = RBF(gamma=0.5 / d)
    spectrum = kernel_spectrum(kernel, d, 8)
    first = 1 + d
    last = first + int(spectrum.multiplicities[2])
    edges, one = [], np.zeros(0)
    for rng in draws(settings["draws"], seed, step):
        values = np.linalg.eigvalsh(kernel(sphere(rng, n, d)))[::-1]
        edges.append([values[last - 1], values[first], values[last:].mean()])
        one = one if one.size else values
    low, high = marchenko_pastur_edges(spectrum, n, 2)
    rest = self_induced_ridge(spectrum, 2)
    lower, upper, bulk = np.transpose(edges)
    rows = [row(LOWER, n, low, lower), row(UPPER, n, high, upper), row(BULK, n, rest, bulk)]
    rows.append(row(CONTROL, n, low - rest, lower))
    rows += [row(SORTED, index + 1, None, [value]) for index, value in enumerate(one) if _shown(index)]
    start = 1.0
    for degree in range(3):
        value = n * spectrum.eigenvalues[degree] + self_induced_ridge(spectrum, degree)
        end = start + spectrum.multiplicities[degree]
        rows += [row(f"{CLUSTERS}, k = {degree}", at, value) for at in (start, max(end - 1, start * 1.05))]
        start = end
    return [*rows, row("c_{>2}", start, rest), row("c_{>2}", n, rest)]


def _shown(index: int) -> bool:
    """Whether a rank is drawn: all of the first, then ever fewer."""
    return index < 40 or index % max(1, index // 30) == 0


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Judge edges and bulk; without the shift by higher degrees they are elsewhere."""
    return [
        within(of(rows, UPPER), "the largest eigenvalue of degree 2 is at its Marchenko-Pastur edge", 0.04),
        within(of(rows, LOWER), "the smallest eigenvalue of degree 2 is at its own edge", 0.08),
        within(of(rows, BULK), "the bulk lies around the mass of all higher degrees", 0.02),
        apart(of(rows, CONTROL), "without the shift by higher degrees the edge is elsewhere"),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show eigenvalues by rank, and the clusters."""
    shown = [one for one in rows if one["series"] == SORTED or one["series"].startswith((CLUSTERS, "c_"))]
    return [panel(shown, xlabel="rank of the eigenvalue", ylabel="eigenvalue of K", xscale="log", yscale="log")]

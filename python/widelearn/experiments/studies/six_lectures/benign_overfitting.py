"""Interpolating noise is benign, tempered or catastrophic, as the spectrum of the features decays."""

from functools import cache, partial

import numpy as np

from widelearn.experiments.studies.judging import Control, Judged, Verdict, exchanged
from widelearn.experiments.studies.rows import Row, Rows, Theory, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import at_most, equal, shape, wrong
from widelearn.theory import Spectrum, risk

SETTINGS = {"samples": (25, 50, 100, 200), "flat": 8000, "size": 4000, "draws": 420}
QUICK = {"samples": (20, 40, 80), "flat": 2000, "size": 1500, "draws": 420}
BENIGN, TEMPERED, CATASTROPHIC = "spikes and a flat tail", "k^-2", "exp(-k/8)"


def typical(series: str) -> str:
    """Name the series of the logarithm: means of a variance without a mean say nothing."""
    return f"log variance, {series}"


@cache
def spectrum_of(series: str, flat: int, size: int) -> Spectrum:
    """Return a spectrum, eigenvalue by eigenvalue."""
    if series == BENIGN:
        return Spectrum(np.concatenate([np.ones(5), np.full(flat, 50 / flat)]))
    return Spectrum(np.arange(1.0, size + 1) ** -2.0 if series == TEMPERED else np.exp(-np.arange(1.0, 241.0) / 8))


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each spectrum."""
    return [{**settings, "series": series} for series in (BENIGN, TEMPERED, CATASTROPHIC)]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Interpolate pure noise of variance 1: the risk is ‖Σ^(1/2) X'K^(-1) ε‖²."""
    rng = np.random.default_rng(seed)
    series, samples = cell["series"], cell["samples"]
    s = spectrum_of(series, cell["flat"], cell["size"]).eigenvalues
    X, noise = rng.standard_normal((max(samples), len(s))) * np.sqrt(s), rng.standard_normal(max(samples))
    rows = []
    for n in samples:
        w = X[:n].T @ np.linalg.solve(X[:n] @ X[:n].T, noise[:n])
        variance = float(s @ w**2)
        rows += [value(series, n, variance), value(typical(series), n, np.log(variance))]
    return rows


def theory(settings: Settings) -> Theory:
    """Return the variance; nothing for its logarithm, nor where it has no mean."""

    def predicted(row: Row) -> float | None:
        if row["series"] not in (BENIGN, TEMPERED):
            return None
        spectrum = spectrum_of(row["series"], settings["flat"], settings["size"])
        return float(risk(spectrum, np.zeros(len(spectrum.eigenvalues)), row["x"], 0.0, 1.0).variance)

    return predicted


def isotropic(settings: Settings) -> Theory:
    """Return n/(p - n): as many features of equal variance spread the noise thin, with no spikes to fit it."""
    return lambda row: row["x"] / (settings["flat"] + 5 - row["x"])


def growth(rows: Rows) -> float:
    """Return by which power of n the typical variance grows, from its logarithms."""
    return float(np.polyfit(np.log([one["x"] for one in rows]), [one["simulation"] for one in rows], 1)[0])


def stays(rows: Rows) -> Judged:
    """Find whether the variance neither falls nor grows with n."""
    return abs(growth(rows)) < 0.25, f"like n^{growth(rows):.2f}"


def grows(rows: Rows) -> Judged:
    """Find whether the variance grows with n, from above the noise on."""
    first = float(np.exp(rows[0]["simulation"]))
    return growth(rows) > 0.5 and first > 1, f"like n^{growth(rows):.2f}, from {first:.2f} of the noise"


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge equality where the variance has no heavy tail, and the three kinds."""
    tempered, catastrophic = map(typical, (TEMPERED, CATASTROPHIC))
    judged = partial(shape, size=1.0)
    return [
        equal("theory is the simulated variance", BENIGN, TEMPERED, share=0.05),
        at_most("a few spikes and a flat tail: a tenth of the noise at most", BENIGN, bound=0.1, rival=TEMPERED),
        judged("a power law: tempered", tempered, stays, exchanged(tempered, catastrophic), CATASTROPHIC),
        judged("exponential decay: catastrophic", catastrophic, grows, exchanged(tempered, catastrophic), TEMPERED),
    ]


def controls(settings: Settings) -> list[Control]:
    """See isotropic theory miss."""
    return [wrong("isotropic theory misses what the spikes cost", BENIGN, isotropic(settings))]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show variance against n, its geometric mean for exponential decay."""
    shown = [
        one | {"series": f"{CATASTROPHIC}, geometric mean", "simulation": float(np.exp(one["simulation"])), "se": None}
        for one in of(rows, typical(CATASTROPHIC))
    ]
    labels = {"xlabel": "samples n", "ylabel": "variance / noise, V/τ²"}
    return [panel([*of(rows, BENIGN, TEMPERED), *shown], **labels, xscale="log", yscale="log")]


SPEC = Spec(
    name="benign-overfitting",
    about=__doc__,
    source="Bartlett et al. 2020; Mallinar et al. 2022; Six Lectures, section 2.4",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)

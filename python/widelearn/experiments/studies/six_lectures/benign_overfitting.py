"""Interpolating noise is benign, tempered or catastrophic, as effective ranks predict."""

import numpy as np

from widelearn.experiments.store import number
from widelearn.experiments.studies.ensembles import draws
from widelearn.experiments.studies.rows import Row, Rows, of, panel, row, without
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step, apart, within
from widelearn.theory import Spectrum, benign_overfitting, risk

SOURCE = "Bartlett et al. 2020; Mallinar et al. 2022; Six Lectures, section 2.4"
SETTINGS = {"samples": (25, 50, 100, 200), "flat": 8000, "size": 4000, "draws": 150}
QUICK = {"samples": (20, 40, 80), "flat": 3000, "size": 2000, "draws": 120}
BENIGN, TEMPERED, CATASTROPHIC, CONTROL = "spikes and a flat tail", "k^-2", "exp(-k/8)", "isotropic theory"


def spectra(settings: Settings) -> dict[str, Spectrum]:
    """Return the three spectra, eigenvalue by eigenvalue."""
    size = settings["size"]
    k = np.arange(1.0, size + 1)
    return {
        BENIGN: Spectrum(np.concatenate([np.ones(5), np.full(settings["flat"], 50 / settings["flat"])])),
        TEMPERED: Spectrum(k**-2.0),
        CATASTROPHIC: Spectrum(np.exp(-np.arange(1.0, 241.0) / 8)),
    }


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Interpolate pure noise of variance 1: the risk is ‖Σ^(1/2) X'K^(-1) ε‖²."""
    rows = []
    cases = spectra(settings)
    for index, (series, spectrum) in enumerate(cases.items()):
        s = spectrum.eigenvalues
        found: dict[int, list[float]] = {n: [] for n in settings["samples"]}
        share = (index / len(cases), (index + 1) / len(cases))
        for rng in draws(settings["draws"], seed, step, *share):
            top = max(settings["samples"])
            X, noise = rng.standard_normal((top, len(s))) * np.sqrt(s), rng.standard_normal(top)
            for n in settings["samples"]:
                w = X[:n].T @ np.linalg.solve(X[:n] @ X[:n].T, noise[:n])
                found[n].append(float(s @ w**2))
        nothing = np.zeros(len(s))
        for n, values in found.items():
            kind = benign_overfitting(spectrum, n)
            theory = float(risk(spectrum, nothing, n, 0.0, 1.0).variance)
            rows.append(row(series, n, theory, values, kind=kind.kind, bound=number(kind.bound)))
        if series == BENIGN:
            # as many features of equal variance spread the noise as thin as n/p, with no spikes to fit it
            rows += [row(CONTROL, n, n / (len(s) - n), found[n]) for n in found]
    return rows


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Judge equality where the variance has no heavy tail, and the three kinds; isotropic theory misses."""
    last = max(settings["samples"])
    at = {series: one for series in (BENIGN, TEMPERED, CATASTROPHIC) for one in of(rows, series) if one["x"] == last}
    kinds = {series: one["kind"] for series, one in at.items()}
    wanted = {BENIGN: "benign", TEMPERED: "tempered", CATASTROPHIC: "catastrophic"}
    growth = of(rows, CATASTROPHIC)
    flat = [one["simulation"] for one in of(rows, TEMPERED)]
    return [
        within(of(rows, BENIGN, TEMPERED), "theory is the simulated variance", 0.05),
        Claim(
            "effective ranks tell the kinds apart", kinds == wanted, ", ".join(f"{s}: {k}" for s, k in kinds.items())
        ),
        Claim(
            "exponential decay: the variance grows with n, far above the noise",
            growth[-1]["simulation"] > growth[0]["simulation"] > 1,
            f"{growth[0]['simulation']:.1f} to {growth[-1]['simulation']:.1f}",
        ),
        Claim(
            "power law: the variance stays near (a - 1) times the noise",
            max(abs(value - 1) for value in flat) < 0.25,
            f"{min(flat):.2f} to {max(flat):.2f}, (a - 1) = 1",
        ),
        apart(of(rows, CONTROL), "isotropic theory misses what the spikes cost"),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show variance against n."""
    return [panel(without(rows, CONTROL), xlabel="samples", ylabel="variance / noise", xscale="log", yscale="log")]

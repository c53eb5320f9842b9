"""Fixed features fail on quadratics, single neurons and parities that trained networks learn."""

import numpy as np

from widelearn.datasets import hypercube
from widelearn.experiments.studies.ensembles import Array, draws, kernel_fit, mean_square, new_seed, sphere
from widelearn.experiments.studies.rows import Row, Rows, Values, of, on_panel, panel, row
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step, apart, within
from widelearn.kernels import NNGP, RBF
from widelearn.theory import (
    kernel_spectrum,
    neuron_spectrum,
    one_step_overlap,
    quadratic_network_residual,
    quadratic_nt_residual,
    risk,
    single_neuron_floor,
)

SOURCE = "Ghorbani et al. 2019, 2021; Ba et al. 2022; Six Lectures, chapter 6"
SETTINGS = {
    "d": 60,
    "shares": (0.25, 0.5, 0.75),
    "d_neuron": 30,
    "samples": (100, 300, 1000),
    "d_step": 200,
    "draws": 80,
}
QUICK = {"d_neuron": 20, "samples": (60, 200, 600), "draws": 40}
TANGENT, TRACE, NETWORK, CONTROL = "tangent, q = 0", "tangent, q = 1/2", "best network, q = 1/2", "trace forgotten"
KERNEL, FLOOR = "relu kernel on one relu neuron", "degrees up to 1 learned"
STEP, PARITY = "first step", "parity of 4 bits"


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Simulate quadratics under tangent features, one neuron under its kernel, the first gradient step, a parity."""
    return [one for part in (quadratics, one_neuron, first_step, parity) for one in part(settings, seed, step)]


def quadratics(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Project ⟨x, B x⟩ on the tangent features of N = ρ d neurons: ‖P B P‖²/‖B‖², exactly."""
    d, shares = settings["d"], settings["shares"]
    found = Values()
    for rng in draws(settings["draws"], seed, step, 0.0, 0.2):
        G = rng.standard_normal((d, d))
        plain = (G + G.T) / 2
        plain -= np.trace(plain) / d * np.eye(d)
        plain /= np.linalg.norm(plain)
        Q = np.linalg.qr(rng.standard_normal((d, d)))[0]
        for rho in shares:
            rest = Q[:, round(rho * d) :]
            for series, B in ((TANGENT, plain), (TRACE, (plain + np.eye(d) / np.sqrt(d)) / np.sqrt(2))):
                found.add(series, rho, np.sum((rest.T @ B @ rest) ** 2))
            # the same target as the last
            found.add(NETWORK, rho, quadratic_network_residual(B, round(rho * d)))
    q = {TANGENT: 0.0, TRACE: 0.5}

    def theory(series: str, rho: float) -> float | None:
        return float(quadratic_nt_residual(rho, q[series], d)) if series in q else None

    rows = found.rows(theory, panel="quadratic")
    curve = np.linspace(0, 1, 41)
    rows += [row(s, x, theory(s, x), panel="quadratic") for s in q for x in curve]
    wrong = float(quadratic_nt_residual(shares[1], 0.0, d))
    return [*rows, row(CONTROL, shares[1], wrong, found.values[TRACE, shares[1]])]


def one_neuron(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Fit one relu neuron with the kernel of infinitely many: slow, where one neuron would do."""
    d, samples = settings["d_neuron"], settings["samples"]
    kernel = NNGP()
    spectrum = neuron_spectrum("relu", d, 40)
    found = Values()
    for rng in draws(settings["draws"], seed, step, 0.2, 0.8):
        X, test, u = sphere(rng, max(samples), d), sphere(rng, 1000, d), sphere(rng, 1, d, 1.0)[0]
        K, cross = kernel(X), kernel(test, X)
        y, truth = np.maximum(X @ u, 0), np.maximum(test @ u, 0)
        for n in samples:
            fit = cross[:, :n] @ kernel_fit(K[:n, :n], y[:n], 1e-3)
            found.add(KERNEL, n, mean_square(fit - truth))
    masses, tail = spectrum.masses, spectrum.tail

    def theory(series: str, n: float) -> float:
        return float(risk(spectrum, masses, n, 1e-3, 0.0, target_tail=tail).excess)

    rows = found.rows(theory, panel="neuron")
    curve = np.geomspace(min(samples) / 2, 20 * max(samples), 81)
    rows += [row(KERNEL, n, theory(KERNEL, n), panel="neuron") for n in curve]
    floor = single_neuron_floor("relu", 1)
    return rows + [row(FLOOR, n, floor, panel="neuron") for n in (curve[0], curve[-1])]


def first_step(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Measure how well the first gradient points at a relu neuron's direction."""
    d, noise = settings["d_step"], 0.1
    ratios = (0.5, 2.0, 8.0)
    found = Values()
    for rng in draws(settings["draws"], seed, step, 0.8, 0.9):
        X = rng.standard_normal((int(max(ratios) * d), d))
        y = np.maximum(X[:, 0], 0) + np.sqrt(noise) * rng.standard_normal(len(X))
        for ratio in ratios:
            n = int(ratio * d)
            g: Array = X[:n].T @ (y[:n] - y[:n].mean())
            found.add(STEP, ratio, g[0] ** 2 / (g @ g))

    def theory(series: str, ratio: float) -> float:
        return float(one_step_overlap("relu", ratio * d, d, noise))

    curve = [row(STEP, ratio, theory(STEP, ratio), panel="step") for ratio in np.geomspace(0.25, 16, 61)]
    return found.rows(theory, panel="step") + curve


def parity(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Fit the product of four of twenty signs with an RBF kernel: chance level."""
    d, n = 20, 300
    kernel = RBF(gamma=0.5 / d)
    values = []
    for rng in draws(settings["draws"], seed, step, 0.9, 1.0):
        X = hypercube(n + 1000, d, random_state=new_seed(rng))
        y = X[:, :4].prod(axis=1)
        fit = kernel(X[n:], X[:n]) @ kernel_fit(kernel(X[:n]), y[:n], 0.1)
        values.append(mean_square(fit - y[n:]))
    spectrum = kernel_spectrum(kernel, d, d, "hypercube")
    return [row(PARITY, n, float(risk(spectrum, np.eye(d + 1)[4], n, 0.1, 0.0).excess), values)]


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Judge each prediction, and what a network with learned directions does better."""
    network = {one["x"]: one["simulation"] for one in of(rows, NETWORK)}
    tangent = {one["x"]: one["simulation"] for one in of(rows, TRACE)}
    better = all(network[x] < tangent[x] for x in network)
    chance = of(rows, PARITY)[0]["simulation"]
    return [
        within(of(rows, TANGENT, TRACE), "tangent features leave (1 - ρ)²(1 - q) + (1 - ρ) q of a quadratic", 0.02),
        Claim("a network of as many neurons can leave less", better, ", ".join(f"{v:.3f}" for v in network.values())),
        within(of(rows, KERNEL), "kernel theory predicts the risk on one neuron", 0.05),
        within(of(rows, STEP), "the first gradient step finds the direction as predicted", 0.04),
        within(of(rows, PARITY), "theory on the cube is the simulated risk on a parity", 0.05),
        Claim("a kernel does not learn the parity", chance > 0.9, f"risk {chance:.3f}, chance being 1"),
        apart(of(rows, CONTROL), "forgetting the trace of the quadratic predicts another residual"),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show quadratics, one neuron, the first step."""
    quadratic, neuron, step = (on_panel(rows, name) for name in ("quadratic", "neuron", "step"))
    d = settings["d_neuron"]
    return [
        panel(quadratic, title="quadratic target", xlabel="neurons / dimensions", ylabel="residual"),
        panel(neuron, title=f"d = {d}", xlabel="samples", ylabel="excess risk", xscale="log", yscale="log"),
        panel(step, title="one gradient step", xlabel="samples / dimensions", ylabel="overlap²", xscale="log"),
    ]

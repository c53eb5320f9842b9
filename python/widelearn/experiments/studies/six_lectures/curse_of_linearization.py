"""Networks that are trained learn quadratics and single neurons of which tangent features and kernels leave much."""

from functools import cache
from typing import Any

import numpy as np

from widelearn import TwoLayerRegressor
from widelearn.datasets import hypercube
from widelearn.experiments.studies.baselines import best_error
from widelearn.experiments.studies.ensembles import Array, kernel_fit, mean_square, new_seed, sphere
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_most, close, equal, less, wrong
from widelearn.kernels import NNGP, NTK, RBF, Polynomial
from widelearn.theory import (
    Spectrum,
    kernel_spectrum,
    neuron_spectrum,
    quadratic_network_residual,
    quadratic_nt_residual,
    risk,
    single_neuron_floor,
)

SETTINGS = {
    # Quadratics under tangent features, exactly; and networks that samples train.
    "d": 60,
    "shares": (0.25, 0.5, 0.75),
    "d_network": 16,
    "network_shares": (0.25, 0.5),
    "network_samples": 16000,
    "steps": 400,
    # One relu neuron.
    "d_neuron": 20,
    "samples": (60, 200, 600),
    "draws": 60,
    # Of what is trained.
    "networks": 16,
    # Of kernels on one neuron, and on the parity.
    "tuned": 40,
}
QUICK = {"d_network": 12, "network_shares": (0.25,), "network_samples": 4000, "steps": 250, "samples": (60, 200)}
QUICK |= {"networks": 10}
TANGENT, TRACE = "tangent, q = 0", "tangent, q = 1/2"
TRACES = {TANGENT: 0.0, TRACE: 0.5}
TRAINED, BEST, SAME = "network, trained, q = 1/2", "best network, q = 1/2", "tangent, as many neurons"
KERNEL, NETWORK, FROZEN = "NNGP kernel, ridge 0.001", "network, trained", "first layer frozen"
RIVALS: dict[str, Any] = {
    "NNGP, best ridge": NNGP(),
    "degree 2, best ridge": Polynomial(2),
    "NTK, best ridge": NTK(),
    "RBF, best ridge": RBF(),
}
# By theory the best network leaves half of what as many tangent neurons do with d/4 of them, a fifth with d/2.
HALVED = 0.5
# Random directions that the residual of tangent features is the mean over.
PROJECTIONS = 20
PARITY, PARITY_D, PARITY_N = "parity of 4 bits", 20, 300


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each target and what is trained on it."""
    trained, tuned = settings["networks"], settings["tuned"]
    few = {"networks": trained, "one network": trained, "rivals": tuned, "parity": tuned}
    return [{**settings, "part": part, "draws": few.get(part, settings["draws"])} for part in PARTS]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Simulate quadratics and one neuron, under fixed features or trained networks, or a parity."""
    return PARTS[cell["part"]](cell, np.random.default_rng(seed))


def traceless(rng: np.random.Generator, d: int) -> Array:
    """Draw a symmetric matrix without a trace, of norm 1."""
    G = rng.standard_normal((d, d))
    B = (G + G.T) / 2
    B -= np.trace(B) / d * np.eye(d)
    return np.asarray(B / np.linalg.norm(B))


def traced(B: Array) -> Array:
    """Give a matrix without a trace one of q = 1/2."""
    return np.asarray((B + np.eye(len(B)) / np.sqrt(len(B))) / np.sqrt(2))


def left(B: Array, neurons: int, rng: np.random.Generator) -> float:
    """Return ‖P B P‖²/‖B‖², P orthogonal to random directions: exactly what tangent features leave of ⟨x, B x⟩."""
    rest = np.linalg.qr(rng.standard_normal(B.shape))[0][:, neurons:]
    return float(np.sum((rest.T @ B @ rest) ** 2))


def quadratics(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Project quadratics on the tangent features of N = ρ d neurons."""
    d = cell["d"]
    plain = traceless(rng, d)
    targets = ((TANGENT, plain), (TRACE, traced(plain)))
    return [value(one, rho, left(B, round(rho * d), rng)) for rho in cell["shares"] for one, B in targets]


def networks(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Train N quadratic neurons and a constant on samples of a quadratic; its error follows from the weights.

    Their output weights start positive, as the largest eigenvalues of the target are: those that N <= d/2 neurons take.
    """
    d, n = cell["d_network"], cell["network_samples"]
    B = traced(traceless(rng, d))
    X = rng.standard_normal((n, d))
    y = np.einsum("ij,ij->i", X @ B, X)
    rows = []
    for share in cell["network_shares"]:
        N = round(share * d)
        W = np.vstack([rng.standard_normal((N, d)) / np.sqrt(d), np.zeros((1, d))])
        # σ(-1) = 1/2: a neuron without weights and with threshold 1 is a constant
        constant = np.arange(N + 1) == N
        net = TwoLayerRegressor(
            N + 1,
            "quadratic",
            init=(W, 1.0 * constant, np.where(constant, 0.0, 1.0)[:, None]),
            mask=np.where(constant[:, None], 0.0, np.ones((N + 1, d))),
            alpha=0.0,
            scaling=None,
            max_iter=cell["steps"],
            learning_rate_init=0.05,
            learning_rate="cosine",
            tol=None,
            random_state=new_seed(rng),
        ).fit(X, y)
        found = (net.W_.T * net.a_[:, 0]) @ net.W_ / 2
        rows.append(value(TRAINED, share, np.sum((B - found) ** 2)))
        rows.append(value(BEST, share, quadratic_network_residual(B, N)))
        rows.append(value(SAME, share, np.mean([left(B, N, rng) for _ in range(PROJECTIONS)])))
    return rows


def problem(cell: Cell, rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    """Draw rows of one relu neuron on the sphere, and test rows."""
    d = cell["d_neuron"]
    X, test, u = sphere(rng, max(cell["samples"]), d), sphere(rng, 2000, d), sphere(rng, 1, d, 1.0)[0]
    return X, np.maximum(X @ u, 0), test, np.maximum(test @ u, 0)


def one_neuron(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Fit one relu neuron with the kernel of infinitely many, at the ridge of theory."""
    X, y, test, truth = problem(cell, rng)
    kernel = NNGP()
    K, cross = kernel(X), kernel(test, X)
    fits = {n: cross[:, :n] @ kernel_fit(K[:n, :n], y[:n], 1e-3) for n in cell["samples"]}
    return [value(KERNEL, n, mean_square(fit - truth)) for n, fit in fits.items()]


def one_network(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Train a network on one relu neuron, and its output weights alone."""
    X, y, test, truth = problem(cell, rng)
    rows, state = [], new_seed(rng)
    for n in cell["samples"]:
        nets = {
            NETWORK: TwoLayerRegressor(64, max_iter=300, random_state=state),
            FROZEN: TwoLayerRegressor(64, algorithm="frozen", alpha=None, random_state=state),
        }
        fits = {name: net.fit(X[:n], y[:n]).predict(test) for name, net in nets.items()}
        rows += [value(name, n, mean_square(fit - truth)) for name, fit in fits.items()]
    return rows


def rivals(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Tune kernels on one relu neuron: the ridge that is best on the test rows favours them."""
    X, y, test, truth = problem(cell, rng)
    n = compared(cell)
    errors = {name: best_error(kernel, X[:n], y[:n], test, truth) for name, kernel in RIVALS.items()}
    return [value(name, n, error) for name, error in errors.items()]


def compared(settings: Settings) -> int:
    """Return the samples at which kernels are tuned: those nearest to 10 d."""
    return int(min(settings["samples"], key=lambda n: abs(n - 10 * settings["d_neuron"])))


def parity(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Fit the product of four of twenty signs with an RBF kernel: chance level."""
    d, n = PARITY_D, PARITY_N
    kernel = RBF(gamma=0.5 / d)
    X = hypercube(n + 1000, d, random_state=new_seed(rng))
    y = X[:, :4].prod(axis=1)
    fit = kernel(X[n:], X[:n]) @ kernel_fit(kernel(X[:n]), y[:n], 0.1)
    return [value(PARITY, n, mean_square(fit - y[n:]))]


PARTS = {
    "quadratics": quadratics,
    "networks": networks,
    "one neuron": one_neuron,
    "one network": one_network,
    "rivals": rivals,
    "parity": parity,
}


@cache
def neuron(d: int) -> Spectrum:
    """Return the spectrum of one relu neuron."""
    return neuron_spectrum("relu", d, 40)


@cache
def parity_risk(n: int) -> float:
    """Return the risk on the cube."""
    spectrum = kernel_spectrum(RBF(gamma=0.5 / PARITY_D), PARITY_D, PARITY_D, "hypercube")
    return float(risk(spectrum, np.eye(PARITY_D + 1)[4], n, 0.1, 0.0).excess)


def theory(settings: Settings) -> Theory:
    """Return what each part's theory says."""
    spectrum = neuron(settings["d_neuron"])

    def predicted(row: Row) -> float | None:
        series, x = row["series"], row["x"]
        if series in TRACES:
            return float(quadratic_nt_residual(x, TRACES[series], settings["d"]))
        if series == SAME:
            return float(quadratic_nt_residual(x, TRACES[TRACE], settings["d_network"]))
        if series == KERNEL:
            return float(risk(spectrum, spectrum.masses, x, 1e-3, 0.0, target_tail=spectrum.tail).excess)
        return parity_risk(int(x)) if series == PARITY else None

    return predicted


def without_trace(settings: Settings) -> Theory:
    """Return the residual of a quadratic without a trace."""
    return lambda row: float(quadratic_nt_residual(row["x"], 0.0, settings["d"]))


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge each prediction, and networks against the best of fixed features."""
    n, d = compared(settings), settings["d_neuron"]
    floor = single_neuron_floor("relu", 1)
    where = f"{n} rows, d = {d}"
    return [
        equal("tangent features leave (1 - ρ)²(1 - q) + (1 - ρ) q of a quadratic", TANGENT, TRACE, share=0.02),
        close("trained networks leave what the best of their width does", TRAINED, BEST, share=0.06),
        less("and that is less than tangent features of as many neurons do", TRAINED, SAME),
        *(
            less(f"with N = {share:g} d neurons it is less than half of that", TRAINED, SAME, factor=2, at=share)
            for share in settings["network_shares"]
            if share >= HALVED
        ),
        equal("kernel theory predicts the risk on one neuron", KERNEL, share=0.05),
        less(
            f"a network leaves a fifth of what NNGP, quadratic, NTK, RBF kernels do, {where}",
            NETWORK,
            *RIVALS,
            factor=5,
            at=n,
        ),
        at_most(
            f"and a tenth of what degree 1 does, {where}", NETWORK, bound=floor / 10, rival=next(iter(RIVALS)), at=n
        ),
        equal("theory on the cube is the simulated risk on a parity, chance being 1", PARITY, share=0.05),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that the trace must not be forgotten, and that the first layer must be trained."""
    return [
        wrong("forgetting the trace of the quadratic predicts another residual", TRACE, without_trace(settings)),
        apart("with its first layer frozen the network is no better", NETWORK, FROZEN, at=compared(settings)),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show quadratics, and one neuron."""
    predicted, samples = theory(settings), settings["samples"]
    curve = np.geomspace(min(samples), max(samples), 81)
    quadratic = [one for series in TRACES for one in line(series, np.linspace(0, 1, 41), predicted)]
    kernel = line(KERNEL, curve, predicted)
    neurons = {"title": f"one neuron, d = {settings['d_neuron']}", "xlabel": "samples n", "ylabel": "excess risk"}
    shares = {"title": "quadratic target", "xlabel": "neurons / dimensions, N/d", "ylabel": "residual"}
    return [
        panel([*of(rows, *TRACES, TRAINED, BEST), *quadratic], **shares),
        panel([*of(rows, KERNEL, NETWORK, FROZEN, *list(RIVALS)[:2]), *kernel], **neurons, xscale="log", yscale="log"),
    ]


SPEC = Spec(
    name="curse-of-linearization",
    about=__doc__,
    source="Ghorbani et al. 2019, 2021; Six Lectures, chapter 6",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)

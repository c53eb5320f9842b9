"""The tangent model interpolates any labels once its N d parameters outnumber the samples."""

import numpy as np

from widelearn.experiments.studies.ensembles import mean_square, sphere
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import at_most, equal, wrong
from widelearn.theory import nt_lambda_min, nt_noise_train, nt_threshold

SETTINGS = {
    "d": 20,
    "n": 400,
    "shares": (0.25, 0.5, 0.75, 0.9, 1.2, 1.5),
    "draws": 120,
    "d_kernel": 40,
    "width": 4000,
    "samples": (80, 160, 320),
    "kernel_draws": 10,
}
QUICK = {"d": 10, "n": 160, "shares": (0.3, 0.5, 0.8, 1.3, 1.6), "draws": 120, "samples": (80, 320), "kernel_draws": 5}
TRAIN, ABOVE, SMALLEST = "min-norm fit", "min-norm fit, more parameters than samples", "relu, many neurons"


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for fits of noise, and one for kernels, of fewer draws."""
    few = {"part": smallest.__name__, "draws": settings["kernel_draws"]}
    return [{**settings, "part": noise_fits.__name__}, {**settings, **few}]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit pure noise, or decompose kernels."""
    return {part.__name__: part for part in (noise_fits, smallest)}[cell["part"]](cell, np.random.default_rng(seed))


def noise_fits(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Fit pure noise with growing parts of the same neurons."""
    d, n = cell["d"], cell["n"]
    widths = [round(share * n / d) for share in cell["shares"]]
    X, W, y = sphere(rng, n, d), sphere(rng, max(widths), d, 1.0), rng.standard_normal(n)
    rows = []
    for N in widths:
        features = ((X @ W[:N].T > 0)[:, :, None] * X[:, None, :]).reshape(n, N * d)
        U, s, _ = np.linalg.svd(features, full_matrices=False)
        left = y - U[:, s > 1e-10 * s[0]] @ (U[:, s > 1e-10 * s[0]].T @ y)
        rows.append(value(TRAIN if N * d < n else ABOVE, N * d / n, mean_square(left)))
    return rows


def smallest(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Decompose tangent kernel matrices at several n for their smallest eigenvalues."""
    d, N = cell["d_kernel"], cell["width"]
    X, W = sphere(rng, max(cell["samples"]), d), sphere(rng, N, d, 1.0)
    active = (X @ W.T > 0).astype(float)
    K = (active @ active.T / N) * (X @ X.T / d)
    return [value(SMALLEST, n, np.linalg.eigvalsh(K[:n, :n])[0]) for n in cell["samples"]]


def theory(settings: Settings) -> Theory:
    """Return what is left of noise, and the smallest eigenvalue."""
    d, n = settings["d"], settings["n"]

    def predicted(row: Row) -> float:
        if row["series"] == SMALLEST:
            return float(nt_lambda_min("relu", row["x"], settings["d_kernel"]))
        return float(nt_noise_train(n, round(row["x"] * n / d), d))

    return predicted


def neurons_counted(settings: Settings) -> Theory:
    """Return what would be left if a neuron were one parameter."""
    return lambda row: 1 - row["x"] / settings["d"]


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge the threshold at N d = n, and the smallest eigenvalue."""
    least = nt_threshold(settings["n"], settings["d"])
    return [
        equal("below the threshold 1 - N d/n of the noise is left", TRAIN, share=0.05),
        at_most(f"above it, from {least} neurons on, rounding is left", ABOVE, bound=1e-12, rival=TRAIN),
        equal("theory predicts the smallest eigenvalue of the wide kernel", SMALLEST, share=0.03),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that counting neurons is wrong."""
    return [wrong("counting neurons instead of parameters predicts another error", TRAIN, neurons_counted(settings))]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show the training error against N d / n, and the smallest eigenvalue against n."""
    d, N, samples = settings["d_kernel"], settings["width"], settings["samples"]
    train = line(TRAIN, np.linspace(0, max(settings["shares"]), 101), lambda row: max(0.0, 1 - row["x"]))
    kernel = line(SMALLEST, np.geomspace(min(samples) / 2, 2 * max(samples), 81), theory(settings))
    points = [one | {"series": TRAIN} for one in of(rows, TRAIN, ABOVE)]
    return [
        panel([*points, *train], xlabel="parameters / samples, N d / n", ylabel="training error on pure noise"),
        panel(
            [*of(rows, SMALLEST), *kernel],
            title=f"d = {d}, N = {N:,}",
            xlabel="samples n",
            ylabel="smallest eigenvalue of K",
            xscale="log",
            ylim=(0.0, 0.35),
        ),
    ]


SPEC = Spec(
    name="nt-interpolation",
    about=__doc__,
    source="Montanari & Zhong 2022; Six Lectures, chapter 5",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)

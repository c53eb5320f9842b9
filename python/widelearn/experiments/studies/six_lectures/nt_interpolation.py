"""The tangent model interpolates any labels once its N d parameters outnumber the samples."""

import numpy as np

from widelearn.experiments.studies.ensembles import draws, mean_square, sphere
from widelearn.experiments.studies.rows import Row, Rows, Values, of, on_panel, panel, row
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step, apart, within
from widelearn.theory import nt_lambda_min, nt_noise_train, nt_threshold

SOURCE = "Montanari & Zhong 2022; Six Lectures, chapter 5"
SETTINGS = {
    "d": 20,
    "n": 400,
    "shares": (0.25, 0.5, 0.75, 0.9, 1.2, 1.5),
    "draws": 30,
    "d_kernel": 40,
    "width": 4000,
    "samples": (80, 160, 320),
    "kernel_draws": 6,
}
QUICK = {"d": 16, "n": 160, "shares": (0.3, 0.5, 0.8, 1.3, 1.6), "draws": 60, "samples": (80, 320), "kernel_draws": 4}
TRAIN, CONTROL, SMALLEST = "min-norm fit", "neurons counted", "relu, many neurons"


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Fit pure noise with growing parts of the same neurons; then smallest eigenvalues of wide kernels."""
    d, n = settings["d"], settings["n"]
    widths = [round(share * n / d) for share in settings["shares"]]
    found = Values()
    for rng in draws(settings["draws"], seed, step, 0.0, 0.6):
        X, W, y = sphere(rng, n, d), sphere(rng, max(widths), d, 1.0), rng.standard_normal(n)
        for N in widths:
            features = ((X @ W[:N].T > 0)[:, :, None] * X[:, None, :]).reshape(n, N * d)
            U, s, _ = np.linalg.svd(features, full_matrices=False)
            left = y - U[:, s > 1e-10 * s[0]] @ (U[:, s > 1e-10 * s[0]].T @ y)
            found.add(TRAIN, N * d / n, mean_square(left))
    rows = found.rows(lambda series, share: nt_noise_train(n, round(share * n / d), d))
    curve = np.linspace(0, max(settings["shares"]), 101)
    rows += [row(TRAIN, share, max(0.0, 1 - share)) for share in curve]
    N = widths[0]
    rows.append(row(CONTROL, N * d / n, 1 - N / n, found.values[TRAIN, N * d / n]))
    return rows + smallest(settings, seed, step)


def smallest(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Decompose tangent kernel matrices at several n for their smallest eigenvalues."""
    d, N = settings["d_kernel"], settings["width"]
    found = Values()
    for rng in draws(settings["kernel_draws"], seed, step, 0.6, 1.0):
        X, W = sphere(rng, max(settings["samples"]), d), sphere(rng, N, d, 1.0)
        active = (X @ W.T > 0).astype(float)
        K = (active @ active.T / N) * (X @ X.T / d)
        for n in settings["samples"]:
            found.add(SMALLEST, n, np.linalg.eigvalsh(K[:n, :n])[0])
    rows = found.rows(lambda series, n: nt_lambda_min("relu", n, d), panel="kernel")
    curve = np.geomspace(min(settings["samples"]) / 2, 2 * max(settings["samples"]), 81)
    return rows + [row(SMALLEST, n, nt_lambda_min("relu", n, d), panel="kernel") for n in curve]


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Judge the threshold at N d = n, the smallest eigenvalue; counting neurons is wrong."""
    below = [one for one in of(rows, TRAIN) if one["x"] < 1]
    above = [one for one in of(rows, TRAIN) if one["x"] > 1.15]
    worst = max(one["simulation"] for one in above)
    least = nt_threshold(settings["n"], settings["d"])
    return [
        within(below, "below the threshold 1 - N d/n of the noise is left", 0.05),
        Claim("above it nothing is left", worst < 1e-3, f"at most {worst:.1e}; the threshold is {least} neurons"),
        within(of(rows, SMALLEST), "theory predicts the smallest eigenvalue of the wide kernel", 0.03),
        apart(of(rows, CONTROL), "counting neurons instead of parameters predicts another error"),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Training error against N d / n, and the smallest eigenvalue against n."""
    train = [one for one in rows if one["series"] == TRAIN]
    d, N = settings["d_kernel"], settings["width"]
    return [
        panel(train, xlabel="parameters / samples", ylabel="training error on pure noise"),
        panel(
            on_panel(rows, "kernel"),
            title=f"d = {d}, N = {N:,}",
            xlabel="samples",
            ylabel="smallest eigenvalue of K",
            xscale="log",
            ylim=(0.0, 0.35),
        ),
    ]

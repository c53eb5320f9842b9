"""Quadratic models, and networks under random signs, learn a product of two columns where kernels do not."""

import numpy as np

from widelearn import TaylorRegressor
from widelearn.datasets import hypercube
from widelearn.experiments.studies.baselines import at_least, at_most, best_error, means
from widelearn.experiments.studies.ensembles import draws, mean_square, new_seed
from widelearn.experiments.studies.rows import Row, Rows, Values, at, panel, without
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step
from widelearn.kernels import NTK, TaylorKernel

SOURCE = "Bai & Lee 2020"
SETTINGS = {"d": 40, "samples": (80, 120, 160, 240, 400), "width": 256, "draws": 5, "test": 2000}
QUICK = {"samples": (120, 400), "draws": 2, "test": 1000}
QUADRATIC, NETWORK = "quadratic model", "network with random signs"
TANGENT, LIFTED = "NTK", "kernel of order 2"
DENSE = {name: f"{name}, dense quadratic form" for name in (QUADRATIC, LIFTED)}


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Fit to products of two columns, and to dense quadratic forms, on the cube."""
    d, test = settings["d"], settings["test"]
    found = Values()
    for rng in draws(settings["draws"], seed, step):
        state, most = new_seed(rng), max(settings["samples"])
        X, check = (hypercube(n, d, random_state=new_seed(rng)) for n in (most, test))
        A = rng.standard_normal((d, d))
        np.fill_diagonal(A, 0.0)
        A *= 1 / np.sqrt(((A + A.T) ** 2).sum() / 2)
        product, dense = [x[:, 0] * x[:, 1] for x in (X, check)], [((x @ A) * x).sum(axis=1) for x in (X, check)]
        for kind, (y, truth) in {"": product, "dense": dense}.items():
            for n in settings["samples"] if not kind else (most,):
                errors = {LIFTED: best_error(TaylorKernel(2, "softplus"), X[:n], y[:n], check, truth)}
                modes = {QUADRATIC: ("taylor", 128)}
                if not kind:
                    errors[TANGENT] = best_error(NTK(activation="softplus"), X[:n], y[:n], check, truth)
                    modes |= {NETWORK: ("marginal", settings["width"])}
                for name, (mode, width) in modes.items():
                    model = TaylorRegressor(mode=mode, width=width, linear_term=False, random_state=state)
                    errors[name] = mean_square(model.fit(X[:n], y[:n]).predict(check) - truth)
                for name, error in errors.items():
                    found.add(DENSE[name] if kind else name, n, error)
    return found.rows()


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Claim that both learn where kernels do not, and that nothing is gained on a dense form."""
    n = max(settings["samples"])
    dense, lifted = at(rows, [DENSE[QUADRATIC]], n), at(rows, [DENSE[LIFTED]], n)
    harder = dense[0]["simulation"] >= lifted[0]["simulation"]
    detail = f"{means(dense)}, the kernel {means(lifted)}"
    return [
        at_most(at(rows, [QUADRATIC], n), f"the quadratic model learns the product from {n} rows", 0.05),
        at_most(at(rows, [NETWORK], n), "so does the network under random signs", 0.05),
        at_least(at(rows, [TANGENT], n), "tangent kernel ridge does not, at its best ridge", 0.5),
        at_least(at(rows, [LIFTED], n), "nor does the kernel of the quadratic model: what counts is the penalty", 0.3),
        Claim("a dense quadratic form is no easier for the model than for its kernel", harder, detail, control=True),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show error against rows."""
    return [panel(without(rows, *DENSE.values()), xlabel="samples", ylabel="test error", xscale="log", ylim=(0.0, 1.2))]

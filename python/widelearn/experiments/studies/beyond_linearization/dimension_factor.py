"""The quadratic model learns a product of two columns from O(d) rows; kernels need O(d²)."""

from itertools import pairwise

from widelearn import TaylorRegressor
from widelearn.datasets import hypercube
from widelearn.experiments.studies.baselines import at_most, best_error, means
from widelearn.experiments.studies.ensembles import draws, mean_square, new_seed
from widelearn.experiments.studies.rows import Row, Rows, Values, at, panel
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step
from widelearn.kernels import NTK

SOURCE = "Bai & Lee 2020"
SETTINGS = {"dimensions": (20, 40, 80), "ratios": (3, 4, 6, 8, 12), "ratio": 6, "draws": 5, "test": 2000}
QUICK = {"ratios": (4, 6, 8), "draws": 2, "test": 1000}


def model(d: int) -> str:
    """Name the series of the quadratic model."""
    return f"quadratic model, d = {d}"


def kernel(d: int) -> str:
    """Name the series of the kernel."""
    return f"NTK, d = {d}"


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Fit both to n = ratio d rows of each dimension."""
    found = Values()
    for rng in draws(settings["draws"], seed, step):
        for d in settings["dimensions"]:
            most, state = int(max(settings["ratios"]) * d), new_seed(rng)
            X, check = (hypercube(n, d, random_state=new_seed(rng)) for n in (most, settings["test"]))
            y, truth = X[:, 0] * X[:, 1], check[:, 0] * check[:, 1]
            for ratio in settings["ratios"]:
                n = int(ratio * d)
                net = TaylorRegressor(linear_term=False, random_state=state).fit(X[:n], y[:n])
                found.add(model(d), ratio, mean_square(net.predict(check) - truth))
                found.add(kernel(d), ratio, best_error(NTK(activation="softplus"), X[:n], y[:n], check, truth))
    return found.rows()


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Claim that the same n/d is enough at every d, and that kernels fall behind as d grows."""
    dimensions, ratio, most = settings["dimensions"], settings["ratio"], max(settings["ratios"])
    models = at(rows, [model(d) for d in dimensions], ratio)
    behind = [at(rows, [kernel(d)], most)[0]["simulation"] for d in dimensions]
    grows = all(after > before for before, after in pairwise(behind))
    largest = at(rows, [kernel(max(dimensions))], most)
    return [
        at_most(models, f"{ratio:g} d rows are enough at d = {', '.join(map(str, dimensions))}", 0.05),
        Claim(f"at {most:g} d rows the kernel's error grows with d", grows, ", ".join(f"{e:.3f}" for e in behind)),
        Claim(
            f"the kernel has not learned the product from {most:g} d rows at d = {max(dimensions)}",
            bool(largest) and largest[0]["simulation"] - 0.05 > 10 * largest[0]["se"],
            means(largest),
            control=True,
        ),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show error against n/d for models and kernels."""
    options = {"xlabel": "samples / dimension", "ylabel": "test error", "xscale": "log", "ylim": (0.0, 1.2)}
    return [panel([one for one in rows if one["series"].startswith(name)], **options) for name in ("quadratic", "NTK")]

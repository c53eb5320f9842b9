"""``python -m benches.growth``: how times grow with rows, columns, features, targets and threads, as JSON and a figure.

Every point is the median of some turns, both sides in turn; the exponent is that of the last doubling.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.kernel_approximation import RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.pipeline import make_pipeline

import widelearn as wl
from benches import machine
from benches.job import Side, gaussian, timed
from benches.threads import with_threads

Sides = dict[str, Side]


@dataclass(frozen=True)
class Curve:
    """Times of some sides at growing sizes; `at` makes the sides of one size."""

    name: str
    axis: str
    sizes: list[int]
    at: Callable[[int], Sides]


def targets(x: np.ndarray, t: int = 1) -> np.ndarray:
    """Waves along the first columns, one for each target."""
    return np.squeeze(np.sin(3 * x[:, [k % x.shape[1] for k in range(t)]] + np.arange(t)).astype(x.dtype))


def kernel_ridge(n: int, d: int = 20, t: int = 1) -> Sides:
    """Exact fits: factors of n x n matrices on both sides."""
    x = gaussian(n, d, "float64")
    y = targets(x, t)
    ours = wl.KernelRidge(wl.kernels.RBF(0.5), 0.1, solver="cholesky", fit_intercept=False)
    theirs = KernelRidge(alpha=0.1, kernel="rbf", gamma=0.5)
    return {"widelearn": timed(lambda: ours.fit(x, y)), "scikit-learn": timed(lambda: theirs.fit(x, y))}


def feature_ridge(n: int, p: int, d: int = 20) -> Sides:
    """Random Fourier features with a ridge solve, float32."""
    x = gaussian(n, d, "float32")
    y = targets(x)
    ours = wl.FeatureRidge(wl.FourierFeatures(wl.kernels.RBF(0.5), p, random_state=0), 0.1)
    theirs = make_pipeline(RBFSampler(gamma=0.5, n_components=p, random_state=0), Ridge(0.1))
    return {"widelearn": timed(lambda: ours.fit(x, y)), "scikit-learn": timed(lambda: theirs.fit(x, y))}


def gram(d: int, n: int) -> Sides:
    x = gaussian(n, d, "float64")
    kernel, tangent = wl.kernels.RBF(0.5), wl.kernels.NTK(depth=2)
    return {
        "widelearn, RBF": timed(lambda: kernel(x)),
        "widelearn, NTK of two layers": timed(lambda: tangent(x)),
        "scikit-learn, RBF": timed(lambda: rbf_kernel(x, gamma=0.5)),
    }


def on_threads(count: int, n: int) -> Sides:
    x = gaussian(n, 20, "float64")
    y = targets(x)
    fit = wl.KernelRidge(wl.kernels.RBF(0.5), 0.1, solver="cholesky")
    kernel = wl.kernels.NTK(depth=2)
    sides = {"KernelRidge": timed(lambda: fit.fit(x, y)), "NTK Gram": timed(lambda: kernel(x))}
    return {name: with_threads(count, side) for name, side in sides.items()}


def doublings(first: int, last: int) -> list[int]:
    return [first * 2**k for k in range(int(np.log2(last / first)) + 1)]


def curves(quick: bool) -> Iterator[Curve]:
    """Every curve; quick ones only show that they run."""
    small = 8 if quick else 1
    n = 2000 // small
    yield Curve("KernelRidge, d = 20", "rows", doublings(500 // small, 8000 // small), kernel_ridge)
    yield Curve(f"KernelRidge, n = {n}", "targets", doublings(1, 256 // small), lambda t: kernel_ridge(n, t=t))
    yield Curve(f"Gram matrix, n = {n}", "columns", doublings(4, 1024 // small), lambda d: gram(d, n))
    p = 1024 // small
    yield Curve(
        f"FeatureRidge, {p} features", "rows", doublings(2000 // small, 64_000 // small), lambda m: feature_ridge(m, p)
    )
    m = 8000 // small
    yield Curve(
        f"FeatureRidge, n = {m}", "features", doublings(256 // small, 4096 // small), lambda p: feature_ridge(m, p)
    )
    cpus = len(os.sched_getaffinity(0))
    yield Curve(
        f"threads, n = {2 * n}", "threads", sorted({1, *doublings(1, cpus), cpus}), lambda k: on_threads(k, 2 * n)
    )


def measured(curve: Curve, rounds: int) -> list[dict[str, Any]]:
    """Return a row for every size and side; the first turn warms up."""
    rows = []
    for size in curve.sizes:
        sides = curve.at(size)
        turns = [{name: side() for name, side in sides.items()} for _ in range(rounds + 1)][1:]
        for name in sides:
            seconds = median(turn[name] for turn in turns)
            rows.append({"curve": curve.name, "axis": curve.axis, "size": size, "side": name, "median_s": seconds})
    return rows


def exponent(rows: list[dict[str, Any]], side: str) -> float:
    """Return the slope of log time over log size between the last two points of a side; NaN where there is one."""
    last = [(row["size"], row["median_s"]) for row in rows if row["side"] == side][-2:]
    if len(last) < 2:
        return np.nan
    (size, seconds), (larger, more) = last
    return float(np.log(more / seconds) / np.log(larger / size))


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw a panel for each curve, seconds over size, both logarithmic."""
    names = list(dict.fromkeys(row["curve"] for row in rows))
    figure = Figure(figsize=(12, 3.4 * ((len(names) + 2) // 3)), layout="constrained")
    for panel, name in zip(figure.subplots(-(-len(names) // 3), 3, squeeze=False).flat, names, strict=False):
        own = [row for row in rows if row["curve"] == name]
        for side in dict.fromkeys(row["side"] for row in own):
            points = [(row["size"], row["median_s"]) for row in own if row["side"] == side]
            panel.loglog(*zip(*points, strict=True), "o-", markersize=4, label=f"{side} ({exponent(own, side):.1f})")
        panel.set(title=name, xlabel=own[0]["axis"], ylabel="seconds")
        panel.set_xscale("log", base=2)
        panel.set_xticks(sizes := sorted({row["size"] for row in own}), [str(size) for size in sizes])
        panel.tick_params(axis="x", which="minor", bottom=False)
        panel.grid(alpha=0.3)
        panel.legend(fontsize=8, title="exponent of the last step in brackets", title_fontsize=7)
    figure.savefig(path, dpi=120)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write results.json and growth.png."""
    parser = argparse.ArgumentParser(prog="python -m benches.growth", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="timed turns of each point (3)")
    parser.add_argument("--only", default="", metavar="WORD", help="curves whose name or axis holds WORD")
    parser.add_argument("--out", type=Path, default=Path("target/growth"), help="folder of growth.json, growth.png")
    parser.add_argument("--quick", action="store_true", help="small sizes, one turn: only to see that it runs")
    options = parser.parse_args(arguments)
    about = machine.describe(wl.get_num_threads(), options.quick)
    rows: list[dict[str, Any]] = []
    for curve in curves(options.quick):
        if options.only in f"{curve.name} {curve.axis}":
            found = measured(curve, 1 if options.quick else options.rounds)
            rows += found
            for side in dict.fromkeys(row["side"] for row in found):
                times = ", ".join(f"{row['size']}: {row['median_s']:.3g}" for row in found if row["side"] == side)
                print(f"{curve.name}, {side}: seconds at {curve.axis} {times}; exponent {exponent(found, side):.2f}")
    if not rows:
        print(f"no curve's name or axis holds {options.only!r}", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    results = {"schema": 1, "quick": options.quick, "machine": about, "points": rows}
    (options.out / "growth.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    draw(rows, options.out / "growth.png")
    print(f"wrote {options.out}/growth.json and growth.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())

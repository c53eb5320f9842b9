"""A job: two or more sides that take turns, the ratio asked of them, and the proof that they agree."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from numpy.typing import NDArray

# OpenBLAS threads spin for a while after a call: leave them time to sleep before the other side starts.
PAUSE = 0.15

Side = Callable[[], float]


@dataclass(frozen=True)
class Job:
    """One line of the table.

    `sides` maps a name to one timed iteration (seconds); the first is ours. `ratio` reads their medians. `difference`
    is the largest one between the results, relative to sqrt(k(x,x) k(x',x')), and at most `tolerance`.
    """

    name: str
    shape: str
    dtype: str
    least: float
    sides: dict[str, Side]
    difference: Callable[[], float]
    tolerance: float
    # "fresh": allocated by the call on both sides; "reused": written into memory already touched
    output: str = "fresh"
    ratio: Callable[[dict[str, float]], float] = lambda times: list(times.values())[1] / next(iter(times.values()))
    flops: float = 0.0
    bytes: float = 0.0
    notes: Callable[[], dict[str, float]] = dict
    most: dict[str, float] = field(default_factory=dict)
    # Timed turns, at most: slow jobs take fewer.
    rounds: int = 1000


def timed(run: Callable[[], object]) -> Side:
    """Time one call; its result is dropped after the clock has stopped."""

    def side() -> float:
        start = time.perf_counter()
        result = run()
        seconds = time.perf_counter() - start
        del result
        return seconds

    return side


def measure(job: Job, rounds: int, pause: float = PAUSE) -> dict[str, object]:
    """Compare the results, warm every side up, then let the sides take turns."""
    rounds = min(rounds, job.rounds)
    difference = job.difference()
    # Garbage would be swept while a side is timed; of a quick run, which has no pauses, the times mean nothing.
    if pause:
        gc.collect()
    times: dict[str, list[float]] = {name: [] for name in job.sides}
    for turn in range(rounds + 1):
        for name, side in job.sides.items():
            time.sleep(pause)
            seconds = side()
            if turn > 0:
                times[name].append(seconds)
    medians = {name: median(taken) for name, taken in times.items()}
    notes = job.notes()
    return {
        **{key: getattr(job, key) for key in ("name", "shape", "dtype", "output", "least", "tolerance")},
        "rounds": rounds,
        "median_s": medians,
        "times_s": times,
        "ratio": job.ratio(medians),
        "difference": difference,
        "agree": bool(difference <= job.tolerance),
        "notes": notes,
        "met": job.ratio(medians) >= job.least and all(notes[key] <= bound for key, bound in job.most.items()),
        "flop_s": job.flops / next(iter(medians.values())),
        "byte_s": job.bytes / next(iter(medians.values())),
    }


def gaussian(n: int, d: int, dtype: str, seed: int = 0) -> NDArray[np.floating]:
    """Rows of norm about 1, so that no kernel is near its underflow."""
    return (np.random.default_rng(seed).standard_normal((n, d)) / np.sqrt(d)).astype(dtype)


def largest_difference(ours: NDArray[np.floating], theirs: NDArray[np.floating]) -> float:
    """Return max |ours - theirs| / sqrt(k(x,x) k(x',x')) off the diagonal, whose errors are the peers' own."""
    scale = np.sqrt(np.diag(ours).astype(np.float64))
    worst = 0.0
    for i, row in enumerate(ours):
        gap = np.abs(row.astype(np.float64) - theirs[i]) / (scale[i] * scale)
        gap[i] = 0.0
        worst = max(worst, float(gap.max()))
    return worst

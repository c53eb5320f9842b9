"""A fit on a Dask cluster of this machine beside a fit without one."""

import os
from collections.abc import Iterator

import dask.array as da
import numpy as np

import widelearn as wl
from benches.job import Job, gaussian, timed
from distributed import Client, LocalCluster

BLOCKS = 20
# Fits take seconds: fewer turns.
ROUNDS = 5


def jobs(quick: bool) -> Iterator[Job]:
    """Yield every job on a cluster, which runs while they are measured."""
    # Dask gives each process one thread: as many processes as the other side has threads.
    workers = wl.get_num_threads()
    alone = {name: "1" for name in os.environ if name.endswith("_NUM_THREADS")}
    options = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": ":0", "env": alone}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        client.run(load)
        yield fit(*((2_000, 128) if quick else (53_940, 2048)), workers)


def load() -> None:
    """Import what a fit needs."""
    import widelearn.distributed  # noqa: F401


def fit(n: int, p: int, workers: int) -> Job:
    """Fit as many rows as plotnine's diamonds has; the first side sends its graph out each time."""
    x = 3 * gaussian(n, 9, "float64")
    y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2]
    chunk = -(-n // BLOCKS)
    rows, targets = da.from_array(x, chunks=(chunk, 9)), da.from_array(y, chunks=chunk)
    features = wl.RandomFeatures(p, bias_scale=1.0, random_state=0)
    ours, theirs = (wl.FeatureRidge(features) for _ in range(2))

    def difference() -> float:
        one, other = (model.fit(*data).predict(x) for model, data in ((ours, (rows, targets)), (theirs, (x, y))))
        return float(np.abs(one - other).max() / np.abs(other).max())

    return Job(
        name="FeatureRidge on Dask",
        shape=f"n={n} d=9 features={p} blocks={BLOCKS} workers={workers}",
        dtype="float64",
        least=1 / 1.3,
        sides={"LocalCluster": timed(lambda: ours.fit(rows, targets)), "one process": timed(lambda: theirs.fit(x, y))},
        difference=difference,
        tolerance=1e-10,
        flops=n * p * (p + 18),
        rounds=ROUNDS,
    )

"""
Ridge on random features of a Dask array, on a laptop or a cluster
==================================================================

Each block of rows is reduced to moments where it is stored. Their sum is solved here, and predictions are computed
where the rows are stored. The client alone decides on which machines:

- ``python dask_cluster.py``: processes on this machine;
- ``python dask_cluster.py tcp://HOST:8786``: a scheduler that is running already, with its workers;
- ``python dask_cluster.py slurm``: workers that SLURM starts as jobs, from a machine that has ``sbatch``. Options of
  your queues (``queue``, ``account``, ``memory``, ``job_script_prologue=["module load python"]``) go into the call
  below, or under ``jobqueue.slurm`` in Dask's configuration.

Workers need the same Python and widelearn, and use as many threads as Dask gives them. The blocks of a worker that dies
are computed again, to the same bits. ``WIDELEARN_SIMD=avx2`` makes machines of several kinds agree.
"""

import sys
from contextlib import contextmanager, nullcontext

import dask.array as da
import numpy as np
from dask_jobqueue import SLURMCluster

import widelearn as wl
from distributed import Client, LocalCluster

BLOCKS, WORKERS = 20, 2


@contextmanager
def connected(where):
    """Yield a client of processes here, of SLURM jobs, or of a scheduler's address."""
    if where == "laptop":
        cluster = LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=":0")
    elif where == "slurm":
        options = {"cores": 1, "processes": 1, "memory": "2GB", "walltime": "00:30:00"}
        cluster = SLURMCluster(n_workers=WORKERS, scheduler_options={"dashboard_address": ":0"}, **options)
    else:
        cluster = nullcontext(where)
    with cluster as cluster, Client(cluster) as client:
        yield client


def main(where, rows):
    """Fit a smooth term and a product of two columns, and compare with a fit without Dask."""
    with connected(where) as client:
        client.wait_for_workers(WORKERS, timeout=600)
        # On a cluster of your own: da.from_zarr(path), or dask.dataframe.read_parquet(path) and its columns.
        X = da.random.default_rng(0).standard_normal((rows, 8), chunks=(rows // BLOCKS, 8))
        y = da.sin(X[:, 0]) + X[:, 1] * X[:, 2]
        # Blocks are made once and kept, because fitting and predicting both pass over them.
        X, y = client.persist([X, y])

        features = wl.RandomFeatures(n_components=256, bias_scale=1.0, random_state=0)
        model = wl.FeatureRidge(features, alpha=1e-3).fit(X, y)
        error = ((model.predict(X) - y) ** 2).mean() / y.var()
        print(f"{len(client.scheduler_info()['workers'])} workers, {BLOCKS} blocks, {rows} rows")
        print(f"unexplained variance: {error.compute():.3f}")

        here = wl.FeatureRidge(features, alpha=1e-3).fit(*client.gather(client.compute([X, y])))
        print(f"as on one machine: {np.allclose(model.coef_, here.coef_, rtol=1e-6, atol=1e-6)}")


# Processes that Dask starts import this file.
if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--quick"]
    main(words[0] if words else "laptop", 2_000 if "--quick" in sys.argv else 200_000)

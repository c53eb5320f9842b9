"""The same bits, whoever computes; workers and schedulers that go."""

import os
import subprocess
import sys
from types import SimpleNamespace

import dask
import numpy as np
import pytest
from sklearn.base import clone

import widelearn as wl
from distributed import Client, wait
from lazy_rows import MAPS, computing, lazy, left_alone, lying, same
from widelearn import FeatureRidge, NystromFeatures
from widelearn.distributed import cluster as scheduling


def test_the_same_bits_in_any_order(client, rows):
    X, Y, weight = rows
    cut = lazy(X, Y, weight)
    models = [FeatureRidge(MAPS["random"]).fit(*cut) for _ in range(1)]
    with dask.config.set(scheduler="threads", num_workers=3):
        models.append(FeatureRidge(MAPS["random"]).fit(*cut))
    one = next(iter(client.scheduler_info()["workers"]))
    with computing(client):
        models.append(FeatureRidge(MAPS["random"]).fit(*cut))
        kept = client.persist(cut, workers=[one], allow_other_workers=True)
        wait(kept)
        models.append(FeatureRidge(MAPS["random"]).fit(*kept))
        values = models[-1].predict(kept[0]).compute()
    for model in models:
        np.testing.assert_array_equal(model.coef_, models[0].coef_)
        np.testing.assert_array_equal(model.intercept_, models[0].intercept_)
    np.testing.assert_array_equal(values, models[0].predict(X))
    looks = FeatureRidge(NystromFeatures(n_components=10, random_state=0))
    here = clone(looks).fit(*cut)
    with computing(client):
        # BLAS on another number of threads: equal to rounding, at a condition number of 1e5 at most.
        same(looks.fit(*cut), here, X)
        with pytest.raises(ValueError, match=r"^Block 7: Input X contains NaN"):
            looks.fit(lying(cut[0], 7, lambda x: x * np.nan), *cut[1:])


def test_a_worker_that_dies_costs_time_alone(client, rows, tmp_path):
    X, Y, _ = rows
    x, y = lazy(X, Y)
    mark, victims = tmp_path / "mark", client.run(os.getpid)

    def die(block):
        # Once, in the middle of the fit, its process being the worker's.
        if not mark.exists():
            mark.write_text(str(os.getpid()))
            os.kill(os.getpid(), 9)
        return block

    wanted = FeatureRidge(MAPS["random"]).fit(x, y)
    with computing(client):
        model = FeatureRidge(MAPS["random"]).fit(lying(x, 11, die), y)
    assert int(mark.read_text()) in victims.values()
    np.testing.assert_array_equal(model.coef_, wanted.coef_)
    np.testing.assert_array_equal(model.predict(X), wanted.predict(X))
    client.wait_for_workers(2, timeout=60)


def test_workers_use_their_threads(client, monkeypatch, threads):
    for name in ("WIDELEARN_NUM_THREADS", "RAYON_NUM_THREADS"):
        if name not in os.environ:
            assert set(client.run(wl.get_num_threads).values()) == {1}
    # A worker of three threads, its process started with OMP_NUM_THREADS=1 as all are.
    threads(1)
    monkeypatch.setattr("distributed.get_worker", lambda: SimpleNamespace(state=SimpleNamespace(nthreads=3)))
    scheduling.use_own_threads()
    assert wl.get_num_threads() == 1
    monkeypatch.setattr(scheduling, "threads_source", lambda: "OMP_NUM_THREADS")
    scheduling.use_own_threads()
    assert wl.get_num_threads() == 3
    monkeypatch.undo()
    monkeypatch.setattr(scheduling, "threads_source", lambda: "OMP_NUM_THREADS")
    scheduling.use_own_threads()
    assert wl.get_num_threads() == 3


SCHEDULER = """
import asyncio
from distributed import Scheduler, Worker

async def main():
    async with Scheduler(host="127.0.0.1", port=0, dashboard_address=':0') as scheduler:
        async with Worker(scheduler.address, nthreads=1, dashboard_address=':0'):
            print(scheduler.address, flush=True)
            await scheduler.finished()

asyncio.run(main())
"""


def test_a_lost_scheduler(rows):
    X, Y, _ = rows
    x, y = lazy(X, Y)
    whole = FeatureRidge("passthrough").fit(X, Y)
    process = subprocess.Popen([sys.executable, "-c", SCHEDULER], stdout=subprocess.PIPE, text=True)
    try:
        address = process.stdout.readline().strip()
        with Client(address, set_as_default=False) as client, computing(client):
            same(FeatureRidge("passthrough").fit(x, y), whole, X)
            # The worker is in the scheduler's process, and ends both.
            last = lying(x, 11, lambda block: os.kill(os.getpid(), 9))
            for what, rows in (("was lost before it had answered", last), ("cannot be reached", x)):
                match = f"The Dask scheduler at {address} {what}.*estimator is as it was: start a scheduler, connect"
                left_alone(whole, RuntimeError, match, rows, y)
            client.close(timeout=20)
    finally:
        process.kill()
        process.communicate()

"""Fixtures of what is computed with Dask."""

import dask
import pytest

from distributed import Client, LocalCluster
from lazy_rows import N


@pytest.fixture(autouse=True)
def here():
    """Compute in this thread, but where a test has a client."""
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture
def rows(rng):
    return rng.standard_normal((N, 4)), rng.standard_normal((N, 2)) + 10, rng.uniform(0, 3, N)


@pytest.fixture(scope="module")
def client():
    kept = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0", "memory_limit": 0}
    with LocalCluster(**kept) as cluster, Client(cluster, set_as_default=False) as client:
        yield client

"""
A fit on a Dask cluster
=======================

Of a Dask array each block of rows is reduced to moments where it is stored, and their sum is solved once: the result is
that of one machine. Here the cluster is two workers in this process; ``Client("tcp://HOST:8786")`` in their place is
the only change for another one (``dask_cluster.py`` has recipes). Predictions are lazy arrays of the same blocks.
"""

import sys

import dask.array as da
import matplotlib.pyplot as plt
import numpy as np

import widelearn as wl
from distributed import Client

quick = "--quick" in sys.argv
rows, block, width = (2_000, 500, 64) if quick else (100_000, 5_000, 400)


def target(X):
    """Return a smooth term and a product of two columns."""
    return np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]


with Client(processes=False, n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
    X = da.random.default_rng(0).standard_normal((rows, 4), chunks=(block, 4))
    y = target(X) + 0.3 * da.random.default_rng(1).standard_normal(rows, chunks=block)
    X, y = client.persist([X, y])

    features = wl.RandomFeatures(width, bias_scale=1.0, random_state=0)
    model = wl.FeatureRidge(features, alpha=1e-2).fit(X, y)
    here = wl.FeatureRidge(features, alpha=1e-2).fit(X.compute(), y.compute())
    print(f"{X.npartitions} blocks on {len(client.scheduler_info()['workers'])} workers")
    print(f"largest difference from one machine: {np.abs(model.coef_ - here.coef_).max():.1e}")

    # Predictions are lazy: they are computed where the rows are.
    residuals = (y - model.predict(X)).compute()

plane = np.linspace(-2, 2, 60)
grid = np.zeros((60 * 60, 4))
grid[:, 1], grid[:, 2] = np.tile(plane, 60), np.repeat(plane, 60)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
left.pcolormesh(plane, plane, model.predict(grid).reshape(60, 60), cmap="RdBu_r", vmin=-4, vmax=4)
lines = left.contour(
    plane, plane, target(grid).reshape(60, 60), levels=[-3, -2, -1, 0, 1, 2, 3], colors="k", linewidths=0.7
)
left.set(xlabel="$x_1$", ylabel="$x_2$", title="fit at $x_0 = x_3 = 0$, and lines of the truth")
left.clabel(lines)
right.hist(residuals, bins=80, density=True, alpha=0.6, label=f"residuals of {rows} rows")
place = np.linspace(-1.5, 1.5, 200)
right.plot(place, np.exp(-((place / 0.3) ** 2) / 2) / (0.3 * np.sqrt(2 * np.pi)), "k--", label="the noise's law")
right.set(xlabel="target less prediction", ylabel="density")
right.legend(loc="upper left", fontsize=8)
plt.show()

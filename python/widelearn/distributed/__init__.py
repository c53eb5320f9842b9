"""Fitting and predicting on Dask collections: all use of Dask.

Nothing here is called by name: estimators and feature maps that are given a Dask array or dataframe come here. This
room knows no estimator: it is handed a function that validates a block, and an object that sums rows. Whatever
scheduler is current computes: a ``distributed.Client``'s where there is one, else Dask's default. So a laptop needs
``Client(LocalCluster())``, a cluster that runs ``Client("tcp://address:8786")``, and SLURM
``Client(dask_jobqueue.SLURMCluster(...))``, before the lines that fit; ``examples/dask_cluster.py`` is a recipe.

Fitting passes over the rows once, each block where it lies; a classifier passes over the labels before. Blocks that
are costly to make again, because they are read or computed, are worth a ``persist``. Predictions, decisions and
features of Dask collections are Dask arrays that nobody has computed yet.
"""

from widelearn.distributed.lazy import by_block, by_rows, one_row
from widelearn.distributed.moments import Collection
from widelearn.distributed.rows import count_rows

__all__ = ["Collection", "by_block", "by_rows", "count_rows", "one_row"]

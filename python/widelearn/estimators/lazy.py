"""Dask collections, where an estimator takes none."""


def refuse_lazy(estimator: object, X: object) -> None:
    """Refuse rows that are a Dask collection, before they are computed whole without a word."""
    if hasattr(X, "__dask_graph__"):
        raise TypeError(
            f"{type(estimator).__name__} takes no Dask collections: pass X.compute() where the rows fit into memory, or"
            " take FeatureRidge or KernelRidge(solver='nystrom'), which are fitted block by block."
        )

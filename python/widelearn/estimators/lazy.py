"""Dask collections, where an estimator takes none."""


def refuse_lazy(X: object, name: str) -> None:
    """Refuse rows that are a Dask collection, before they are computed whole without a word."""
    if hasattr(X, "__dask_graph__"):
        raise TypeError(
            f"{name} takes no Dask collections: pass X.compute() where the rows fit into memory, or take FeatureRidge"
            " or KernelRidge(solver='nystrom'), which are fitted block by block."
        )

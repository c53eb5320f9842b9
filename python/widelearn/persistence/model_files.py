"""A fitted model in one file, and back."""

import os
import zipfile
from pathlib import Path
from typing import Any

from widelearn.persistence import layout, origin
from widelearn.persistence.reader import Reader
from widelearn.persistence.writer import Writer
from widelearn.runtime import Array, capped
from widelearn.runtime.whole_files import replacing

# What data that was made to deceive can meet before it is refused by name.
DAMAGED = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RuntimeError,
    zipfile.BadZipFile,
    EOFError,
)


@capped
def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a model into one file that holds data alone, whole or not at all.

    The file is a header of JSON (class, parameters, fitted state, versions, digests) and arrays as they are in memory,
    uncompressed. The same model gives the same bytes, but for parts that skops writes.

    Parameters
    ----------
    model : object
        An estimator, feature map or kernel of widelearn, fitted or not; a Pipeline, FeatureUnion or StandardScaler of
        them. Other estimators of scikit-learn, alone or inside, need the package skops and must be of listed types.
    path : str or path-like
        The file, whose folder must exist. What is there is replaced.

    Raises
    ------
    ValueError
        A part cannot be said as data (a function of yours, an object of another package). The message names it, as
        ``KernelRidge.kernel``, and the remedy.
    OSError
        The disk is full, or the folder cannot be written to; what was at `path` is as it was.

    Notes
    -----
    Cost: the bytes of the arrays, read twice. float32 stays float32, and predictions keep their bits on the same
    machine.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import widelearn as wl
    >>> X = np.random.default_rng(0).standard_normal((20, 3))
    >>> model = wl.KernelRidge(wl.kernels.NTK(depth=2), alpha=0.1).fit(X, X[:, 0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     wl.save(model, f"{folder}/model.wl")
    ...     found = wl.load(f"{folder}/model.wl")
    >>> bool((found.predict(X) == model.predict(X)).all())
    True
    """
    content = contents(model)
    with replacing(path) as stream:
        layout.write(stream, *content)


def contents(model: Any) -> tuple[dict[str, Any], list[Array]]:
    """Return the header of a model's file and its arrays, as `layout.write` takes them; ValueError as `save`."""
    writer = Writer(model)
    said = {"class": type(model).__name__, "model": writer.whole, "objects": writer.objects}
    return origin.stamp() | said, writer.arrays


@capped
def load(path: str | os.PathLike[str]) -> Any:
    """Read a model that ``save`` wrote, also from someone you do not trust: no code that it brings is run.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    object
        The model, as it was saved.

    Raises
    ------
    ValueError
        It is no such file, of a later version, was cut or changed, or holds what no model does; one line says which.
    FileNotFoundError
        It is not there.
    MemoryError
        It does not fit into what the machine and WIDELEARN_MAX_MEMORY leave.

    Warns
    -----
    UserWarning
        It was written with another series of widelearn or NumPy, or when random weights were drawn by another law.

    Notes
    -----
    Lengths are compared before anything is made, so that memory stays below the file's size and 40 times its header's.
    Files of all earlier versions are read.

    Examples
    --------
    >>> import tempfile
    >>> import widelearn as wl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     wl.save(wl.RandomFeatures(100, random_state=0), f"{folder}/map.wl")
    ...     wl.load(f"{folder}/map.wl")
    RandomFeatures(n_components=100, random_state=0)
    """
    path = Path(path)
    try:
        header, arrays = layout.read(path)
        header = origin.older(header)
        found = Reader(header.get("objects"), arrays).whole(header.get("model"))
    except DAMAGED as error:
        reason = " ".join(str(error).split()).rstrip(".")[:300] or type(error).__name__
        said = f"{path} is no model that widelearn saved, {reason}. Take another copy, or save it again."
        raise ValueError(said) from error
    origin.warn_of_others(header, str(path))
    return found

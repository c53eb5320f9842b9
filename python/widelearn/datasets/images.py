"""Images from files that a user has, in the format of MNIST, and real rows mixed with Gaussian ones."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch, check_random_state

from widelearn.datasets.checks import Array, between, fits, numbers, sizes
from widelearn.runtime import check_memory

# Beginnings of names as they are given out, and the first four bytes: unsigned bytes along three axes, or one.
STEMS = {"train": "train", "test": "t10k"}
KINDS = {"images": ("idx3", 0x0803), "labels": ("idx1", 0x0801)}
COVARIANCES = ("isotropic", "matched")


def image_files(folder: str | os.PathLike[str], *, split: str = "train", labels: ArrayLike | None = None) -> Bunch:
    """Read images and labels that lie in a folder in the format of MNIST; nothing is fetched.

    The folder holds a file of images and one of labels, such as "train-images-idx3-ubyte" and
    "train-labels-idx1-ubyte", or with ".gz" at the end. Fashion-MNIST, KMNIST and QMNIST have the same form.

    Parameters
    ----------
    folder : path
        Where the files are.
    split : {"train", "test"}, default="train"
        Files that begin with "train" or with "t10k".
    labels : array-like of int, optional
        Labels to keep, as (0, 1); all if not given.

    Returns
    -------
    Bunch
        `X` (n, height · width) in float32 from 0 to 1, `y` (n,) in int64, and `shape`, the height and width.

    Raises
    ------
    ValueError
        If a file is not of this format, is shorter or longer than it says, the two do not fit together, or no label is
        kept.
    FileNotFoundError
        If the folder has no such file.
    MemoryError
        If the images do not fit.

    Notes
    -----
    Sizes are read and checked against memory and the file before pixels are. Source of the format: LeCun, Cortes &
    Burges, "The MNIST database of handwritten digits".

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from widelearn.datasets import image_files
    >>> with TemporaryDirectory() as folder:
    ...     start = lambda kind, *shape: np.array([0x0800 + kind, *shape], ">i4").tobytes()
    ...     images, labels = (
    ...         Path(folder, f"train-{name}-ubyte") for name in ("images-idx3", "labels-idx1")
    ...     )
    ...     size = images.write_bytes(start(3, 2, 1, 2) + bytes([0, 255, 51, 0]))
    ...     size = labels.write_bytes(start(1, 2) + bytes([1, 7]))
    ...     image_files(folder).X, image_files(folder, labels=[7]).y
    (array([[0. , 1. ],
           [0.2, 0. ]], dtype=float32), array([7]))
    """
    if not isinstance(split, str) or split not in STEMS:
        raise ValueError(f"split must be one of {', '.join(STEMS)}, got {split!r}.")
    tags = _bytes_of(_file(folder, split, "labels"), "labels")[0].ravel()
    kept = np.ones(len(tags), dtype=bool)
    if labels is not None:
        wanted = np.asarray(labels)
        if wanted.ndim != 1 or not wanted.size or wanted.dtype.kind not in "iu":
            raise ValueError(f"labels must be a list of whole numbers, got {labels!r}.")
        kept = np.isin(tags, wanted)
        if not kept.any():
            raise ValueError(f"No image has one of the labels {wanted.tolist()}: there are {np.unique(tags).tolist()}.")
    pixels, shape = _bytes_of(_file(folder, split, "images"), "images", int(kept.sum()))
    if len(tags) != len(pixels):
        raise ValueError(f"There are {len(pixels)} images and {len(tags)} labels: the files do not belong together.")
    X = pixels[kept].astype(np.float32)
    X /= np.float32(255)
    return Bunch(X=X, y=tags[kept].astype(np.int64), shape=shape)


def gaussian_beside(
    X: ArrayLike,
    teacher: Callable[[Any], ArrayLike],
    n: int,
    gaussian_share: float = 0.5,
    random_state: Any = None,
    *,
    covariance: str = "isotropic",
) -> Bunch:
    """Mix real rows with Gaussian ones of the same mean, all labelled by one teacher: only some inputs have structure.

    Real rows are drawn from X without replacement, Gaussian ones from N(mean, Σ), and shuffled. y = 1 where
    teacher(x) > 0, else -1.

    Parameters
    ----------
    X : array-like of shape (N, d)
        Real rows.
    teacher : callable
        A function of rows (n, d) that returns (n,) numbers, as a fitted classifier's `decision_function`.
    n : int
        Number of rows.
    gaussian_share : float, default=0.5
        Share of Gaussian rows, from 0 to 1; their number is rounded.
    random_state : int, RandomState or None, default=None
        The seed.
    covariance : {"isotropic", "matched"}, default="isotropic"
        Σ: the identity times the columns' mean variance, so that E‖x - mean‖² is the same, or the rows' own covariance.

    Returns
    -------
    Bunch
        `X` (n, d) in float64, `y` (n,) of -1 and 1, and `real` (n,), True for the rows of X.

    Raises
    ------
    ValueError
        If X has fewer rows than are drawn, is not finite, or the teacher returns another shape or what is not finite.
    MemoryError
        If the rows do not fit.

    Notes
    -----
    The covariance "matched" costs N d² + d³ flops. Source: Shi, Wei & Liang, "A theoretical analysis on feature
    learning in neural networks", ICLR 2022, experiments on mixtures of real and Gaussian inputs.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from widelearn.datasets import gaussian_beside
    >>> rows = np.random.default_rng(0).uniform(size=(50, 3)).round()
    >>> teacher = LogisticRegression().fit(rows, rows[:, 0]).decision_function
    >>> data = gaussian_beside(rows, teacher, 20, 0.25, random_state=0)
    >>> data.X.shape, int(data.real.sum()), sorted(set(data.y.tolist()))
    ((20, 3), 15, [-1.0, 1.0])
    """
    if np.iscomplexobj(X):
        raise ValueError("X must be real.")
    rows = numbers("X", X)
    if rows.ndim != 2 or not rows.size or not np.isfinite(rows).all():
        raise ValueError(f"X must be finite numbers of shape (N, d), got the shape {rows.shape}: impute or drop rows.")
    (n,) = sizes(n=n)
    fits("real and Gaussian rows", n, rows.shape[1])
    share = between("gaussian_share", gaussian_share, 0.0, 1.0)
    if not isinstance(covariance, str) or covariance not in COVARIANCES:
        raise ValueError(f"covariance must be one of {', '.join(COVARIANCES)}, got {covariance!r}.")
    if not callable(teacher):
        raise TypeError(f"teacher must be a function of rows, got {type(teacher).__name__}.")
    drawn = round(n * share)
    if n - drawn > len(rows):
        raise ValueError(f"{n - drawn} real rows are to be drawn without replacement, X has {len(rows)}: lower n.")
    rng = check_random_state(random_state)
    real = np.arange(n) < n - drawn
    found = np.empty((n, rows.shape[1]))
    found[real] = rows[rng.permutation(len(rows))[: n - drawn]]
    found[~real] = _gaussian(rng, rows, drawn, covariance)
    order = rng.permutation(n)
    found, real = found[order], real[order]
    if not np.isfinite(found).all():
        raise ValueError(f"X reaches {np.abs(rows).max():.3g}, and Gaussian rows overflow: scale X down.")
    # What the teacher does to its rows is its own.
    outputs = np.asarray(teacher(found.copy()))
    real_numbers = outputs.dtype.kind in "biuf" and outputs.shape in {(n,), (n, 1)}
    if not real_numbers or not np.isfinite(outputs).all():
        raise ValueError(
            f"teacher must return {n} finite real numbers, one a row, got {outputs.dtype} of the shape {outputs.shape}."
        )
    return Bunch(X=found, y=np.where(outputs.ravel() > 0, 1.0, -1.0), real=real)


def _gaussian(rng: np.random.RandomState, rows: NDArray[np.float64], count: int, covariance: str) -> Array:
    """Draw rows with the mean of others, and their covariance or mean variance."""
    # Powers of two keep the squares of large and small numbers, and change no bits.
    exponent = int(np.frexp(np.abs(rows).max())[1])
    scaled = np.ldexp(rows, -exponent)
    d, mean = rows.shape[1], scaled.mean(axis=0)
    normal = rng.standard_normal((count, d))
    centred = scaled - mean
    if covariance == "isotropic":
        drawn = mean + np.sqrt(np.mean(centred**2)) * normal
    else:
        values, vectors = np.linalg.eigh(centred.T @ centred / len(rows))
        drawn = mean + (normal * np.sqrt(values.clip(min=0.0))) @ vectors.T
    with np.errstate(over="ignore"):
        return np.asarray(np.ldexp(drawn, exponent))


def _file(folder: str | os.PathLike[str], split: str, kind: str) -> Path:
    """Return the file of a split, plain or compressed."""
    stem, number = STEMS[split], KINDS[kind][0]
    names = [f"{stem}-{kind}{dot}{number}-ubyte{end}" for dot in ("-", ".") for end in ("", ".gz")]
    for name in names:
        if (path := Path(folder) / name).is_file():
            return path
    raise FileNotFoundError(f"{Path(folder)} has no file {names[0]} or {names[1]}: name the folder that holds them.")


def _bytes_of(path: Path, kind: str, kept: int = 0) -> tuple[NDArray[np.uint8], tuple[int, ...]]:
    """Return the bytes of a file, an item a row, and the shape of an item."""
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
        try:
            return _items(file, path, kind, kept)  # type: ignore[arg-type]
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path} is damaged ({error}): fetch it again.") from error


def _items(file: BinaryIO, path: Path, kind: str, kept: int) -> tuple[NDArray[np.uint8], tuple[int, ...]]:
    magic = KINDS[kind][1]
    axes = magic & 0xFF
    head = file.read(4 * (1 + axes))
    words = [int(word) for word in np.frombuffer(head[: len(head) // 4 * 4], ">u4")]
    if len(words) != 1 + axes or words[0] != magic:
        raise ValueError(f"{path} is not a file of {kind}: its first bytes are {head[:4].hex()}, not {magic:08x}.")
    n, *shape = words[1:]
    count, one = n * math.prod(shape), math.prod(shape)
    if not count:
        raise ValueError(f"{path} says that it holds {n} items of shape {tuple(shape)}: it is empty.")
    if path.suffix != ".gz" and path.stat().st_size != len(head) + count:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, and says {len(head) + count}: it is damaged.")
    # All bytes, a copy of those that are kept, and the same in float32.
    check_memory(count + 5 * one * kept, f"Reading {n} {kind} of {path}", "Name fewer labels.")
    found = file.read(count + 1)
    if len(found) != count:
        beside = "more" if len(found) > count else f"{len(found)}"
        raise ValueError(f"{path} says {count} bytes of {kind} and has {beside}: it is damaged, fetch it again.")
    return np.frombuffer(found, np.uint8).reshape(n, one), tuple(shape)

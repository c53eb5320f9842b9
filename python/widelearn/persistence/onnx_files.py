"""Fitted models for ONNX Runtime: their predictions by its operators, without this package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from widelearn.runtime import capped

if TYPE_CHECKING:
    from onnx import ModelProto

MISSING = "to_onnx writes graphs by the package onnx: pip install 'widelearn[onnx]'."


@capped
def to_onnx(model: Any, *, dtype: Any = None, probabilities: bool | None = None) -> ModelProto:
    """Return a fitted model as ONNX: what it predicts, by operators of opset 18 alone.

    The graph takes "X" (n, d), n being any number of rows. It gives "y", the shape of which is that of ``predict`` or
    ``transform``; of classifiers "label", "scores" (``decision_function``) and "probabilities" (``predict_proba``).
    ``onnx.save(to_onnx(model), path)`` writes a file.

    Parameters
    ----------
    model : estimator or transformer
        A fitted estimator or feature map of widelearn; a Pipeline, FeatureUnion or StandardScaler of them.
    dtype : {"float64", "float32"}, default=None
        Type of rows, values and arithmetic; None is the type of the rows that the model was fitted to, and float64 for
        maps. The graph of either type computes as ``predict`` does of rows of that type.
    probabilities : bool, default=None
        Whether a classifier gives "probabilities"; None means where it has ``predict_proba``. Those of ridge and kernel
        classifiers and of recursive machines cost what their first call costs.

    Returns
    -------
    onnx.ModelProto
        The model. Labels are int64, texts, booleans or float64 as the classes were; of a multilabel indicator int64
        (n, t). Its metadata names widelearn's version, the class, the type and the columns.

    Raises
    ------
    NotImplementedError
        If a part is no formula of ONNX operators; the message names it and says what to take. Such are functions of
        yours (activations, kernels, Jacobians), and kernels NNGP, NTK and TaylorKernel of "tanh", "sigmoid",
        "softplus" and "swish", which are series.
    ValueError
        If the model is not fitted, was fitted to a precomputed kernel, has classes of another type, or takes more than
        the 2 GiB that a file may hold, with the bytes.
    TypeError
        If it is no model of widelearn.
    ImportError
        If onnx is not installed: ``pip install 'widelearn[onnx]'``.

    Notes
    -----
    In ONNX Runtime on CPUs values of float64 graphs are within 1e-10 of the spread of ours, for equal, near-equal and
    opposite rows too: distances and angles of near rows come from their differences, as here. Kernels differ by 1e-13
    of their diagonal or less, so that coefficients that cancel (Σ_i abs(a_i) k(x_i, x_i) above 1,000 spreads) make more
    of that, and so do deep networks of "step" between rows that are nearly parallel. Erf, Acos, Asin and Atan are not
    in ONNX Runtime for float64: their graphs are Chebyshev series, to 2e-15. float32 graphs are as far from float64 as
    our own float32 is, 1e-5 of the spread or a few times that; coefficients that were kept in float64 for float32 rows
    are used in float64. Where an activation jumps ("step", the gates of NTKFeatures, slopes of relu) a preactivation
    that rounds to the other side of 0 changes one neuron.

    Random weights are written out, also those of "hadamard": p d numbers. A graph of a kernel holds the rows that were
    fitted, sparse ones made dense. For n rows and m fitted ones it takes n m numbers, and d for each pair that is
    nearer than .5 % of its length (float32 distances: 14 %, of lengths about the mean). Each of its operators passes
    over them by itself: with 2,000 fitted rows of 20 columns 1,000 rows took .07 to .1 s of one core for RBF and
    Laplace kernels in float64 and .4 to .5 s for NTKs, ten to fifty times what ``predict`` takes. Give a server fewer
    centres (``solver="nystrom"``) or random features. Leaves of recursive machines are all computed for every row. Rows
    with missing values are not refused.

    Examples
    --------
    >>> import numpy as np
    >>> import onnxruntime
    >>> import widelearn as wl
    >>> X = np.random.default_rng(0).standard_normal((40, 3))
    >>> model = wl.KernelRidge(wl.kernels.NTK(depth=2), alpha=0.1).fit(X, np.sin(X[:, 0]))
    >>> session = onnxruntime.InferenceSession(
    ...     wl.to_onnx(model).SerializeToString(), providers=["CPUExecutionProvider"]
    ... )
    >>> (y,) = session.run(None, {"X": X})
    >>> bool(np.abs(y - model.predict(X)).max() < 1e-12)
    True
    """
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise ImportError(MISSING) from error
    # It loads more of scikit-learn than the package does by itself.
    from widelearn.persistence.onnx_graphs.export import exported

    return exported(model, dtype, probabilities)

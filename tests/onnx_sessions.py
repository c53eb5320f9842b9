"""What ONNX Runtime answers for an exported model, and how far that is from ours."""

import numpy as np
import onnxruntime

import widelearn as wl


def session_of(model, **options):
    """A session of one thread, on CPUs."""
    quiet = onnxruntime.SessionOptions()
    quiet.intra_op_num_threads, quiet.log_severity_level = 1, 4
    content = wl.to_onnx(model, **options).SerializeToString()
    return onnxruntime.InferenceSession(content, quiet, providers=["CPUExecutionProvider"])


def answers(model, X, **options):
    """The outputs by name at rows X."""
    session = session_of(model, **options)
    return dict(zip([one.name for one in session.get_outputs()], session.run(None, {"X": X}), strict=True))


def error(found, wanted):
    """The largest difference beside the spread of what is wanted, which is of the same shape and type."""
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    spread = float(np.ptp(wanted)) or float(np.abs(wanted).max()) or 1.0
    return float(np.abs(found.astype(np.float64) - wanted).max(initial=0.0)) / spread


def bound(model, X, method):
    """What float32 may differ by: 1e-5, or ten times as much as our own float32 differs from float64."""
    call = getattr(model, method)
    single, double = call(X), call(X.astype(np.float64))
    spread = float(np.ptp(double)) or 1.0
    return max(1e-5, 10.0 * float(np.abs(single - double).max()) / spread)


def check_numbers(model, X, method):
    """Compare "y" with what a method of a model gives, for rows of either type."""
    wanted = getattr(model, method)(X)
    tolerance = 1e-10 if X.dtype == np.float64 else bound(model, X, method)
    assert error(answers(model, X, dtype=X.dtype)["y"], wanted) <= tolerance

"""
Predictions without widelearn, by ONNX Runtime
==============================================

Fit, write ONNX, and answer requests by ONNX Runtime alone.

A Pipeline of scaled columns and kernel ridge regression with the NTK learns handwritten digits. Requests of one to
eight rows then come in, and each is answered with labels and probabilities; what is answered is compared with what the
Pipeline itself says::

    python examples/onnx_service.py [--quick]
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import widelearn as wl


class Service:
    """Answers requests by a file of ONNX: what a server's process would hold."""

    def __init__(self, path: Path) -> None:
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.about = self.session.get_modelmeta().custom_metadata_map

    def answer(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return labels and probabilities of a request."""
        label, probabilities = self.session.run(["label", "probabilities"], {"X": rows})
        return label, probabilities


def trained(X: np.ndarray, y: np.ndarray) -> Pipeline:
    """Return the model that is to be served."""
    machine = wl.KernelRidgeClassifier(wl.kernels.NTK(depth=2), alpha=1e-2)
    return make_pipeline(StandardScaler(), machine).fit(X, y)


def requests(X: np.ndarray) -> Iterator[np.ndarray]:
    """Yield rows as they come in: one to eight at a time."""
    rng, start = np.random.default_rng(0), 0
    while start < len(X):
        size = int(rng.integers(1, 9))
        yield X[start : start + size]
        start += size


def main() -> None:
    """Fit, export, serve, compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rows")
    rows = 300 if parser.parse_args().quick else 1797
    X, y = load_digits(return_X_y=True)
    X, X_new, y, y_new = train_test_split(X[:rows], y[:rows], test_size=0.3, random_state=0)
    model = trained(X, y)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.onnx"
        onnx.save(wl.to_onnx(model), path)
        service = Service(path)
        print(f"{path.stat().st_size / 1e6:.1f} MB, made by widelearn {service.about['widelearn']}")
        answers = [service.answer(request) for request in requests(X_new)]
    labels, probabilities = (np.concatenate(part) for part in zip(*answers, strict=True))
    apart = float(np.abs(probabilities - model.predict_proba(X_new)).max())
    print(f"{len(answers)} requests of {len(labels)} rows, {np.mean(labels == y_new):.1%} right")
    print(f"labels as ours: {np.mean(labels == model.predict(X_new)):.1%}; probabilities apart by {apart:.0e}")


if __name__ == "__main__":
    main()

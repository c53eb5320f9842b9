"""Write saved_models_1.npz: files of schema 1 of small models, and what the models said of ten rows.

Run it as ``python tests/golden/saved_models.py``; it needs the package alone. Files of a schema that a release has
written stay as they are, for later versions read them (`persistence.origin`): a new schema gets another archive.
"""

import tempfile
import warnings
from pathlib import Path

import numpy as np

import widelearn as wl
from widelearn.kernels import NTK, RBF, Matern
from widelearn.persistence.origin import SCHEMA

RNG = np.random.default_rng(0)
X, NEW = RNG.standard_normal((12, 2)), RNG.standard_normal((10, 2))
Y = np.c_[X[:, 0] - X[:, 1], X[:, 0] ** 2]
NUMBER, LABEL = Y[:, 0], np.where(Y[:, 0] > 0, "yes", "no")
MAP = wl.RandomFeatures(6, random_state=0)
MODELS = {
    "feature_ridge": (wl.FeatureRidge(MAP), Y),
    "feature_ridge_cv": (wl.FeatureRidgeCV(wl.FourierFeatures(Matern(), 6, random_state=0), (1e-6, 1e-2, 1e3)), NUMBER),
    "feature_ridge_classifier": (wl.FeatureRidgeClassifier(wl.TangentFeatures(3, random_state=0)), LABEL),
    "kernel_ridge": (wl.KernelRidge(NTK(depth=2) + 0.5 * RBF(), 0.1), Y),
    "kernel_ridge_classifier": (wl.KernelRidgeClassifier("rbf"), LABEL),
    "nystrom": (wl.KernelRidge("rbf", solver="nystrom", n_components=5, random_state=0), NUMBER),
    "gradient_flow": (wl.GradientFlowRegressor("rbf", time=5.0), NUMBER),
    "gradient_flow_classifier": (wl.GradientFlowClassifier(MAP, time=5.0), LABEL),
    "taylor": (wl.TaylorRegressor(2, width=4, max_iter=5, random_state=0), NUMBER),
    "taylor_classifier": (wl.TaylorClassifier((1, 2), width=4, max_iter=5, random_state=0), LABEL),
    "two_layer": (wl.TwoLayerRegressor(4, max_iter=5, random_state=0), NUMBER),
    "two_layer_classifier": (wl.TwoLayerClassifier(4, max_iter=5, random_state=0), LABEL),
    "recursive": (wl.RecursiveFeatureMachine(n_iter=1, random_state=0), NUMBER),
    "ntk_features": (wl.NTKFeatures(8, random_state=0), NUMBER),
    "neural_representation": (wl.NeuralRepresentation(6, random_state=0), NUMBER),
}


def answer(model, rows):
    """What a model says of rows, as numbers or labels."""
    return model.transform(rows) if hasattr(model, "transform") else model.predict(rows)


if __name__ == "__main__":
    found = {"rows": NEW}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, (model, y) in MODELS.items():
            wl.save(model.fit(X, y), Path(folder, "model.wl"))
            found[f"{name} file"] = np.frombuffer(Path(folder, "model.wl").read_bytes(), np.uint8)
            found[f"{name} answer"] = answer(model, NEW)
    np.savez_compressed(Path(__file__).with_name(f"saved_models_{SCHEMA}.npz"), **found)

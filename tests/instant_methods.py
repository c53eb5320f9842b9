"""Methods of a comparison that take no time, for tests of what happens around them; nor do figures."""

import joblib
import numpy as np
from sklearn.dummy import DummyRegressor

from made_tables import frame
from widelearn.experiments import store
from widelearn.experiments.comparison import process
from widelearn.experiments.comparison.fitted import TargetScale

NAMES = ("linear", "rbf", "sklearn_ridge")


class InstantMethods:
    """In the place of the methods' processes: constants as models, instantly, stopped where asked."""

    def __init__(self):
        self.ran, self.stop, self.end = [], None, None

    @classmethod
    def in_place(cls, monkeypatch, folder):
        """Stand in for the methods in a folder with the table t.csv, which becomes the current one."""
        monkeypatch.chdir(folder)
        frame().to_csv("t.csv", index=False)
        found = cls()
        monkeypatch.setattr(process, "run", found.run)
        monkeypatch.setattr(store, "drawn", lambda figure, kind: {"png": b"\x89PNG", "svg": b"<svg></svg>"}[kind])
        return found

    def run(self, folder, job, on_step=None, threads=None):
        if job["model"] == self.stop:
            if self.end is None:
                raise KeyboardInterrupt
            self.end()
        self.ran.append(job["model"])
        with np.load(folder / "problem.npz") as arrays:
            X, y, y_test = (arrays[name] for name in ("X_train", "y_train", "y_test"))
        share = {"linear": 0.2, "rbf": 0.9, "sklearn_ridge": 0.5}[job["model"]]
        model = DummyRegressor(strategy="constant", constant=share).fit(X, y)
        np.save(folder / "prediction.npy", share * y_test)
        joblib.dump((model, TargetScale()), folder / "model.joblib")
        numbers = {"n_used": len(y), "fit_s": 0.1, "predict_s": 0.1, "peak_bytes": 1, "tune_s": 0.1, "tune_score": 0.5}
        return numbers | {"params": {"alpha": 0.1}, "warnings": [f"from {job['model']}"]}

"""Methods of a comparison that take no time, for tests of what happens around them; nor do figures."""

import joblib
import numpy as np
from sklearn.dummy import DummyRegressor

from made_tables import frame
from widelearn.experiments import store
from widelearn.experiments.comparison import process
from widelearn.experiments.comparison.fitted import TargetScale

NAMES = ("linear", "rbf", "sklearn_ridge")
SHARES = {"dummy": 0.0, "linear": 0.2, "rbf": 0.9, "sklearn_ridge": 0.5}


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
        monkeypatch.setattr(process.Worker, "run", lambda worker, *given: found.run(*given))
        monkeypatch.setattr(store, "drawn", lambda figure, kind: {"png": b"\x89PNG", "svg": b"<svg></svg>"}[kind])
        return found

    def run(self, folder, job, on_step=None, seconds=None):
        if job["model"] == self.stop:
            if self.end is None:
                raise KeyboardInterrupt
            self.end()
        # The baseline takes part unasked, and is not counted.
        self.ran += [job["model"]] if job["model"] != "dummy" else []
        with np.load(folder / job["problem"]) as arrays:
            X, y, y_test = (arrays[name] for name in ("X_train", "y_train", "y_test"))
        share = SHARES[job["model"]]
        model = DummyRegressor(strategy="constant", constant=share).fit(X, y)
        np.savez(folder / "prediction.npz", prediction=share * y_test)
        joblib.dump((model, TargetScale(), False), folder / "model.joblib")
        numbers = {"n_used": len(y), "fit_s": 0.1, "predict_s": 0.1, "total_s": 0.3, "peak_bytes": 1, "tune_s": 0.1}
        numbers |= {"cv_score": share, "cv_se": 0.1, "settings": 3, "edge": [], "weighted": False, "stopped": False}
        return numbers | {"params": {"alpha": 0.1}, "warnings": [f"from {job['model']}"]}

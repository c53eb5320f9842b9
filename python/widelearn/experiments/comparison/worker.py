"""Run one method in this process and measure it: ``python -m widelearn.experiments.comparison.worker FOLDER``.

`process.run` starts it. FOLDER holds job.json and problem.npz. Predictions go to FOLDER/prediction.npy, the fitted
model to FOLDER/model.joblib if wanted. Every line on standard output is one JSON object: {"done", "of"} while
tuning, then {"result"} or {"error"}.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from widelearn.experiments.comparison.methods import Method

Array = NDArray[Any]
Arrays = dict[str, Array]
Say = Callable[[dict[str, Any]], None]


def main(folder: Path) -> int:
    """Do the job in `folder`; return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent receives Ctrl-C and ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints stays out of the channel

    def say(message: dict[str, Any]) -> None:
        channel.write(json.dumps(message) + "\n")

    try:
        job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        say({"result": run(job, folder, say)})
    except Exception as error:  # noqa: BLE001 - whatever goes wrong becomes the row's error
        text = " ".join(str(error).split())[:300]
        say({"error": f"{type(error).__name__}: {text}" if text else type(error).__name__})
        return 1
    return 0


def _end_with_parent() -> None:
    """End at once when the parent's end of standard input closes, so that no orphan goes on computing."""
    while os.read(0, 4096):
        pass
    os._exit(3)


def run(job: dict[str, Any], folder: Path, say: Say) -> dict[str, Any]:
    """Tune, fit and predict the method of a job: its model, task, seed, and whether to keep the fitted model.

    With "params" of an earlier result nothing is tuned.
    """
    from threadpoolctl import threadpool_limits

    from widelearn.experiments.comparison.fitted import TargetScale
    from widelearn.experiments.comparison.methods import choose
    from widelearn.experiments.comparison.plans import Setting
    from widelearn.experiments.comparison.tuning import fit_on, predict_in_blocks, tune
    from widelearn.experiments.errors import first_line

    method = choose(job["model"])[0]
    task, seed = job["task"], job["seed"]
    with np.load(folder / "problem.npz", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    scale = TargetScale.of(arrays["y_train"], arrays.get("w_train")) if task == "regression" else TargetScale()
    arrays["y_train"] = scale.forward(arrays["y_train"])
    plan = method.plan(Setting(task, seed, float(arrays["X_train"].var(axis=0).sum()) or 1.0))
    plan = plan if job.get("params") is None else plan.only(job["params"])
    say({"done": 0, "of": 1})
    forget_peak()
    before = peak()

    start = time.perf_counter()
    with threadpool_limits(1) if method.serial else nullcontext():
        outer, inner, tune_score = tune(plan, task, arrays, lambda done, of: say({"done": done, "of": of}))
    tuned = time.perf_counter()
    X, y, weight = _training_rows(method, arrays, task, seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ready = time.perf_counter()
        model = fit_on(plan.final(outer, inner), X, y, weight)
        fitted = time.perf_counter()
    prediction = scale.back(predict_in_blocks(model, arrays["X_test"]))
    done = time.perf_counter()
    after = peak()

    np.save(folder / "prediction.npy", prediction, allow_pickle=False)
    if job["keep"]:
        import joblib

        joblib.dump((model, scale), folder / "model.joblib", compress=3)
    return {
        "params": plan.fixed | outer | inner,
        "n_used": len(y),
        "tune_s": tuned - start,
        "tune_score": tune_score,
        "fit_s": fitted - ready,
        "predict_s": done - fitted,
        "peak_bytes": after - before,
        "warnings": sorted({f"{item.category.__name__}: {first_line(str(item.message))}" for item in caught}),
    }


def _training_rows(method: Method, arrays: Arrays, task: str, seed: int) -> tuple[Array, Array, Array | None]:
    """Return X, y and weights of as many training rows as the method takes."""
    from widelearn.experiments.tables.splits import sample

    X, y, weight = arrays["X_train"], arrays["y_train"], arrays.get("w_train")
    if method.rows is None or len(y) <= method.rows:
        return X, y, weight
    some = arrays["some"]
    rows = some if len(some) == method.rows else sample(y, task, method.rows, seed)
    return X[rows], y[rows], None if weight is None else weight[rows]


def forget_peak() -> None:
    """Reset the peak to what is held now, where the system allows it (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak() -> int:
    """Return the peak resident memory of this process in bytes.

    On Linux it is VmHWM of this program alone. Elsewhere it is getrusage's ru_maxrss, which includes what the parent
    held when it started this process.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        import resource  # not everywhere

        usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return usage if sys.platform == "darwin" else usage * 1024


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

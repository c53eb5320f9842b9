"""Run methods in processes of their own and measure each: ``python -m widelearn.experiments.comparison.worker``.

`process.Worker` starts it. It loads the packages once, reads the path of a folder a line from standard input, and forks
a process for each, where the system can; elsewhere it does one job and ends. A folder holds job.json, the problem's
arrays and perhaps the user's estimator. Predictions go to FOLDER/prediction.npz, the fitted model, if it is wanted, to
FOLDER/model.joblib. Every line on standard output is one JSON object: {"done", "of"} while tuning, {"result"} or
{"error"}, and {"ended"} with the exit code.
"""

from __future__ import annotations

import json
import os
import pickle
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
    from widelearn.experiments.comparison.fitted import TargetScale
    from widelearn.experiments.comparison.methods import Method
    from widelearn.experiments.comparison.plans import Setting
    from widelearn.experiments.comparison.scores import Output
    from widelearn.experiments.comparison.tuning import Choice

Array = NDArray[Any]
Arrays = dict[str, Array]
Say = Callable[[dict[str, Any]], None]
# Linux forks safely here: no package starts a thread of its own before its first work.
FORKS = sys.platform == "linux"
# Tuning may take so much of the time that a method has; the rest is for the fit.
TUNING_SHARE = 0.5


def main() -> int:
    """Do the jobs that standard input names; return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent receives Ctrl-C and ends this process
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints stays out of the channel

    def say(message: dict[str, Any]) -> None:
        channel.write(json.dumps(message) + "\n")

    import widelearn.experiments.comparison.methods
    import widelearn.experiments.comparison.sklearn_methods
    import widelearn.experiments.comparison.tuning
    import widelearn.experiments.comparison.widelearn_methods  # noqa: F401 - loaded once for all jobs

    while (folder := _next_folder()) is not None:
        if not FORKS:
            _do(folder, say)
            say({"ended": 0})
            return 0
        child = os.fork()
        if not child:
            try:
                _do(folder, say)
            finally:
                channel.flush()
                os._exit(0)
        say({"ended": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])})
    return 0


def _next_folder() -> Path | None:
    """Read a line, and nothing beyond it; None at the end of the input."""
    line = b""
    while not line.endswith(b"\n"):
        if not (more := os.read(0, 1)):
            return None
        line += more
    return Path(os.fsdecode(line[:-1]))


def _do(folder: Path, say: Say) -> None:
    """Do the job in `folder`."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        say({"result": run(job, folder, say)})
    except Exception as error:  # noqa: BLE001 - whatever goes wrong becomes the row's error
        text = " ".join(str(error).split())[:300]
        say({"error": f"{type(error).__name__}: {text}" if text else type(error).__name__})


def _end_with_parent() -> None:
    """End at once when the parent's end of standard input closes, so that no orphan goes on computing."""
    while os.read(0, 4096):
        pass
    os._exit(3)


def run(job: dict[str, Any], folder: Path, say: Say) -> dict[str, Any]:
    """Tune, fit and predict the method of a job: its model, task, seed, and whether to keep the fitted model.

    With "params" of an earlier result nothing is tuned, with "seconds" tuning ends after half of them.
    """
    from threadpoolctl import threadpool_limits

    from widelearn.experiments.comparison.answers import answer
    from widelearn.experiments.comparison.fitted import TargetScale
    from widelearn.experiments.comparison.plans import fit_on, takes_weights
    from widelearn.experiments.errors import first_line

    start = time.perf_counter()
    method, task, seed = _method(job, folder), job["task"], job["seed"]
    with np.load(folder / job.get("problem", "problem.npz"), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    scale = TargetScale.of(arrays["y_train"], arrays.get("w_train")) if task == "regression" else TargetScale()
    arrays["y_train"] = scale.forward(arrays["y_train"])
    classes = job["classes"] if task == "classification" else 0
    plan = method.plan(_setting(job, arrays, classes))
    plan = plan if job.get("params") is None else plan.only(job["params"])
    name = "N" if plan.native and "N_train" in arrays else "X"
    weight = _fit_weights(arrays, job)
    say({"done": 0, "of": 1})
    forget_peak()
    before = peak()

    began = time.perf_counter()
    with threadpool_limits(1) if method.serial else nullcontext():
        choice = _tuned(plan, arrays, name, classes, weight, scale.back, job, say)
    tuned = time.perf_counter()
    rows = _training_rows(method, arrays, task, seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ready = time.perf_counter()
        model = plan.final(choice.outer, choice.inner)
        weighted = weight is not None and takes_weights(model)
        taken = None if weight is None else weight[rows]
        model = fit_on(model, arrays[f"{name}_train"][rows], arrays["y_train"][rows], taken)
        fitted = time.perf_counter()
    output = answer(model, arrays[f"{name}_test"], classes)
    done = time.perf_counter()
    after = peak()

    _leave(folder, scale, output, (model, scale, name == "N") if job["keep"] and _leads(job, choice) else None)
    return {
        "params": plan.fixed | choice.outer | choice.inner,
        "n_used": len(rows),
        "tune_s": tuned - began,
        "cv_score": choice.cv_score,
        "cv_se": choice.cv_se,
        "settings": choice.settings,
        "edge": choice.edge,
        "stopped": choice.stopped,
        "weighted": weighted,
        "complete": choice.complete,
        "fit_s": fitted - ready,
        "predict_s": done - fitted,
        "total_s": done - start,
        "peak_bytes": after - before,
        "warnings": sorted({f"{item.category.__name__}: {first_line(str(item.message))}" for item in caught}),
    }


def _setting(job: dict[str, Any], arrays: Arrays, classes: int) -> Setting:
    """Return what a method may know before it is tuned."""
    from widelearn.experiments.comparison.plans import Setting

    categorical = tuple(bool(one) for one in arrays.get("categorical", ()))
    spread = float(arrays["X_train"].var(axis=0).sum()) or 1.0
    sizes = len(arrays["tune"]), classes, categorical, job.get("threads"), len(arrays["y_train"])
    return Setting(job["task"], job["seed"], spread, *sizes, arrays["X_train"].shape[1])


def _leave(folder: Path, scale: TargetScale, output: Output, model: tuple[Any, ...] | None) -> None:
    """Leave what a model says of the held-out rows, and the model if it is to be kept, to the parent."""
    parts = {"prediction": scale.back(output.prediction), "probability": output.probability, "scores": output.scores}
    np.savez(folder / "prediction.npz", **{key: part for key, part in parts.items() if part is not None})  # type: ignore[arg-type]
    if model is not None:
        import joblib

        joblib.dump(model, folder / "model.joblib")


def _method(job: dict[str, Any], folder: Path) -> Method:
    """Return the job's method; the user's own estimator is read from the file that this program's parent wrote."""
    from widelearn.experiments.comparison.methods import choose, own

    if not job.get("own"):
        return choose(job["model"])[0]
    content = (folder / "estimator.pickle").read_bytes()
    return own(job["model"], pickle.loads(content))  # noqa: S301 - our parent's, in a folder of this user alone


def _leads(job: dict[str, Any], choice: Choice) -> bool:
    """Whether the model may be wanted: it is better than the best so far, or shows what it learned."""
    from widelearn.experiments.comparison.scores import ALL

    if job.get("beat") is None or job["model"] == "recursive":
        return True
    gain = ALL[job["metric"]].gain
    return choice.cv_score is not None and gain(choice.cv_score) > gain(job["beat"])


def _tuned(
    plan: Any, arrays: Arrays, name: str, classes: int, weight: Array | None, back: Any, job: dict[str, Any], say: Say
) -> Choice:
    """Tune and judge the choice on the folds; of a model that was chosen before, nothing."""
    from widelearn.experiments.comparison.tuning import Choice, folds_of, tune

    if job.get("params") is not None:
        return Choice(plan.outer.settings[0], plan.inner.settings[0])
    seconds = job.get("seconds")
    deadline = None if seconds is None else time.monotonic() + TUNING_SHARE * seconds
    folds = folds_of(arrays, name, classes, weight, back, independent=job.get("independent", True))
    return tune(plan, folds, job["metric"], lambda done, of: say({"done": done, "of": of}), deadline)


def _fit_weights(arrays: Arrays, job: dict[str, Any]) -> Array | None:
    """Return the weights of fits: the user's, times those that make the classes count alike if that was asked."""
    weight = arrays.get("w_train")
    if job.get("class_weight") != "balanced":
        return weight
    codes = arrays["y_train"].astype(np.intp)
    ones = np.ones(len(codes)) if weight is None else weight
    totals = np.bincount(codes, weights=ones)
    there = np.count_nonzero(totals)
    return np.asarray(ones * ones.sum() / (there * totals[codes]))


def _training_rows(method: Method, arrays: Arrays, task: str, seed: int) -> Array:
    """Return as many training rows as the method takes."""
    from widelearn.experiments.tables.splits import sample

    y = arrays["y_train"]
    if method.rows is None or len(y) <= method.rows:
        return np.arange(len(y))
    some = arrays["some"]
    return some if len(some) == method.rows else sample(y, task, method.rows, seed)


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
    sys.exit(main())

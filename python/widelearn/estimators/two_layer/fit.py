"""Fits of two-layer nets: what the regressor and the classifier share."""

from collections.abc import Callable
from numbers import Integral, Real
from os import PathLike
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from widelearn.estimators.two_layer.presets import PRESETS, settings
from widelearn.estimators.two_layer.rows import Scaling, digest, stream_rows, table_batches
from widelearn.estimators.two_layer.training import HEADS, Checkpoint, Rows, Training
from widelearn.nets import TwoLayer
from widelearn.runtime import row_blocks

Array = NDArray[Any]
DTYPES = [np.float64, np.float32]
# Rows predicted at once.
ROWS = 4096
# What may differ between the parts of one run, or is only how it is watched.
MAY_DIFFER = ("max_iter", "callback", "checkpoint", "random_state")


class BaseTwoLayer(BaseEstimator):
    """A two-layer net and the ways to fit it, to encoded targets Y (n, c)."""

    checkpoint: str | PathLike[str] | None
    random_state: int | np.random.RandomState | None
    W_: Array
    b_: Array
    a_: Array
    x_offset_: Array
    x_scale_: Array

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "width": [Interval(Integral, 1, None, closed="left")],
        "activation": [str, tuple],
        "algorithm": [StrOptions({"gd", "algorithm1", *HEADS})],
        "alpha": [Interval(Real, 0, None, closed="left"), None],
        "solver": [StrOptions({"auto", "sgd", "adam"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither"), None],
        "learning_rate": [StrOptions({"constant", "invscaling", "cosine"}), callable],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "tol": [Interval(Real, 0, None, closed="left"), None],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "init": [StrOptions({"pairs", "quadruples"}), tuple],
        "weight_scale": [Interval(Real, 0, None, closed="left")],
        "bias": [StrOptions({"normal", "constant"})],
        "bias_scale": [Interval(Real, None, None, closed="neither")],
        "output": [StrOptions({"normal", "signs"})],
        "output_scale": [Interval(Real, 0, None, closed="left"), None],
        "train_bias": ["boolean"],
        "train_output": ["boolean"],
        "mask": ["array-like", None],
        "smoothing": [Interval(Real, 0, None, closed="left")],
        "first_step": [Interval(Real, 0, None, closed="neither"), None],
        "n_forgetting_steps": [Interval(Integral, 1, None, closed="left")],
        "bias_range": [Interval(Real, 0, None, closed="left")],
        "scaling": [StrOptions({"standard", "scalar"}), None],
        "preset": [StrOptions(set(PRESETS)), None],
        "checkpoint": [str, PathLike, None],
        "random_state": ["random_state"],
        "callback": [callable, None],
    }

    def _fit_table(self, X: Array, Y: Array, loss: str, labels: Array | None = None) -> None:
        """Set the fitted attributes from validated rows and encoded targets; `labels` stratify the rows left out."""
        chosen = self._settings()
        seed = self._seed()
        file = self._file(chosen, loss, X, Y)
        if file is not None and file.seed is not None:
            seed = file.seed
        left_out: tuple[Array, Array] | None = None
        if chosen.early_stopping:
            X, left, Y, left_Y = split(X, Y, labels, chosen.validation_fraction, seed)
            left_out = (left, left_Y)
        scaling = Scaling.of(X, chosen.scaling)
        x = scaling.apply(X)
        validation = None if left_out is None else (scaling.apply(left_out[0]), left_out[1])
        rows = Rows((x, Y), table_batches(x, Y, chosen.batch_size, seed), validation, fresh=False)
        self._follow(Training(chosen, loss, seed, rows), scaling, file)

    def _fit_fresh(self, stream: Any, encode: Callable[[Any, Any, bool], tuple[Array, Array, str]]) -> None:
        """Set the fitted attributes from a stream; `encode` checks raw rows, and says with which loss."""
        chosen = self._settings()
        if chosen.early_stopping:
            raise ValueError("early_stopping leaves out rows of a table: fresh rows need none. Set it to False.")
        if self.checkpoint is not None and not callable(stream):
            raise ValueError("A checkpoint needs a sampler, which can be asked for any batch again, not an iterator.")
        seed = self._seed()
        draw = stream_rows(stream, chosen.batch_size, seed)
        raw = draw(0)
        if raw is None:
            raise ValueError("The stream is empty: give at least one batch (X, y).")
        X, Y, loss = encode(*raw, True)
        file = self._file(chosen, loss, X, Y)
        if file is not None and file.seed not in (None, seed):
            raise ValueError("The checkpoint of a stream needs an integer random_state, the same in every part.")
        scaling = Scaling.of(X, chosen.scaling)
        first = (scaling.apply(X), Y)

        def batches(iteration: int) -> list[tuple[Array, Array]]:
            found = raw if iteration == 0 else draw(iteration)
            if found is None:
                return []
            X, Y, _ = encode(*found, False)
            return [(scaling.apply(X), Y)]

        self._follow(Training(chosen, loss, seed, Rows(first, batches, None, fresh=True)), scaling, file)

    def _settings(self) -> SimpleNamespace:
        """Return the parameters, with those of the preset."""
        return settings(self)

    def _seed(self) -> int:
        """Return the seed of all that is random in one fit."""
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _file(self, chosen: SimpleNamespace, loss: str, X: Array, Y: Array) -> Checkpoint | None:
        """Return the checkpoint, which must be of these rows and parameters."""
        if self.checkpoint is None:
            return None
        parameters = {name: value for name, value in vars(chosen).items() if name not in MAY_DIFFER}
        if chosen.learning_rate != "constant":
            parameters["max_iter"] = chosen.max_iter
        if isinstance(self.random_state, Integral):
            parameters["random_state"] = int(self.random_state)
        return Checkpoint(self.checkpoint, digest(parameters | {"of": type(self).__name__, "loss": loss}, X, Y))

    def _follow(self, training: Training, scaling: Scaling, file: Checkpoint | None) -> None:
        """Train, and keep what was found, also of a training that is interrupted."""
        try:
            training.follow(file)
        except KeyboardInterrupt:
            self._keep(training, scaling)
            raise
        self._keep(training, scaling)

    def _keep(self, training: Training, scaling: Scaling) -> None:
        """Replace what was fitted, at one stroke."""
        run, net = training.run, training.net
        draft = {
            "W_": net.W.copy(),
            "b_": net.b.copy(),
            "a_": net.a.copy(),
            "x_offset_": scaling.offset,
            "x_scale_": scaling.scale,
            "n_iter_": training.n_iter or run.iteration,
            "history_": {name: np.array(values) for name, values in run.history.items()},
            "loss_curve_": list(run.history["objective"]),
            "best_loss_": run.best if run.iteration else min(run.history["objective"], default=np.nan),
            "best_iter_": run.best_iteration,
        }
        self.__dict__ |= draft

    def _values(self, X: Any) -> Array:
        """Return the outputs of the net (n, c) at raw rows."""
        X = validate_data(self, X, dtype=DTYPES, reset=False)
        chosen = self._settings()
        W, b, a = (part.astype(X.dtype, copy=False) for part in (self.W_, self.b_, self.a_))
        scaling = Scaling(self.x_offset_, self.x_scale_)
        net = TwoLayer(W, b, a, chosen.activation, smoothing=float(chosen.smoothing))
        out = np.empty((len(X), a.shape[1]), X.dtype)
        for rows in row_blocks(len(X), ROWS):
            out[rows] = net.outputs(scaling.apply(X[rows]))
        return out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags


def split(X: Array, Y: Array, labels: Array | None, fraction: float, seed: int) -> tuple[Array, Array, Array, Array]:
    """Leave out a share of the rows, of every class alike."""
    n = len(X)
    if int(n * fraction) < 1 or n - int(np.ceil(n * fraction)) < 1:
        raise ValueError(
            f"validation_fraction = {fraction:g} of {n} rows leaves no rows on one side: set early_stopping=False."
        )
    # With what it loads it would double the time to import the package.
    from sklearn.model_selection import train_test_split

    counts = np.zeros(1) if labels is None else np.unique(labels, return_counts=True)[1]
    # Classes too small to be shared out are not stratified.
    fits = labels is not None and counts.min() >= 2 and min(int(n * fraction), n - int(n * fraction) - 1) >= len(counts)
    parts = train_test_split(X, Y, test_size=fraction, random_state=seed, stratify=labels if fits else None)
    x, left, y, left_y = (np.ascontiguousarray(part) for part in parts)
    return x, left, y, left_y

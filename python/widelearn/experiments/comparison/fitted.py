"""A fitted model with its preparation, as one object that is saved and predicts from raw tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from widelearn import persistence
from widelearn.experiments.comparison.answers import answer, predict_in_blocks
from widelearn.experiments.comparison.scores import score, standard_error
from widelearn.experiments.errors import InputError, first_line
from widelearn.experiments.provenance import versions
from widelearn.experiments.tables.content import Content
from widelearn.experiments.tables.dialect import Dialect
from widelearn.experiments.tables.preparation import TablePreparation
from widelearn.experiments.tables.readings import Reading
from widelearn.persistence.writer import Writer

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TargetScale:
    """The mean and the scale that regression targets lose before a fit, and get back after it."""

    mean: float = 0.0
    scale: float = 1.0

    @staticmethod
    def of(y: NDArray[np.float64], weight: NDArray[np.float64] | None = None) -> TargetScale:
        """Take the (weighted) mean and standard deviation of `y`."""
        mean = float(np.average(y, weights=weight))
        scale = float(np.sqrt(np.average((y - mean) ** 2, weights=weight)))
        return TargetScale(mean, scale or 1.0)

    def forward(self, y: NDArray[Any]) -> NDArray[Any]:
        """Scale targets; codes of classes (mean 0, scale 1) stay as they are."""
        return y if self == TargetScale() else (y - self.mean) / self.scale

    def back(self, prediction: NDArray[Any]) -> NDArray[Any]:
        """Undo `forward`."""
        return prediction if self == TargetScale() else prediction * self.scale + self.mean


@dataclass
class FittedModel:
    """Preparation and model in one: predicts the target from raw rows."""

    preparation: TablePreparation
    model: Any
    scale: TargetScale
    # The labels behind the model's codes; None for regression.
    classes: list[Any] | None
    target: Reading
    # The row of results.json that this model is, and the versions it was fitted with.
    about: dict[str, Any]
    # Whether the model takes the preparation's native columns: missing numbers as nan, categories as codes.
    native: bool = False
    # How the training table was read; later ones are read alike.
    dialect: Dialect = field(default_factory=Dialect)

    @property
    def task(self) -> str:
        """Return "classification" or "regression"."""
        return "regression" if self.classes is None else "classification"

    def changed_versions(self) -> list[str]:
        """Say which packages that the model depends on have changed since it was fitted."""
        then, now = self.about["versions"], versions()
        names = [name for name in ("widelearn", "scikit-learn", "numpy") if then.get(name) != now.get(name)]
        return [f"{name} {then.get(name)} (now {now.get(name)})" for name in names]

    def predict(self, frame: pd.DataFrame) -> NDArray[Any]:
        """Predict one label or number for each raw row, from the columns that the model uses, in any order."""
        prediction = self.scale.back(predict_in_blocks(self.model, self._columns(frame)))
        return prediction if self.classes is None else np.array(self.classes)[prediction.astype(np.intp)]

    def predict_proba(self, frame: pd.DataFrame) -> NDArray[Any] | None:
        """Return a probability for each raw row and class, in the order of `classes`; None for a model without."""
        if self.classes is None or not hasattr(self.model, "predict_proba"):
            return None
        return answer(self.model, self._columns(frame), len(self.classes)).probability

    def predict_interval(self, frame: pd.DataFrame, level: float = 0.9) -> NDArray[Any] | None:
        """Return a lower and an upper bound for each raw row, (n, 2); None for a model without."""
        if self.classes is not None or not hasattr(self.model, "predict_interval"):
            return None
        try:
            return self.scale.back(np.asarray(self.model.predict_interval(self._columns(frame), level)))
        except InputError:
            raise
        except ValueError as error:
            raise InputError(f"no intervals: {first_line(error)}") from error

    def _columns(self, frame: pd.DataFrame) -> NDArray[Any]:
        return self.preparation.native(frame) if self.native else self.preparation.transform(frame)

    def save(self, path: str | Path) -> None:
        """Write it as `load` reads it, whole or not at all; ValueError names what cannot be kept."""
        persistence.save(self, path)

    def score(self, frame: pd.DataFrame, prediction: NDArray[Any]) -> tuple[float, float, int] | None:
        """Return score, standard error and number of rows with a target, None for a table without one.

        InputError says that its numbers are written otherwise than the fitted ones.
        """
        if self.target.name not in frame.columns:
            return None
        column = frame[self.target.name]
        Content.of(self.target, column, check=True)
        truth = self.target.text(column) if self.target.kind == "text" else self.target.numbers(column)
        known = np.array([cell is not None and cell == cell for cell in truth])
        if known.sum() < 2:
            return None
        y, predicted = truth[known], prediction[known]
        if self.target.kind == "text":
            y, predicted = y.astype(str), predicted.astype(str)
        return score(self.task, y, predicted), standard_error(self.task, y, predicted), int(known.sum())


def load(path: str | Path) -> FittedModel:
    """Read a model that ``widelearn compare --save`` wrote; no code that it brings is run."""
    path = Path(path)
    try:
        model = persistence.load(path)
    except FileNotFoundError as error:
        raise InputError(f"no such file: {path}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or first_line(error)}") from error
    except ValueError as error:
        raise InputError(str(error)) from error
    if not isinstance(model, FittedModel):
        what = type(model).__name__
        raise InputError(
            f"{path} holds a {what} alone, no model of `widelearn compare --save`: wl.load reads it in Python"
        )
    return model


def check_kept(name: str, model: Any) -> None:
    """Refuse to compare with --save what could not be saved, before anything is fitted."""
    try:
        Writer(model)
    except ValueError as error:
        raise InputError(f"--save cannot keep {name} if it is chosen: {error}") from error

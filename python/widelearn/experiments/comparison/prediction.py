"""The command ``widelearn predict``: a saved model, a new table, a row of output for each row of it."""

from __future__ import annotations

import sys
import warnings
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from widelearn.experiments import store
from widelearn.experiments.comparison import fitted
from widelearn.experiments.comparison.fitted import FittedModel
from widelearn.experiments.errors import (
    InputError,
    complain,
    counted,
    first_line,
    listing,
    require,
    shown_lines,
    visible,
)
from widelearn.experiments.tables import table as tables
from widelearn.experiments.tables.content import Content
from widelearn.experiments.tables.options import dialect

if TYPE_CHECKING:
    import pandas as pd


def run_predict(options: Namespace) -> int:
    """Predict a table's rows with a saved model; return the exit code."""
    out = None if options.out is None else _free(options)
    model = _loaded(options.model)
    if options.file.lower().endswith((".parquet", ".pq")):
        require("pyarrow")
    table = tables.read(options.file, dialect(options, model.dialect), encoding=options.encoding)
    id_column = None if options.id is None else table.column(options.id, "--id")
    _check_width(model, table)
    with _in_doubt(options):
        for note in table.notes + model.preparation.doubts(table.frame):
            complain(f"note: {note}")
        found = predicted(model, table.frame, id_column, probabilities=options.proba, level=options.interval)
    text = found.to_csv(index=False)
    if out is None:
        sys.stdout.write(shown_lines(text) if sys.stdout.isatty() else text)
    else:
        store.write_text(out, text)
    with _in_doubt(options):
        _tell_score(model, table.frame, found[model.target.name].to_numpy())
    return 0


@contextmanager
def _in_doubt(options: Namespace) -> Iterator[None]:
    """Say in one line that a model's parts do not fit each other, as those of an edited file."""
    try:
        yield
    except InputError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        why = f"{type(error).__name__}: {first_line(error)}"
        raise InputError(
            f"{options.model} does not predict {options.file} ({why}): its parts do not fit each other, as if the file"
            " was edited: save the model again"
        ) from error


def _check_width(model: FittedModel, table: tables.Table) -> None:
    """Refuse a table without names whose columns are others than those of the training table, but for its target."""
    fitted, now = model.dialect.width, table.frame.shape[1]
    last = f"column {fitted}" == model.target.name
    if model.dialect.header is False and fitted is not None and now != fitted and not (last and now == fitted - 1):
        less = " (or one less, without its last one, the target)" if last else ""
        raise InputError(
            f"{table.name} has {counted(now, 'column')} and no names, the model's table had {fitted}{less}: give all of"
            " them, in the same order"
        )


def _free(options: Namespace) -> Path:
    """Return where predictions go; refuse a folder, a file that is there, and the model and the table in any case."""
    out = Path(options.out)
    if out.is_dir():
        raise InputError(f"--out {out} is a directory: name a file")
    if not out.parent.is_dir():
        raise InputError(f"--out {out}: there is no directory {out.parent}")
    for what, path in (("model", Path(options.model)), ("table", Path(options.file))):
        if out.exists() and path.exists() and out.samefile(path):
            raise InputError(f"--out {out} would replace the {what} itself")
    if out.exists() and not options.force:
        raise InputError(f"--out {out} exists: add --force to replace it")
    return out


def _tell_score(model: FittedModel, frame: pd.DataFrame, prediction: Any) -> None:
    """Print the score of a table that holds the target; say which of its cells are no target."""
    try:
        scored = model.score(frame, prediction)
    except InputError as error:
        complain(f"note: no score: {error}")
        return
    if model.target.name not in frame.columns:
        return
    name = visible(repr(model.target.name))
    words = Content.of(model.target, frame[model.target.name]).texts if model.target.kind != "text" else ()
    if lost := [text for text in words if text is not None]:
        complain(f"note: {name}: {counted(len(lost), 'cell')} no {model.target.kind}: {listing(map(repr, lost), 3)}")
    if scored is not None:
        value, spread, rows = scored
        metric = "r2" if model.classes is None else "accuracy"
        sys.stderr.write(f"{metric} {value:.4f} ± {spread:.4f} on the {rows:,} rows with {name}\n")


def _loaded(path: str) -> FittedModel:
    """Read the model; say what may be otherwise than when it was fitted."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = fitted.load(path)
    for said in sorted({first_line(str(warning.message)) for warning in caught}):
        complain(said)
    if not isinstance(model.about.get("versions"), dict):
        raise InputError(f"{path} does not say by which versions it was made: it was edited, save the model again")
    if changed := model.changed_versions():
        complain(f"the model was fitted with {', '.join(changed)}: compare it again if unsure")
    return model


def predicted(
    model: FittedModel,
    frame: pd.DataFrame,
    id_column: str | None = None,
    *,
    probabilities: bool = False,
    level: float | None = None,
) -> pd.DataFrame:
    """Return a row for each row of a table, in its order.

    Parameters
    ----------
    model : FittedModel
    frame : pandas.DataFrame
    id_column : str or None
        A column of the table that stands first.
    probabilities : bool
        Whether the probability of each class follows.
    level : float or None
        The share of rows that bounds are to hold.

    Returns
    -------
    pandas.DataFrame
        The id, the prediction under the target's name, its bounds, probabilities.

    Raises
    ------
    InputError
        The model gives no probabilities or bounds, or the id bears the target's name.
    """
    import pandas as pd

    target = model.target.name
    if id_column == target:
        raise InputError(f"--id names the target {target!r}, whose column holds the predictions")
    found: dict[str, Any] = {} if id_column is None else {id_column: frame[id_column].to_numpy()}
    found[target] = model.predict(frame)
    row = model.about["row"]["model"]
    if level is not None:
        interval = model.predict_interval(frame, level)
        if interval is None:
            raise InputError(
                f"--interval: the model {row} gives no intervals, kernel ridge for numbers does: leave it out"
            )
        found |= {f"{target} lower": interval[:, 0], f"{target} upper": interval[:, 1]}
    if probabilities:
        shares = model.predict_proba(frame)
        if shares is None:
            what = "predicts numbers" if model.classes is None else "gives labels alone"
            raise InputError(f"--proba: the model {row} {what}, no probabilities: leave --proba out")
        found |= {f"probability of {label}": shares[:, place] for place, label in enumerate(model.classes or ())}
    return pd.DataFrame(found)

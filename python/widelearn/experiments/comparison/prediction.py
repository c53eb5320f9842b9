"""The command ``widelearn predict``: a saved model, a new table, a row of output for each row of it."""

from __future__ import annotations

import sys
import warnings
from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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

    from widelearn.experiments.tables.preparation import TablePreparation


def run_predict(options: Namespace) -> int:
    """Predict a table's rows with a saved model; return the exit code."""
    out = None if options.out is None else _free(options)
    model = _loaded(options.model)
    if options.file.lower().endswith((".parquet", ".pq")):
        require("pyarrow")
    table = tables.read(options.file, dialect(options, model.dialect), encoding=options.encoding)
    id_column = None if options.id is None else table.column(options.id, "--id")
    for note in table.notes + check_columns(model.preparation, table.frame):
        complain(f"note: {note}")
    found = predicted(model, table.frame, id_column, probabilities=options.proba, level=options.interval)
    text = found.to_csv(index=False)
    if out is None:
        sys.stdout.write(shown_lines(text) if sys.stdout.isatty() else text)
    else:
        store.write_text(out, text)
    _tell_score(model, table.frame, found[model.target.name].to_numpy())
    return 0


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


def check_columns(preparation: TablePreparation, frame: pd.DataFrame) -> list[str]:
    """Refuse a table whose columns are not those of the training table; note values that the model never saw.

    Parameters
    ----------
    preparation : TablePreparation
        As it was fitted.
    frame : pandas.DataFrame

    Returns
    -------
    list of str

    Raises
    ------
    InputError
        Columns are missing, or hold another kind of values; the message names them.
    """
    readings = preparation._readings
    if absent := [reading.name for reading in readings if reading.name not in frame.columns]:
        more = f", which has {listing(frame.columns, 12)}"
        raise InputError(f"the table lacks columns that the model uses: {listing(absent)}{more}")
    notes = []
    for reading, labels, others in zip(readings, preparation._labels, preparation._others, strict=True):
        read = Content.of(reading, frame[reading.name])
        unknown = Counter(text for text in read.texts if text is not None and text not in set(labels))
        count, some = unknown.total(), listing(map(repr, sorted(unknown)), 3)
        if reading.kind != "text" and count > 0.5 * read.known:
            raise InputError(
                f"column {reading.name!r} held {reading.kind}s in the training table, and {count} of its"
                f" {read.known} cells are none here ({some}): give a table with the same columns"
            )
        if reading.kind == "text" and count == read.known > 0 and _numbers(unknown) and not _numbers(labels):
            raise InputError(
                f"column {reading.name!r} held words in the training table such as {listing(map(repr, labels), 3)}, and"
                f" numbers here ({some}): give a table with the same columns"
            )
        if count:
            instead = (
                "missing" if reading.kind != "text" else "one of the rare values" if others else "none of those known"
            )
            notes.append(f"{reading.name!r}: {counted(count, 'cell')} never seen, taken as {instead}: {some}")
    return notes


def _numbers(texts: Any) -> bool:
    """Whether every text is a number."""
    try:
        return bool(np.isfinite([float(text) for text in texts if text is not None]).all())
    except ValueError:
        return False

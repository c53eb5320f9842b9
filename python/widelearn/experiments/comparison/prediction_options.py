"""The options of ``widelearn predict``."""

import argparse
from typing import Any

from widelearn.experiments.tables.options import add_file_options

PREDICT = """\
Predict from a table with a model that `widelearn compare --save` wrote: a line for each row of FILE, in its order. FILE
is read as the training table was. MODEL holds data alone, and reading it runs no code."""


def add_predict(commands: Any) -> None:
    """Add the command ``predict`` to the subparsers `commands`."""
    predict = commands.add_parser("predict", help="predict from a table with a saved model", description=PREDICT)
    predict.set_defaults(run="comparison.prediction:run_predict", needs=("pandas",))
    add = predict.add_argument
    add("model", metavar="MODEL", help="written by `widelearn compare --save`")
    add("file", metavar="FILE", help="a table with the columns of the training table, in any order")
    add("--id", metavar="COL", help="a column of FILE that stands first in the output")
    add("--proba", action="store_true", help="the probability of each class, too")
    add(
        "--interval",
        metavar="LEVEL",
        nargs="?",
        const=0.9,
        type=level,
        help="bounds that hold this share (0.9) of rows",
    )
    add("--out", metavar="CSV", help="write predictions to this file (default: standard output)")
    add("--force", action="store_true", help="let --out replace a file")
    add_file_options(
        predict.add_argument_group("reading FILE", "where it is written otherwise than the training table")
    )


def level(text: str) -> float:
    """Read a share between 0 and 1."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value

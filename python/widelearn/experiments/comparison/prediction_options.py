"""The options of ``widelearn predict``."""

from typing import Any

PREDICT = """\
Predict from a table with a model that `widelearn compare --save` wrote. MODEL is a pickle: reading it runs code that it
holds, so use only models from people you trust."""


def add_predict(commands: Any) -> None:
    """Add the command ``predict`` to the subparsers `commands`."""
    predict = commands.add_parser("predict", help="predict from a table with a saved model", description=PREDICT)
    predict.set_defaults(run="comparison.command:run_predict", needs=("pandas",))
    add = predict.add_argument
    add("model", metavar="MODEL", help="written by `widelearn compare --save`; a pickle, so it can run code")
    add("file", metavar="FILE", help="a table with the columns of the training table, in any order")
    add("--out", metavar="CSV", help="write predictions to this file (default: standard output)")
    add("--force", action="store_true", help="let --out replace a file")

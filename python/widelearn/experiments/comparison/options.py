"""The options of ``widelearn compare``."""

from typing import Any

from widelearn.experiments import arguments
from widelearn.experiments.comparison.scores import ALL
from widelearn.experiments.tables.options import add_reading_options
from widelearn.experiments.tables.table import BUILTIN

COMPARE = """\
Tune and compare sixteen methods on one table. Eight are of this package: ridge, random features, Fourier features, NTK
and RBF kernel ridge, a quadratic Taylor model, a two-layer network and the recursive feature machine. Seven are
scikit-learn's: ridge, logistic regression, kernel ridge, RBFSampler + ridge, a random forest, HistGradientBoosting and
a neural network; the last is a baseline that looks at no column. A quarter of the rows is held out. Every method tries
a fixed number of settings on the same part of the rest, and the one with the best cross-validated score is chosen; the
held-out scores take no part in that. A folder keeps report.html, results.json, predictions.csv and figures."""


def add_compare(commands: Any) -> None:
    """Add the command ``compare`` to the subparsers `commands`."""
    compare = commands.add_parser("compare", help="tune and compare methods on one table", description=COMPARE)
    compare.set_defaults(run="comparison.command:run_compare", needs=("rich", "pandas", "matplotlib", "jinja2"))
    add = compare.add_argument
    add(
        "file",
        metavar="FILE",
        nargs="?",
        help="text (.csv, .tsv, .txt, .data, also .gz, .bz2, .xz; - for stdin), .xlsx, .arff, .jsonl, .parquet, .npz",
    )
    add("--data", choices=BUILTIN, help="a table of scikit-learn instead of FILE (default: digits)")
    add("--target", metavar="COL", help="the column to predict")
    add(
        "--task",
        choices=("auto", "classification", "regression"),
        default="auto",
        help="default: by the target",
    )
    add(
        "--weight",
        metavar="COL",
        help="sample weights, for every score, and every fit but those that the notes name",
    )
    add("--group", metavar="COL", help="rows of one group stay on one side of the split and of every fold")
    add("--time", metavar="COL", help="hold out the latest rows by this date or number")
    add(
        "--test-size",
        metavar="SIZE",
        type=arguments.size,
        default=0.25,
        help="share or number of rows held out (default: 0.25)",
    )
    add("--drop-rare", action="store_true", help="leave out classes with fewer than 5 rows")
    add("--id", metavar="COL", help="names of rows, which stand beside predictions and are no feature")
    add("--metric", metavar="NAME", help=f"chooses and ranks: {', '.join(ALL)} (default: accuracy, r2)")
    add(
        "--repeat",
        metavar="K",
        type=arguments.positive,
        default=1,
        help="hold out K times, by seeds N, N + 1, ...; scores are means (default: 1)",
    )
    add("--class-weight", choices=("balanced",), help="let all classes count alike in the fits")
    add("--time-limit", metavar="S", type=arguments.seconds, help="seconds for all methods, shared equally")
    add("--models", "--only", metavar="A,B,...", help="compare these only; an unknown name lists all")
    add("--model", metavar="MODULE:OBJECT", action="append", default=[], help="compare your own estimator, too")
    add("--seed", metavar="N", type=arguments.seed, default=0, help="for the split and every method (default: 0)")
    add("--threads", metavar="N", type=arguments.positive, help="threads for each method (default: all cores)")
    add("--save", metavar="MODEL", help="save the chosen model, for `widelearn predict`")
    add("--out", metavar="DIR", help="folder for results (default: first free of widelearn-compare, -2, ...)")
    add("--force", action="store_true", help="let --out and --save replace files")
    add(
        "--resume",
        action="store_true",
        help="continue a run into --out, or add methods to it; what is there is kept",
    )
    add("--quiet", action="store_true", help="no progress bar")
    add_reading_options(compare)

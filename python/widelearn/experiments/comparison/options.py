"""The options of ``widelearn compare``."""

from typing import Any

from widelearn.experiments import arguments
from widelearn.experiments.tables.options import add_reading_options
from widelearn.experiments.tables.table import BUILTIN

COMPARE = """\
Tune and compare twelve methods on one table. Eight are of this package: ridge, random features, Fourier features, NTK
and RBF kernel ridge, a quadratic Taylor model, a two-layer network and the recursive feature machine. Four are
scikit-learn's: Ridge, KernelRidge, RBFSampler + Ridge and HistGradientBoosting. A quarter of the rows is held out, and
everything is tuned on the rest alone. Results go to a table, results.json and compare.png."""


def add_compare(commands: Any) -> None:
    """Add the command ``compare`` to the subparsers `commands`."""
    compare = commands.add_parser("compare", help="tune and compare twelve methods on one table", description=COMPARE)
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
    add("--weight", metavar="COL", help="sample weights, for the fits of methods that take them and for every score")
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
    add("--models", "--only", metavar="A,B,...", help="compare these only; an unknown name lists all")
    add("--seed", metavar="N", type=arguments.seed, default=0, help="for the split and every method (default: 0)")
    add("--threads", metavar="N", type=arguments.positive, help="threads for each method (default: all cores)")
    add("--save", metavar="MODEL", help="save the model with the best held-out score, for `widelearn predict`")
    add("--out", metavar="DIR", help="folder for results (default: first free of widelearn-compare, -2, ...)")
    add("--force", action="store_true", help="let --out and --save replace files")
    add("--resume", action="store_true", help="continue a stopped run into --out; what it finished is kept")
    add("--quiet", action="store_true", help="no progress bar")
    add_reading_options(compare)

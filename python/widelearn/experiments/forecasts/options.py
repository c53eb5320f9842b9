"""The options of ``widelearn forecast``."""

from typing import Any

from widelearn.experiments import arguments
from widelearn.experiments.tables.options import add_reading_options

# Rows that are looked at unless the user says otherwise; more cost the cube of their number.
ROWS = 2000
FORECAST = """\
Forecast what more rows of a table would do to the error of kernel ridge regression, with the tangent kernel of a
network and the Gaussian kernel: from the left-out errors of some rows, with a 90 % band, or the reason why there is no
forecast. A folder keeps forecast.json, the figure as PNG and SVG, and its rows as CSV."""


def add_forecast(commands: Any) -> None:
    """Add the command ``forecast`` to the subparsers `commands`."""
    parser = commands.add_parser("forecast", help="forecast the error with more rows", description=FORECAST)
    parser.set_defaults(run="forecasts.command:run_forecast", needs=("rich", "pandas", "matplotlib"))
    add = parser.add_argument
    add("file", metavar="FILE", help="a table, as of widelearn compare")
    add("--target", metavar="COL", help="the column to predict")
    tasks = ("auto", "classification", "regression")
    add("--task", choices=tasks, default="auto", help="default: by the target")
    add("--rows", metavar="N", type=arguments.positive, default=ROWS, help=f"rows to look at (default: {ROWS:,})")
    add("--until", metavar="N", type=arguments.positive, help="most rows to forecast for (default: ten times --rows)")
    add("--drop-rare", action="store_true", help="leave out classes with fewer than 5 rows")
    add("--seed", metavar="N", type=arguments.seed, default=0, help="which rows are looked at (default: 0)")
    add("--out", metavar="DIR", help="folder for results (default: first free of widelearn-forecast, -2, ...)")
    add("--force", action="store_true", help="let --out replace files")
    add_reading_options(parser)

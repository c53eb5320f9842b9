"""The command ``widelearn forecast``."""

from argparse import Namespace
from typing import Any

import numpy as np

from widelearn import plots
from widelearn.experiments import report_page, store
from widelearn.experiments.errors import InputError, listing, require, visible
from widelearn.experiments.forecasts.answers import NAMES, asked, described, sentences
from widelearn.experiments.provenance import versions
from widelearn.experiments.tables import table as tables
from widelearn.experiments.tables.options import dialect
from widelearn.experiments.tables.problem import Request, build
from widelearn.forecast import Forecast
from widelearn.forecast.problems import FEWEST, MOST_ROWS
from widelearn.forecast.samples import FEWEST_ROWS

SCHEMA = "widelearn-forecast/1"
POINTS = 12


def run_forecast(options: Namespace) -> int:
    """Forecast, print the table, write the files; return the exit code."""
    if options.file.lower().endswith((".parquet", ".pq")):
        require("pyarrow")
    if not FEWEST <= options.rows <= MOST_ROWS:
        raise InputError(f"--rows {options.rows} is not between {FEWEST} and {MOST_ROWS:,}")
    with store.reserve(options.out, options.force, "widelearn-forecast") as out:
        table = tables.read(options.file, dialect(options))
        target = options.target or table.target
        if target is None:
            raise InputError(f"--target is missing: name one of the columns {listing(table.frame.columns, 12)}")
        request = Request(target, task=options.task, drop_rare=options.drop_rare, seed=options.seed)
        problem = build(table, request)
        m = len(problem.arrays["y_train"]) + len(problem.arrays["y_test"])
        if m < FEWEST:
            raise InputError(f"{table.name} has {m} usable rows: a forecast needs {FEWEST}")
        found = asked(problem, places(min(m, options.rows), options.until), options.rows, options.seed)
        said = sentences(found, problem.task, min(m, options.rows))
        rows = described(found, problem.task)
        results: dict[str, Any] = {"schema": SCHEMA, "task": problem.task, "data": problem.data, "seed": options.seed}
        results |= {"rows_seen": min(m, options.rows), "text": " ".join(said), "rows": rows, "versions": versions()}
        _write(out, found, rows, results)
    _show(table.name, rows, said)
    report_page.say(f"Results: {out / 'forecast.json'}, figure: {out / 'forecast.png'}")
    return 0


def places(m: int, until: int | None) -> list[int]:
    """Return numbers of rows from a quarter of those at hand, or half where that is too few to look at, to the most."""
    part = 4 if m // 4 >= FEWEST_ROWS else 2
    most = 10 * m if until is None else until
    if most < m // part:
        raise InputError(f"--until {most} is below {m // part}, the fewest of the {m} rows that are looked at")
    grid = np.geomspace(m // part, most, POINTS)
    return sorted({*(round(float(n)) for n in grid), m} - {0})


def _write(out: Any, found: dict[str, Forecast], rows: list[dict[str, Any]], results: dict[str, Any]) -> None:
    """Write figures, their rows and the results, whose place is taken last."""
    figure = plots.forecast_panels({NAMES[name]: one for name, one in found.items()})
    for kind in ("png", "svg"):
        store.write_figure(out / f"forecast.{kind}", figure)
    store.write_csv(out / "forecast.csv", rows)
    store.write_json(out / "forecast.json", results)


def _show(name: str, rows: list[dict[str, Any]], said: list[str]) -> None:
    """Print the forecasts as a table, and the answer in words."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(visible(name)), title_justify="left")
    table.add_column("kernel", no_wrap=True)
    for heading in ("rows", "squared error", "90 % band", "wrong", "alpha"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        if row["test"] is None:
            table.add_row(row["kernel"], f"{row['n']:,}", "refused", "", "", "")
            continue
        wrong = "" if row.get("error_rate") is None else f"{row['error_rate']:.3f}"
        band = f"{row['lower']:.3g} to {row['upper']:.3g}"
        table.add_row(row["kernel"], f"{row['n']:,}", f"{row['test']:.3g}", band, wrong, f"{row['alpha']:.3g}")
    page = report_page.console()
    page.print(table)
    for kernel, n, reason in ((row["kernel"], row["n"], row["reason"]) for row in rows if row["reason"]):
        report_page.say(f"{kernel} at {n:,} rows: {reason}")
        break
    for sentence in said:
        report_page.say(sentence)

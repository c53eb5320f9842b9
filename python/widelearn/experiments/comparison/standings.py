"""What the rows of a comparison mean: their order, who is ahead of whom, and how sure that is, in words."""

from __future__ import annotations

import math
from typing import Any

from widelearn.experiments.errors import counted, listing
from widelearn.plots import METRICS

Results = dict[str, Any]
Row = dict[str, Any]

# Fewer standard errors than so many tell no two methods apart.
SURE = 2.0


def ranked(results: Results) -> list[Row]:
    """Return the rows with the best cross-validated score first, those without one last; ties keep their order."""
    sign = 1.0 if results["greater_is_better"] else -1.0

    def place(row: Row) -> float:
        return math.inf if row["cv_score"] is None else -sign * row["cv_score"]

    return sorted(results["rows"], key=place)


def headline(results: Results) -> str:
    """Say in one line what was compared on what."""
    data, split = results["data"], results["split"]
    how = {
        "stratified": "at random, stratified",
        "random": "at random",
        "group": f"by {split.get('group')!r}",
        "time": f"latest by {split.get('time')!r}",
    }
    classes = f" of {len(data['classes'])} classes" if data["classes"] else ""
    times = f", {results['repeat']} splits" if results["repeat"] > 1 else ""
    return (
        f"{data['name']}: {results['task']}{classes}, {data['n_columns']:,} columns ({data['n_features']:,} prepared), "
        f"{split['n_train']:,} training rows, {split['n_test']:,} held out {how[split['kind']]}{times}, "
        f"seed {results['seed']}"
    )


def verdict(results: Results) -> list[str]:
    """Say what was chosen, how it does on rows that it never saw, and how sure its lead is."""
    rows = {row["model"]: row for row in results["rows"]}
    chosen = rows.get(results["chosen"])
    if chosen is None:
        return ["No method was chosen: none has a cross-validated score."]
    metric = METRICS[results["metric"]]
    best = "best" if results["greater_is_better"] else "least"
    texts = [f"Chosen is {chosen['model']}, by the {best} cross-validated {metric}: {measured(chosen, 'cv')}."]
    mean = f", mean of {results['repeat']} splits" if results["repeat"] > 1 else ""
    held_out = counted(results["split"]["n_test"], "held-out row")
    texts.append(f"On {held_out} that took no part in the choice{mean}: {metric} {held_out_score(chosen)}.")
    return texts + [text for text in (_over_dummy(results, chosen), _runner_up(results)) if text]


def measured(row: Row, prefix: str) -> str:
    """Write the score of a kind ("cv" or "") with its standard error: 0.9876 ± 0.0051."""
    value, error = row[f"{prefix}_score".lstrip("_")], row["cv_se" if prefix else "score_se"]
    return with_error(value, error)


def with_error(value: float | None, error: float | None) -> str:
    """Write a number with its standard error: 0.9880 ± 0.0050; alone where rows without spread tell of no error."""
    if value is None:
        return "undefined"
    return f"{number(value)} ± {number(error)}" if error else number(value)


def number(value: float) -> str:
    """Write a number with four decimals below 10, with five digits above; what rounds to 0 has no sign."""
    text = f"{value:.4f}" if abs(value) < 10 else f"{value:,.1f}" if abs(value) < 1e6 else f"{value:.5g}"
    return text.lstrip("-") if text == "-0.0000" else text


def held_out_score(row: Row) -> str:
    """Write a row's held-out score with its 95 % interval, or its standard error where it has none."""
    if row["score"] is None or row["interval"] is None:
        return measured(row, "")
    low, high = row["interval"]
    return f"{number(row['score'])} (95 % interval {number(low)} to {number(high)})"


def lead(results: Results, row: Row, key: str) -> tuple[float, float | None] | None:
    """Return by how much a row is ahead (behind below 0) in `key`, "difference" or "over_dummy", and its error."""
    found = row[key]
    if found is None or found["value"] is None:
        return None
    return (found["value"] if results["greater_is_better"] else -found["value"]), found["se"]


def apart(value: float, error: float | None) -> bool | None:
    """Whether a difference is more than two standard errors from none; None if its error is unknown."""
    return None if error is None else abs(value) > SURE * error


def _over_dummy(results: Results, chosen: Row) -> str:
    if chosen["model"] == results["dummy"]:
        return "That is the baseline, which looks at no column: no method learned anything that could be shown."
    found = lead(results, chosen, "over_dummy")
    if found is None:
        return ""
    value, error = found
    side = "better" if value >= 0 else "worse"
    text = (
        f"That is {with_error(abs(value), error)} {side} than the baseline {results['dummy']}, which looks at no column"
    )
    if apart(value, error):
        return f"{text}."
    why = "and its error is unknown" if error is None else "too little to tell the two apart"
    return f"{text}, {why}."


def _runner_up(results: Results) -> str:
    """Compare the chosen method with the next one, and name all that are as good as it."""
    others = [row for row in ranked(results) if row["model"] not in {results["chosen"], results["dummy"]}]
    scored = [row for row in others if lead(results, row, "difference") is not None]
    if not scored:
        return ""
    value, error = lead(results, scored[0], "difference") or (0.0, None)
    gap = with_error(abs(value), error)
    where = "behind" if value <= 0 else "ahead"
    sure = apart(value, error)
    told = "" if sure else ": the two cannot be told apart" if sure is False else ", with an unknown error"
    text = f"The runner-up, {scored[0]['model']}, is {gap} {where} of it on the same held-out rows{told}."
    text = text.replace("behind of it", "behind it")
    equal = [row["model"] for row in scored if apart(*(lead(results, row, "difference") or (0.0, None))) is False]
    if len(equal) > 1:
        text += f" Not to be told from it are {listing(equal)}."
    return text

"""How forecasts are scored over splits of tables: shares of them, medians of their errors, each with a power check."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from widelearn.experiments.studies.ensembles import Array
from widelearn.experiments.studies.judging import FEWEST, NO_ROWS, PRECISE, Control, Judged, Verdict, exchanged
from widelearn.experiments.studies.rows import Rows

# What a draw finds: logarithms of a forecast over the measured error, NaN where it is refused; half the band's width,
# the measured error's own, the regret of the chosen penalty, and whether nothing is said to be learned.
RATIO, HALF, OWN_ERROR, REGRET, NOTHING = "forecast", "half band", "measured error", "regret", "nothing learned"
# The forecast over the error at tested rows that are nowhere beyond those that were looked at, and the share of others:
# a few rows far beyond may make a third of an error, and no sample without them shows it. Told, not judged.
INSIDE, OUTSIDE = "forecast, at rows in the sample's range", "rows beyond the sample's range"
# A band of 90 %, errors that count as near, and regrets that count as none.
NORMAL, NEAR, NO_REGRET = 1.645, 0.15, 0.05
# Standard error of a share that decides, and what spoils forecasts and regrets.
SURE, SPOILT = 0.1, 1.3
# Standard errors by which what is biased is so.
CLEAR = 3.0
Score = Callable[[dict[str, Array]], Array]


def draws(rows: Rows, tables: Sequence[str]) -> dict[str, Array]:
    """Return what all draws of some tables found, by series; what a cell does not have is NaN."""
    places = sorted({one["x"] for one in rows if one.get("table") in tables and "values" in one})
    names = {one["series"] for one in rows}
    found: dict[str, list[Array]] = {name: [] for name in names}
    for x in places:
        here = {
            one["series"]: np.array(one["values"], dtype=float) for one in rows if one["x"] == x and "values" in one
        }
        count = len(here[RATIO])
        for name in names:
            found[name].append(here.get(name, np.full(count, math.nan)))
    return {name: np.concatenate(parts) if parts else np.empty(0) for name, parts in found.items()}


def covers(found: dict[str, Array]) -> Array:
    """Return of every answered draw whether the band, and the measured error's own, hold the error."""
    wide = np.hypot(found[HALF], NORMAL * found[OWN_ERROR])
    return kept(np.abs(found[RATIO]) <= wide, found[RATIO])


def near(found: dict[str, Array]) -> Array:
    """Return of every answered draw whether the forecast is within 15 % of the measured error."""
    return kept(np.abs(np.expm1(found[RATIO])) <= NEAR, found[RATIO])


def answered(found: dict[str, Array]) -> Array:
    """Return of every draw whether it was answered."""
    return np.isfinite(found[RATIO]).astype(float)


def no_regret(found: dict[str, Array]) -> Array:
    """Return of every answered draw whether the chosen penalty is within 5 % of the best one's error."""
    return kept(found[REGRET] <= NO_REGRET, found[RATIO])


def silent(found: dict[str, Array]) -> Array:
    """Return of every answered draw whether nothing is said to be learned."""
    return kept(found[NOTHING] == 1.0, found[RATIO])


def refused_or_covered(found: dict[str, Array]) -> Array:
    """Return of every draw whether it was refused, or its error is in the band."""
    held = 1.0 - answered(found)
    held[held == 0.0] = covers(found)
    return held


def kept(good: NDArray[np.bool_], ratios: Array) -> Array:
    """Return the entries that were answered, as numbers."""
    return np.asarray(good[np.isfinite(ratios)], dtype=float)


def longer(rows: Rows) -> Rows:
    """Return the rows with forecasts times 1.3."""
    return changed(rows, RATIO, lambda values: values + math.log(SPOILT))


def refused(rows: Rows) -> Rows:
    """Return the rows with every other forecast refused."""
    return changed(rows, RATIO, lambda values: np.where(np.arange(len(values)) % 2 == 0, math.nan, values))


def worse(rows: Rows) -> Rows:
    """Return the rows with regrets that are larger by .3."""
    return changed(rows, REGRET, lambda values: values + SPOILT - 1.0)


def changed(rows: Rows, series: str, change: Callable[[Array], Array]) -> Rows:
    """Return the rows with other values of the draws of a series."""
    return [
        one | {"values": change(np.array(one["values"], dtype=float)).tolist()}
        if one["series"] == series and "values" in one
        else one
        for one in rows
    ]


SPOILERS: dict[Score, tuple[Callable[[Rows], Rows], str]] = {
    covers: (longer, f"forecasts × {SPOILT:g}"),
    near: (longer, f"forecasts × {SPOILT:g}"),
    answered: (refused, "every other forecast refused"),
    refused_or_covered: (longer, f"forecasts × {SPOILT:g}"),
    no_regret: (worse, f"regrets + {SPOILT - 1:.0%}"),
}


def share(text: str, score: Score, tables: Sequence[str], low: float, high: float = 1.0) -> Verdict:
    """State that the share of draws with a score, over some tables, is within bounds that were fixed before."""

    def found(rows: Rows) -> Array:
        here = draws(rows, tables)
        return score(here) if RATIO in here else np.empty(0)

    def judge(rows: Rows) -> Judged:
        hits = found(rows)
        if not len(hits):
            return NO_ROWS
        told = f"{hits.mean():.1%} of {len(hits)} draws ± {doubt(hits):.1%}"
        return low <= hits.mean() <= high, told

    def lacks(rows: Rows) -> str:
        hits = found(rows)
        if len(hits) < FEWEST:
            return f"{len(hits)} draws, at least {FEWEST}"
        return f"SE {doubt(hits):.2g} is above {SURE:g}: more draws" if doubt(hits) > SURE else ""

    return Verdict(text, judge, lacks, *SPOILERS[score])


def doubt(hits: Array) -> float:
    """Return the standard error of a share, with one hit and one miss more, so that all of few are not sure."""
    p = (hits.sum() + 1.0) / (len(hits) + 2.0)
    return float(np.sqrt(p * (1.0 - p) / len(hits)))


def unbiased(text: str, table: str, most: float) -> Verdict:
    """State that the mean log error of answered forecasts is nearer to 0 than a bound."""

    def answers(rows: Rows) -> Array:
        here = draws(rows, [table]).get(RATIO, np.empty(0))
        return here[np.isfinite(here)]

    def judge(rows: Rows) -> Judged:
        values = answers(rows)
        if not len(values):
            return NO_ROWS
        return abs(float(values.mean())) <= most, f"mean log error {values.mean():+.3f} of {len(values)} draws"

    def lacks(rows: Rows) -> str:
        values = answers(rows)
        if len(values) < FEWEST:
            return f"{len(values)} answered draws, at least {FEWEST}"
        error = float(values.std(ddof=1) / math.sqrt(len(values)))
        return f"SE {error:.2g} is above {PRECISE:g}: more draws" if error > PRECISE else ""

    return Verdict(text, judge, lacks, longer, f"forecasts × {SPOILT:g}")


def better(text: str, rivals: Sequence[str], tables: Sequence[str]) -> Verdict:
    """State that the median absolute log error of answered forecasts is below those of all rivals at the same draws."""

    def medians(rows: Rows) -> dict[str, float]:
        here = draws(rows, tables)
        if not {RATIO, *rivals} <= here.keys() or not np.isfinite(here[RATIO]).any():
            return {}
        good = np.isfinite(here[RATIO])
        return {name: float(np.median(np.abs(here[name][good]))) for name in (RATIO, *rivals)}

    def judge(rows: Rows) -> Judged:
        found = medians(rows)
        if not found:
            return NO_ROWS
        told = "median |log error|: " + ", ".join(f"{name} {one:.3f}" for name, one in found.items())
        return all(found[RATIO] < found[name] for name in rivals), told

    def spoil(rows: Rows) -> Rows:
        found = medians(rows)
        best = min(rivals, key=lambda name: found.get(name, math.inf))
        return exchanged(RATIO, best)(rows)

    def lacks(rows: Rows) -> str:
        here = draws(rows, tables)
        count = int(np.isfinite(here.get(RATIO, np.empty(0))).sum())
        return "" if count >= FEWEST else f"{count} answered draws, at least {FEWEST}"

    return Verdict(text, judge, lacks, spoil, "the best rival in its place")


def mostly(text: str, score: Score, table: str, least: float) -> Control:
    """State, as a control, that a share of the draws of a law, or more, have a score."""

    def judge(rows: Rows) -> Judged:
        here = draws(rows, [table])
        hits = score(here) if RATIO in here else np.empty(0)
        if not len(hits):
            return NO_ROWS
        return len(hits) >= FEWEST and hits.mean() >= least, f"{hits.mean():.1%} of {len(hits)} draws"

    return Control(text, judge)


def biased(text: str, table: str, least: float) -> Control:
    """State, as a control, that the mean log error of the answered forecasts of a law is farther from 0 than a bound.

    Three standard errors of the mean must lie between them and 0, too.
    """

    def judge(rows: Rows) -> Judged:
        here = draws(rows, [table]).get(RATIO, np.empty(0))
        values = here[np.isfinite(here)]
        if not len(values):
            return NO_ROWS
        mean, wide = abs(float(values.mean())), float(values.std() / math.sqrt(max(len(values) - 1, 1)))
        told = f"mean log error {values.mean():+.3f} ± {wide:.3f} of {len(values)} draws"
        return len(values) >= FEWEST and mean > max(least, CLEAR * wide), told

    return Control(text, judge)

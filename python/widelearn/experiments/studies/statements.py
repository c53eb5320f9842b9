"""Statements about the rows of a study, each with its power check, and controls that must miss."""

import math
from collections.abc import Callable

from widelearn.experiments.studies.judging import (
    FEWEST,
    NO_ROWS,
    Control,
    Judged,
    Spoil,
    Verdict,
    error,
    exchanged,
    gap,
    lacking,
    means,
    multiplied,
)
from widelearn.experiments.studies.rows import Row, Rows, Theory, of

Place = float | Callable[[float], bool] | None
# Equality allows this many standard errors, and a control must miss by that many.
EQUAL, APART = 3.0, 10.0
# Theory times this must be refused; where it predicts an accuracy, its error rate times this.
POWER = 1.1


def equal(text: str, *series: str, share: float, at: Place = None, accuracy: bool = False) -> Verdict:
    """State that simulation is theory at every place, within max(3 standard errors, a share of the prediction).

    Power: theory times 1.1 must fail. For an accuracy, share and factor are of the predicted error rate.
    """
    best = 1.0 if accuracy else 0.0

    def size(one: Row) -> float:
        return math.nan if one["theory"] is None else abs(one["theory"] - best)

    def miss(one: Row) -> float:
        allowed = max(EQUAL * error(one), share * size(one), 1e-300)
        return math.inf if one["theory"] is None else float(abs(one["simulation"] - one["theory"]) / allowed)

    def judge(rows: Rows) -> Judged:
        chosen = of(rows, *series, at=at)
        if not chosen:
            return NO_ROWS
        worst = max(chosen, key=miss)
        return miss(worst) <= 1, f"{_counted(chosen)}, {EQUAL:g} SE or {share:.0%}; {_show('worst', worst)}"

    def lacks(rows: Rows) -> str:
        return lacking((one, error(one), size(one)) for one in of(rows, *series, at=at))

    def spoil(rows: Rows) -> Rows:
        known = [one for one in rows if one["theory"] is not None]
        return [one | {"theory": best + POWER * (one["theory"] - best)} for one in known]

    return Verdict(text, judge, lacks, spoil, f"{'error rate' if accuracy else 'theory'} × {POWER:g}")


def close(text: str, series: str, other: str, share: float, at: Place = None) -> Verdict:
    """State that a simulated series is another within max(3 standard errors, a share), draw by draw.

    Power: 1.1 times the other must fail.
    """

    def judge(rows: Rows) -> Judged:
        found = _pairs(rows, series, (other,), at)
        if not found:
            return NO_ROWS
        gaps = [(*gap(one, two), abs(two["simulation"])) for one, two in found]
        held = all(abs(mean) <= max(EQUAL * wide, share * size) for mean, wide, size in gaps)
        return held, f"{means([one for one, _ in found])} and {means([two for _, two in found])}"

    def lacks(rows: Rows) -> str:
        found = _pairs(rows, series, (other,), at)
        return lacking((one, gap(one, two)[1], abs(two["simulation"])) for one, two in found)

    return Verdict(text, judge, lacks, multiplied(other, POWER), f"{other} × {POWER:g}")


def at_most(text: str, *series: str, bound: float, rival: str, at: Place = None) -> Verdict:
    """State that every mean is 3 standard errors below a bound. Power: the rival in the first one's place must fail."""
    return _bounded(text, series, bound, rival, at, 1.0)


def at_least(text: str, *series: str, bound: float, rival: str, at: Place = None) -> Verdict:
    """State that every mean is 3 standard errors above a bound. Power: the rival in the first one's place must fail."""
    return _bounded(text, series, bound, rival, at, -1.0)


def _bounded(text: str, series: tuple[str, ...], bound: float, rival: str, at: Place, sign: float) -> Verdict:
    def judge(rows: Rows) -> Judged:
        chosen = of(rows, *series, at=at)
        if not chosen:
            return NO_ROWS
        held = all(sign * (bound - one["simulation"]) >= EQUAL * error(one) for one in chosen)
        return held, f"{means(chosen)}; the bound is {bound:.4g}"

    def lacks(rows: Rows) -> str:
        chosen = of(rows, *series, at=at)
        return lacking((one, error(one), max(abs(bound), abs(one["simulation"]))) for one in chosen)

    return Verdict(text, judge, lacks, exchanged(series[0], rival), f"{rival} in its place")


def less(text: str, series: str, *rivals: str, factor: float = 1.0, at: Place = None) -> Verdict:
    """State that `factor` times a series is below every rival by 3 standard errors, draw by draw.

    Power: exchanged with the first rival, it must fail; name the best one first.
    """
    return _ordered(text, series, rivals, factor, at, 1.0)


def more(text: str, series: str, *rivals: str, factor: float = 1.0, at: Place = None) -> Verdict:
    """State that `factor` times a series is above every rival by 3 standard errors, draw by draw.

    Power: exchanged with the first rival, it must fail; name the best one first.
    """
    return _ordered(text, series, rivals, factor, at, -1.0)


def _ordered(text: str, series: str, rivals: tuple[str, ...], factor: float, at: Place, sign: float) -> Verdict:
    def judge(rows: Rows) -> Judged:
        found = _pairs(rows, series, rivals, at)
        if not found:
            return NO_ROWS
        gaps = [gap(one, other, factor) for one, other in found]
        held = all(sign * mean > EQUAL * wide for mean, wide in gaps)
        return held, f"{means([one for one, _ in found])} against {means([other for _, other in found])}"

    def lacks(rows: Rows) -> str:
        found = _pairs(rows, series, rivals, at)
        sizes = [max(factor * abs(one["simulation"]), abs(other["simulation"])) for one, other in found]
        return lacking((one, gap(one, two, factor)[1], size) for (one, two), size in zip(found, sizes, strict=True))

    return Verdict(text, judge, lacks, exchanged(series, rivals[0]), f"{rivals[0]} in its place")


def shape(
    text: str, series: str, check: Callable[[Rows], Judged], spoil: Spoil, spoilt: str, size: float | None = None
) -> Verdict:
    """State what a function finds in the rows of a series, sorted by place; on the rows of `spoil` it must fail.

    Standard errors are held to a share of each mean, or of `size`: 1 for logarithms and exponents.
    """

    def chosen(rows: Rows) -> list[Row]:
        return sorted(of(rows, series), key=lambda one: one["x"])

    def judge(rows: Rows) -> Judged:
        return check(chosen(rows)) if chosen(rows) else NO_ROWS

    def lacks(rows: Rows) -> str:
        return lacking((one, error(one), abs(one["simulation"]) if size is None else size) for one in chosen(rows))

    return Verdict(text, judge, lacks, spoil, spoilt)


def wrong(text: str, series: str, theory: Theory, at: Place = None) -> Control:
    """State, as a control, that a wrong theory misses a series by more than 10 standard errors at every place."""

    def judge(rows: Rows) -> Judged:
        judged = [one | {"theory": theory(one)} for one in of(rows, series, at=at)]
        if not judged:
            return NO_ROWS
        misses = [
            0.0 if one["theory"] is None else abs(one["simulation"] - one["theory"]) / _least(one) for one in judged
        ]
        worst = min(range(len(judged)), key=lambda place: misses[place])
        held = misses[worst] > APART and all(one["draws"] >= FEWEST for one in judged)
        return held, f"{misses[worst]:.3g} SE; {_show('least', judged[worst])}"

    return Control(text, judge)


def apart(text: str, series: str, other: str, at: Place = None) -> Control:
    """State, as a control, that what is left out changes a series by more than 10 standard errors at every place."""

    def judge(rows: Rows) -> Judged:
        found = _pairs(rows, series, (other,), at)
        if not found:
            return NO_ROWS
        gaps = [gap(one, two) for one, two in found]
        least = min(abs(mean) / max(wide, 1e-300) for mean, wide in gaps)
        held = least > APART and all(one["draws"] >= FEWEST for pair in found for one in pair)
        ours, theirs = (means([pair[side] for pair in found]) for side in (0, 1))
        return held, f"{min(least, 1000):.3g} SE or more; {ours} and without it {theirs}"

    return Control(text, judge)


def _pairs(rows: Rows, series: str, others: tuple[str, ...], at: Place) -> list[tuple[Row, Row]]:
    """Return the rows of a series with those of others at the same places."""
    there = {(one["series"], one["x"]): one for one in of(rows, *others)}
    own = of(rows, series, at=at)
    return [(one, there[other, one["x"]]) for one in own for other in others if (other, one["x"]) in there]


def _least(one: Row) -> float:
    """Return a standard error to divide by."""
    return max(error(one), 1e-300)


def _counted(rows: Rows) -> str:
    return f"{len(rows)} point{'s' if len(rows) > 1 else ''}"


def _show(which: str, one: Row) -> str:
    theory = math.nan if one["theory"] is None else one["theory"]
    place = f"{one['series']} at {one['x']:.4g}"
    return f"{which} {place}: theory {theory:.4g}, simulation {one['simulation']:.4g} ± {error(one):.2g}"

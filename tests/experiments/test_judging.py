"""Verdicts: what they take for proof, that they have power, and that noise alone seldom fools them."""

import numpy as np
import pytest

from widelearn.experiments.studies.judging import backwards, exchanged, gap, instead
from widelearn.experiments.studies.rows import line, means, of, value
from widelearn.experiments.studies.statements import (
    apart,
    at_least,
    at_most,
    close,
    equal,
    less,
    more,
    shape,
    wrong,
)


def simulated(series, x, mean, spread, draws=25, seed=0, theory=None):
    """Rows of a series at a place; the draws have this mean, and their mean this standard error, exactly."""
    noise = np.random.default_rng([seed, draws]).standard_normal(draws)
    noise = (noise - noise.mean()) / noise.std(ddof=1) * spread * np.sqrt(draws)
    return means([value(series, x, mean + one) for one in noise], None if theory is None else lambda row: theory)


def test_rows_hold_means_of_draws():
    found = [value("ridgeless", 2, one, d=3) for one in (0.4, 0.6)]
    (one,) = means(found, lambda row: 1 / row["x"])
    assert (one["series"], one["x"], one["d"], one["theory"], one["draws"]) == ("ridgeless", 2.0, 3, 0.5, 2)
    assert one["simulation"] == pytest.approx(0.5)
    assert one["se"] == pytest.approx(0.1)
    assert one["values"] == [0.4, 0.6]
    (alone,) = means(found[:1])
    assert (alone["se"], alone["theory"]) == (None, None)
    (broken,) = means([value("a", 1, np.inf), value("a", 1, 1.0)])
    assert broken["simulation"] is None
    assert of([broken], "a") == []
    assert [one["theory"] for one in line("a", (1, 2), lambda row: row["x"] ** 2, panel="b")] == [1.0, 4.0]


@pytest.mark.parametrize("scale", [1e-8, 1.0, -3.0, 1e12])
@pytest.mark.parametrize(("off", "spread", "held"), [(0.0, 0.01, True), (0.02, 0.001, True), (0.06, 0.001, False)])
def test_equality(scale, off, spread, held):
    rows = simulated("a", 1.0, scale * (1 + off), abs(scale) * spread, theory=scale)
    claim = equal("", "a", share=0.05).claim(rows)
    assert claim.held == held
    assert not held or "theory × 1.1: fails" in claim.power


def test_equality_needs_power_and_precision():
    wide = simulated("a", 1.0, 1.0, 0.035, theory=1.0)
    assert "SE 0.035" in (claim := equal("", "a", share=0.05).claim(wide)).detail
    assert "about 35 draws" in claim.detail
    assert not claim.held
    few = simulated("a", 1.0, 1.0, 0.001, draws=4, theory=1.0)
    assert "4 draws of a, at least 5" in equal("", "a", share=0.05).claim(few).detail
    loose = equal("", "a", share=0.2).claim(simulated("a", 1.0, 1.0, 0.001, theory=1.0))
    assert not loose.held
    assert "HOLDS, TOO" in loose.power
    assert not equal("", "a", share=0.05).claim([]).held
    assert not equal("", "a", share=0.05).claim(simulated("a", 1.0, 1.0, 0.01)).held
    assert not equal("", "b", share=0.05).claim(wide).held


def test_equality_of_accuracies_is_of_error_rates():
    rows = simulated("a", 1.0, 0.992, 0.0001, theory=0.99)
    assert equal("", "a", share=0.05).judge(rows)[0]
    assert not equal("", "a", share=0.05, accuracy=True).judge(rows)[0]
    rows = simulated("a", 1.0, 0.9902, 0.0001, theory=0.99)
    claim = equal("", "a", share=0.05, accuracy=True).claim(rows)
    assert claim.held
    assert "error rate × 1.1: fails" in claim.power


def test_bounds_need_a_rival_that_fails():
    rows = (
        simulated("net", 1.0, 0.02, 0.001) + simulated("kernel", 1.0, 0.5, 0.001) + simulated("other", 1.0, 0.03, 0.001)
    )
    assert at_most("", "net", bound=0.05, rival="kernel").claim(rows).held
    assert not at_most("", "net", bound=0.05, rival="other").claim(rows).held
    assert not at_most("", "net", bound=0.05, rival="nobody").claim(rows).held
    assert not at_most("", "net", bound=0.0225, rival="kernel").claim(rows).held
    assert at_least("", "kernel", bound=0.4, rival="net").claim(rows).held
    assert not at_least("", "kernel", "net", bound=0.4, rival="other").claim(rows).held


def test_order_is_judged_draw_by_draw():
    common = np.random.default_rng(0).standard_normal(20)
    found = [value(series, 1.0, 10 + shift + one) for series, shift in (("a", 0.0), ("b", 0.5)) for one in common]
    rows = means(found)
    assert gap(*rows) == pytest.approx((0.5, 0.0), abs=1e-12)
    assert less("", "a", "b").claim(rows).held
    assert more("", "b", "a").claim(rows).held
    assert not less("", "b", "a").claim(rows).held
    assert not less("", "a", "b", factor=1.2).claim(rows).held
    assert close("", "a", "b", share=0.06).claim(rows).held
    assert not close("", "a", "b", share=0.04).claim(rows).held
    assert not close("", "a", "b", share=0.5).claim(rows).held
    assert apart("", "a", "b").claim(rows).held
    unpaired = simulated("a", 1.0, 10.0, 0.2, draws=20) + simulated("b", 1.0, 10.5, 0.2, draws=21)
    assert not less("", "a", "b").claim(unpaired).held
    assert not apart("", "a", "b").claim(unpaired).held


def test_shapes_and_spoils():
    rows = [one for x in (1.0, 2.0, 3.0) for one in simulated("a", x, x, 0.01)]
    rises = lambda found: (found[0]["simulation"] < found[-1]["simulation"], "")  # noqa: E731
    assert shape("", "a", rises, backwards("a"), "").claim(rows).held
    assert not shape("", "a", rises, exchanged("a", "b"), "").claim(rows).held
    assert shape("", "a", rises, instead("a", lambda row: -row["x"]), "").claim(rows).held
    assert not shape("", "a", rises, instead("a", lambda row: row["x"]), "").claim(rows).held
    assert shape("", "a", rises, backwards("a"), "", size=0.4).claim(rows).held
    assert not shape("", "a", rises, backwards("a"), "", size=0.1).claim(rows).held


def test_controls_miss_by_ten_standard_errors():
    rows = simulated("a", 1.0, 1.0, 0.01) + simulated("a", 2.0, 1.0, 0.02)
    assert wrong("", "a", lambda row: 1.3).claim(rows).held
    assert not wrong("", "a", lambda row: 1.15).claim(rows).held
    assert wrong("", "a", lambda row: 1.15, at=1.0).claim(rows).held
    assert not wrong("", "a", lambda row: None).claim(rows).held
    assert not wrong("", "b", lambda row: 9.0).claim(rows).held
    assert not wrong("", "a", lambda row: 9.0).claim(simulated("a", 1.0, 1.0, 0.01, draws=4)).held


def test_a_true_theory_holds_and_one_a_tenth_off_does_not():
    """400 simulations at the worst precision that is let through."""
    random = np.random.default_rng(1)
    verdict = equal("", "a", share=0.05)
    held, fooled = 0, 0
    for _ in range(400):
        rows = means([value("a", 1.0, one) for one in random.normal(1.0, 0.022 * 6, 36)], lambda row: 1.0)
        held += verdict.claim(rows).held
        fooled += verdict.claim([one | {"theory": 1.1} for one in rows]).held
    assert held > 300
    assert fooled < 40

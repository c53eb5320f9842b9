"""Tables of numbers for studies, and the intervals that refits give."""

import numpy as np
import pytest

import widelearn as wl
from widelearn.experiments.errors import InputError
from widelearn.experiments.studies import real_targets
from widelearn.experiments.studies.judging import exchanged
from widelearn.experiments.studies.real_data import interval_coverage as study


def test_own_tables_do_not_hold_their_target():
    for table in real_targets.tables(""):
        assert np.isfinite(table.X).all()
        assert (np.ptp(table.X, axis=0) > 0).all()
        assert not (table.y[:, None] == table.X).all(axis=0).any()
        assert len(table.first(50).y) == 50 == len(table.first(50).X)
        assert table.first(10**6) is table


def test_tables_of_a_folder(tmp_path):
    place = tmp_path / "plotnine" / "data"
    place.mkdir(parents=True)
    lines = ["manufacturer,model,displ,cty,hwy", "audi,a4,1.8,18,29", "audi,a5,NA,21,29", "ford,x,2.0,20,31"]
    (place / "mpg.csv").write_text("\n".join(lines))
    *own, found = real_targets.tables(str(tmp_path))
    assert (len(own), found.name) == (5, "mpg")
    np.testing.assert_array_equal(found.y, [29, 31])
    np.testing.assert_array_equal(found.X, [[1, 0, 1.8], [0, 1, 2.0]])


@pytest.mark.parametrize("name", ["", "absent"])
def test_folders_without_tables_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="no tables" if not name else "no folder"):
        real_targets.tables(str(tmp_path / name))


def test_intervals_of_refits_to_folds_of_one_row_are_those_in_closed_form(rng, monkeypatch):
    X, x = rng.standard_normal((30, 2)), rng.standard_normal((4, 2))
    y = X[:, 0] + rng.standard_normal(30)
    monkeypatch.setattr(study, "FOLDS", 30)
    model = wl.KernelRidgeCV(wl.kernels.RBF(gamma=0.5), [100.0]).fit(X, y)
    found = study.cross_validated(model, X, y, x, 0.9, rng)
    # Refits about the rows' mean have nearly the intercept of ours where the penalty is large.
    np.testing.assert_allclose(found, model.predict_interval(x), atol=0.05)


def test_verdicts_see_what_is_wrong():
    places = {study.PLUS: 0.9, study.SEEN: 0.7}
    rows = [
        {"series": name, "x": 0.0, "simulation": mean, "se": 0.01, "draws": 9, "values": [mean] * 9}
        for name, mean in places.items()
    ]
    verdict = study.between("a", study.PLUS, 0.86, 0.94, [0])
    assert verdict.claim(rows).held
    assert not verdict.claim(exchanged(study.PLUS, study.SEEN)(rows)).held
    assert verdict.claim([]).detail == "no rows"

"""Studies: every one runs quickly, its claims hold and could fail, the command line writes what it says."""

import json

import numpy as np
import pytest
from matplotlib.image import imread

import command_line
from widelearn import plots
from widelearn.experiments import studies
from widelearn.experiments.errors import InputError
from widelearn.experiments.studies.baselines import RIDGES, Rival, best_accuracy
from widelearn.experiments.studies.judging import Verdict
from widelearn.experiments.studies.runner import Order, failed, run, written
from widelearn.experiments.studies.workers import Processes
from widelearn.kernels import RBF


@pytest.fixture(scope="module")
def results():
    """Each study's quick results, run once, in two processes where warnings are errors, too."""
    made = {}
    with pytest.MonkeyPatch.context() as patch, Processes(2) as workers:
        patch.setenv("PYTHONWARNINGS", "error")

        def of(name):
            if name not in made:
                made[name] = run(Order.of(studies.find(name), quick=True), workers)
            return made[name]

        yield of


@pytest.mark.parametrize("name", studies.NAMES)
def test_claims_hold(results, name):
    found = results(name)
    assert failed(found) == []
    assert any(claim["control"] for claim in found["claims"])
    json.dumps(written(found), allow_nan=False)
    assert found["study"] == name
    assert all(one["draws"] > 1 for one in found["rows"] if one["se"])


@pytest.mark.parametrize("name", studies.NAMES)
def test_figures_draw_theory_and_simulation(results, name):
    spec = studies.find(name)
    panels = spec.panels(results(name)["rows"], spec.settings_for(True))
    figure = plots.study(panels, spec.about)
    shown = [ax for ax in figure.axes if ax.get_xlabel()]
    assert len(shown) == len(panels)
    for ax in shown:
        assert ax.get_ylabel()
        assert ax.lines or ax.collections
    simulated = [one for panel in panels for one in panel["rows"] if one["simulation"] is not None]
    assert simulated


@pytest.mark.parametrize("name", studies.NAMES)
def test_wrong_theory_is_refused(results, name):
    """Theory off by a tenth everywhere: each verdict about it must fail, and none without theory may change."""
    spec = studies.find(name)
    rows = results(name)["rows"]
    off = [one if one["theory"] is None else one | {"theory": 1.1 * one["theory"]} for one in rows]
    judges = [one for one in spec.judges(spec.settings_for(True)) if isinstance(one, Verdict)]
    by_theory = [one for one in judges if one.spoilt == "theory × 1.1"]
    assert not any(one.claim(off).held for one in by_theory)
    assert all(one.claim(off).held for one in judges if "× 1.1" not in one.spoilt)


def test_the_same_seed_gives_the_same_rows():
    spec = studies.find("double-descent")
    small = {"n": 20, "noise": 0.3, "gammas": (0.5, 2.0)}
    one, two, other, later = (spec.simulate(small, seed) for seed in ((0, 0), (0, 0), (1, 0), (0, 1)))
    assert one == two
    assert one not in (other, later)
    assert other != later


def test_the_best_kernel_fit_separates_a_line():
    X = np.linspace(-1, 1, 20)[:, None]
    assert best_accuracy(RBF(gamma=1.0), X, np.sign(X[:, 0]), X, np.sign(X[:, 0])) == 1.0


def test_kernel_fits_are_those_of_an_eigendecomposition():
    """Both solve (K + E + ridge I) α = y with ‖E‖ <= n ε (‖K‖ + ridge); k α moves by ‖(K + ridge I)⁻¹ k‖ ‖E‖ ‖α‖ each.

    The product k α itself rounds by n ε ‖k‖ ‖α‖.
    """
    rng = np.random.default_rng(0)
    for n, d, scale in ((40, 3, 1.0), (100, 2, 1e-3), (60, 60, 1e3)):
        X, test = rng.standard_normal((n, d)), rng.standard_normal((30, d))
        X[1] = X[0]
        y = scale * rng.standard_normal(n)
        kernel = RBF(gamma=1 / d)
        values, vectors = np.linalg.eigh(kernel(X))
        # Of more rows, the first n of which are fitted.
        rival = Rival(kernel, np.vstack([X, test]), test)
        for ridge, found in zip(RIDGES, rival.fits(y), strict=True):
            rows, dual = kernel(test, X) @ vectors, vectors.T @ y / (values + ridge)
            lengths = np.linalg.norm(rows, axis=1)
            moved = (values[-1] + ridge) * np.linalg.norm(rows / (values + ridge), axis=1) + lengths
            allowed = 2 * n * np.finfo(float).eps * np.linalg.norm(dual) * moved
            assert np.all(np.abs(found - rows @ dual) <= allowed)


def test_unknown_studies():
    with pytest.raises(InputError, match="did you mean 'double-descent'"):
        studies.find("double-decent")
    assert [spec.name for spec in studies.choose("all")] == list(studies.NAMES)


def test_list(capsys):
    code, out, err = command_line.run(capsys, "list")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == list(studies.NAMES)
    assert all(studies.find(line.split()[0]).about in line for line in out.splitlines())


def test_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = command_line.run(capsys, "run", "double-descent", "--quick", "--out", "o")
    assert code == 0
    assert err.startswith("[1/1] double-descent (")
    assert err.count("\n") == 1
    folder = tmp_path / "o" / "double-descent"
    names = ["figure.csv", "figure.png", "figure.svg", "results.json", "rows.csv", "rows.jsonl"]
    assert sorted(path.name for path in folder.iterdir()) == names
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert (found["quick"], found["seed"]) == (True, 0)
    assert found["claims"][0]["text"] in out
    assert "control: " in out
    assert "fails" in out
    assert imread(folder / "figure.png")[..., :3].std() > 0.01
    assert "<svg" in (folder / "figure.svg").read_text(encoding="utf-8")
    header, *lines = (folder / "figure.csv").read_text(encoding="utf-8").splitlines()
    assert header == "series,x,theory,simulation,se,draws,panel"
    assert len(lines) > 200
    code, out, err = command_line.run(capsys, "run", "double-descent", "--quick", "--out", "o")
    assert (code, out) == (2, "")
    assert "is not empty: add --force" in err
    code, out, err = command_line.run(capsys, "run", "nothing")
    assert (code, out) == (2, "")
    assert "there is no study 'nothing'" in err
    assert not (tmp_path / "widelearn-run").exists()

"""Studies: every one runs quickly, its claims hold, wrong rows are refused, the command line writes what it says."""

import json

import numpy as np
import pytest
from matplotlib.image import imread

from widelearn import plots
from widelearn.__main__ import main
from widelearn.experiments import studies
from widelearn.experiments.errors import InputError
from widelearn.experiments.studies.baselines import best_accuracy
from widelearn.experiments.studies.rows import Values, row
from widelearn.experiments.studies.runner import failed, run
from widelearn.experiments.studies.spec import Claim, Spec, apart, within
from widelearn.kernels import RBF


@pytest.fixture(scope="module")
def results():
    """Each study's quick results, run once."""
    made = {}

    def of(name):
        if name not in made:
            made[name] = run(studies.find(name), quick=True)
        return made[name]

    return of


@pytest.mark.parametrize("name", studies.NAMES)
def test_claims_hold(results, name):
    found = results(name)
    assert failed(found) == []
    assert any(claim["control"] for claim in found["claims"])
    json.dumps(found, allow_nan=False)
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


@pytest.mark.parametrize("name", ["double-descent", "nt-interpolation", "curse-of-linearization"])
def test_wrong_theory_is_refused(results, name):
    """Theory off by 40 % everywhere: claims of equality must fail."""
    spec = studies.find(name)
    rows = [one if one["theory"] is None else one | {"theory": 1.4 * one["theory"]} for one in results(name)["rows"]]
    broken = spec.claims(rows, spec.settings_for(True))
    assert any(not claim.held for claim in broken if not claim.control)


def test_the_same_seed_gives_the_same_rows():
    spec = studies.find("double-descent")
    small = {"n": 20, "noise": 0.3, "gammas": (0.5, 2.0), "draws": 3}
    one, two, other = (spec.simulate(small, seed, lambda fraction: None) for seed in (0, 0, 1))
    assert one == two
    assert one != other


def test_claims():
    rows = [row("a", 1.0, 1.0, [1.0, 1.1, 0.9]), row("a", 2.0, 2.0, [2.5, 2.5, 2.5])]
    assert within(rows[:1], "", 0.0).held
    assert not within(rows, "", 0.1).held
    assert within(rows, "", 0.26).held
    assert "at 2" in within(rows, "", 0.1).detail
    assert not apart(rows, "").held
    assert apart(rows[1:], "").held
    assert not within([], "", 0.1).held
    assert not apart([], "").held
    assert not within([row("a", 1.0, np.inf, [1.0, 1.1])], "", 0.1).held
    assert row("a", 1, None, [np.nan, 1.0])["simulation"] is None


def test_rows_hold_means_of_draws():
    found = Values()
    for value in (0.4, 0.6):
        found.add("ridgeless", 2.0, value)
    (one,) = found.rows(lambda series, x: 1 / x)
    assert one == row("ridgeless", 2.0, 0.5, [0.4, 0.6])
    assert (one["simulation"], one["theory"], one["draws"]) == (0.5, 0.5, 2)


def test_the_best_kernel_fit_separates_a_line():
    X = np.linspace(-1, 1, 20)[:, None]
    assert best_accuracy(RBF(gamma=1.0), X, np.sign(X[:, 0]), X, np.sign(X[:, 0])) == 1.0


def test_unknown_studies():
    with pytest.raises(InputError, match="did you mean 'double-descent'"):
        studies.find("double-decent")
    assert [spec.name for spec in studies.choose("all")] == list(studies.NAMES)


def command(capsys, *arguments):
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as left:
        code = left.code
    out, err = capsys.readouterr()
    return code, out, err


def test_list(capsys):
    code, out, err = command(capsys, "list")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == list(studies.NAMES)
    assert all(studies.find(line.split()[0]).about in line for line in out.splitlines())


def test_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = command(capsys, "run", "double-descent", "--quick", "--out", "o")
    assert (code, err) == (0, "")
    folder = tmp_path / "o" / "double-descent"
    assert sorted(path.name for path in folder.iterdir()) == ["figure.png", "results.json"]
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert (found["quick"], found["seed"]) == (True, 0)
    assert found["claims"][0]["text"] in out
    assert "control: " in out
    assert imread(folder / "figure.png")[..., :3].std() > 0.01
    code, out, err = command(capsys, "run", "double-descent", "--quick", "--out", "o")
    assert (code, out) == (2, "")
    assert "is not empty: add --force" in err
    code, out, err = command(capsys, "run", "nothing")
    assert (code, out) == (2, "")
    assert "there is no study 'nothing'" in err
    assert not (tmp_path / "widelearn-run").exists()


def test_a_failed_claim_is_exit_code_1(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def simulate(settings, seed, step):
        step(1.0)
        return [row("a", 1.0, 1.0, [2.0, 2.1])]

    spec = Spec(
        "wrong",
        "Wrong.",
        "none",
        {},
        {},
        simulate,
        lambda rows, settings: [Claim("one is two", False, "1 and 2")],
        lambda rows, settings: [{"rows": rows, "xlabel": "x", "ylabel": "y"}],
    )
    monkeypatch.setattr(studies, "choose", lambda name: [spec])
    code, out, err = command(capsys, "run", "wrong", "--quick")
    assert (code, err) == (1, "")
    assert "FAILED" in out
    assert (tmp_path / "widelearn-run" / "wrong" / "results.json").exists()

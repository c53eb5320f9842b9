"""The fuzzer finds what is public by itself, changes arguments, and tells a fault from a refusal."""

import importlib
import pickle
import subprocess
import sys

import numpy as np
import pytest

from fuzz import hostile, sweep, worker
from fuzz.calls import Campaign, environment
from fuzz.recording import Sample, core_functions, public

ROOT = environment()["PYTHONPATH"].split(":")[0]
# Functions of this module stand for the package's: one refuses, three are at fault.
HERE = "planted_calls"
# One whose five calls meet all four, the costly ones once.
SEED = 5
PLANTED = """
import ctypes
def refuses(x): raise ValueError("no")
def indexes(x): return [][3]
def aborts(x): ctypes.string_at(0)
def hangs(x):
    while True: pass
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    file = tmp_path_factory.mktemp("calls") / "calls.pickle"
    subprocess.run([sys.executable, "-m", "fuzz.recording", str(file)], cwd=ROOT, env=environment(), check=True)
    return file


def test_every_public_function_and_class_has_a_valid_call(recorded):
    known = {sample.target for sample in pickle.loads(recorded.read_bytes())}
    last = {target.split(":")[1] for target in known}
    results = {"Gradient", "TaylorGradient", "Ensemble", "Kernel", "NoDerivativeError", "NumberOverflowError"}
    results |= {"CouplingBounds", "CurvatureIdentity", "ExplicitSolution", "SampleComplexity"}
    results |= {"FeatureBound", "ParityFloor", "PopulationGradient", "DrawnFeatures"}
    assert {target.split(":")[1] for target in public()} - last - results == set()
    assert {f"widelearn._core:{name}" for name in core_functions()} <= known
    assert any(target.endswith("FeatureRidge.fit") for target in known)


def test_a_campaign_counts_what_calls_do(recorded, tmp_path):
    campaign = Campaign(100, 0, 1, tmp_path, recorded)
    campaign.run()
    assert sum(campaign.counts.values()) == 100
    assert campaign.counts["ok"] > 20
    assert campaign.counts["refused"] > 5


def test_planted_faults_are_found(tmp_path, monkeypatch):
    (tmp_path / f"{HERE}.py").write_text(PLANTED)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("fuzz.calls.LIMIT", 1.0)
    file = tmp_path / "calls.pickle"
    arguments = pickle.dumps(((np.ones(3),), {}))
    names = ("refuses", "indexes", "aborts", "hangs")
    file.write_bytes(pickle.dumps([Sample(f"{HERE}:{name}", arguments) for name in names]))
    campaign = Campaign(5, SEED, 1, tmp_path, file)
    campaign.run()
    found = {fault.target.split(":")[1]: fault.what for fault in campaign.faults}
    assert set(found) == {"indexes", "aborts", "hangs"}, campaign.table()
    assert found["indexes"].startswith("IndexError at planted_calls.py:4")
    assert found["aborts"].startswith("ended with -")
    assert "hangs" in campaign.table()
    assert campaign.counts["refused"] == 2


def test_hostile_arguments_are_the_same_for_a_seed(recorded):
    samples = pickle.loads(recorded.read_bytes())
    one, two = (worker.Draws(samples, 0) for _ in range(2))
    for number in range(50):
        (first, args, kwargs), (second, others, named) = one.draw(number), two.draw(number)
        assert first == second
        assert [type(value) for value in args] == [type(value) for value in others]
        assert list(kwargs) == list(named)


def test_costly_calls_are_seldom(recorded):
    draws = worker.Draws(pickle.loads(recorded.read_bytes()), 0)
    for ending in worker.SELDOM:
        assert any(target.endswith(ending) for target in draws.targets), ending


PARAMETERS = """
from sklearn.base import BaseEstimator
class Model(BaseEstimator):
    _parameter_constraints = {"size": []}
    def __init__(self, size=1): self.size = size
    def fit(self, X, y=None):
        if X.__class__ is str: X.shape
        return [0] * self.size
class Kernel:
    def __init__(self, gamma=1.0): self.gamma = gamma
    def get_params(self, deep=True): return {"gamma": self.gamma}
    def diag(self, X): return {}[self.gamma] if self.gamma is None else 0
"""


def test_a_sweep_takes_every_place(tmp_path, monkeypatch):
    (tmp_path / f"{HERE}_more.py").write_text(PARAMETERS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module(f"{HERE}_more")
    calls = {"Model.fit": module.Model(), "Kernel.diag": module.Kernel()}
    file = tmp_path / "calls.pickle"
    samples = [Sample(f"{HERE}_more:{name}", pickle.dumps(((own, 3), {}))) for name, own in calls.items()]
    file.write_bytes(pickle.dumps(samples))
    found = sweep.Sweep(samples)
    assert [place for _, place in found.places] == [1, ("gamma",), 1, "y", ("size",)]
    campaign = Campaign(len(found), sweep.SWEEP, 1, tmp_path, file)
    campaign.run()
    faults = {(fault.target.split(":")[1], fault.what.split(" ")[0]) for fault in campaign.faults}
    # A number beyond the range of sizes, too.
    assert faults == {("Model.fit", "AttributeError"), ("Model.fit", "OverflowError"), ("Kernel.diag", "KeyError")}


def test_arrays_are_changed_in_many_ways():
    rng, value = np.random.default_rng(0), np.arange(6.0).reshape(2, 3)
    found = [hostile.changed_array(rng, value.copy()) for _ in range(400)]
    arrays = [one for one in found if isinstance(one, np.ndarray)]
    assert len({one.dtype for one in arrays}) > 10
    assert {one.ndim for one in arrays} >= {1, 2, 3}
    assert {one.flags.aligned for one in arrays} == {one.flags.writeable for one in arrays} == {True, False}
    assert any(not np.isfinite(one).all() for one in arrays if one.dtype == float)
    assert len({type(one) for one in found}) > 5

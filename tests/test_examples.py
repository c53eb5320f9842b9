"""The examples run in quick mode, warn of nothing and draw."""

import runpy
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

FILES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
# Recipes draw nothing: tests of distributed run that for clusters, those of kernels and estimators those for JAX,
# those of experiments the study, those of persistence the service.
EXAMPLES = [path for path in FILES if path.name.startswith("plot_")]


def test_there_are_examples():
    assert len(EXAMPLES) >= 2
    recipes = {"dask_cluster", "factors_of_jax", "onnx_service", "own_study", "tangent_of_jax", "taylorized_of_jax"}
    assert {path.stem for path in FILES} - {path.stem for path in EXAMPLES} == recipes


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_draws(path, monkeypatch):
    mpl.use("agg")
    from matplotlib import pyplot as plt

    monkeypatch.setattr(sys, "argv", [str(path), "--quick"])
    monkeypatch.delenv("DISPLAY", raising=False)
    plt.close("all")
    runpy.run_path(str(path), run_name="__main__")
    figures = [plt.figure(number) for number in plt.get_fignums()]
    assert figures
    for axes in (axes for figure in figures for axes in figure.axes):
        assert axes.get_xlabel()
        assert axes.get_ylabel()
        assert axes.lines or axes.images or axes.collections
    plt.close("all")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_example_is_short_and_explains_itself(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 80
    assert lines[0].startswith('"""')

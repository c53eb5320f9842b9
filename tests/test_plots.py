"""Figures draw the rows they are given, and only those."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from widelearn import plots


def row(model="ntk", package="widelearn", **changes):
    values = {"score": 0.98, "score_se": 0.01, "metric": "accuracy", "fit_s": 0.5, "predict_s": 0.05}
    return {"model": model, "package": package, "peak_bytes": 3 * 1024**2, "error": None} | values | changes


ROWS = [
    row(),
    row("sklearn_ridge", "scikit-learn", score=0.9, score_se=None, peak_bytes=None),
    row("rbf", score=None, score_se=None, fit_s=None, predict_s=None, peak_bytes=None, error="MemoryError"),
]


def axes():
    return Figure().subplots()


def test_scores_and_standard_errors():
    ax = plots.scores(ROWS, axes())
    assert [label.get_text() for label in ax.get_yticklabels()] == ["ntk", "sklearn_ridge", "rbf"]
    points = [tuple(float(part[0]) for part in line.get_data()) for line in ax.lines if line.get_marker() == "o"]
    assert points == [(0.98, 0.0), (0.9, 1.0)]
    ends = ax.containers[0].lines[2][0].get_segments()[0][:, 0]
    np.testing.assert_allclose(ends, [0.97, 0.99])
    assert "failed" in [text.get_text() for text in ax.texts]
    assert "accuracy" in ax.get_xlabel()
    assert ax.yaxis_inverted()


def test_scores_far_below_the_mean_are_written():
    ax = plots.scores([row(score=0.7, metric="r2"), row("linear", score=-123.4, metric="r2")], axes())
    assert any("-123" in text.get_text() for text in ax.texts)
    assert ax.get_xlim()[0] > -1


def test_durations():
    ax = plots.durations(ROWS, axes())
    assert ax.get_xscale() == "log"
    points = {float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "o"}
    assert points == {0.5, 0.05}


def test_peaks():
    ax = plots.peaks(ROWS, axes())
    assert [(bar.get_width(), bar.get_y() + bar.get_height() / 2) for bar in ax.patches] == [(3.0, 0.0)]


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], ROWS[2:]])
def test_comparison_is_a_legible_figure(tmp_path, rows):
    figure = plots.comparison(rows, "a title")
    figure.savefig(tmp_path / "f.png", dpi=100)
    image = imread(tmp_path / "f.png")
    assert image.shape[1] == 1100
    assert image[..., :3].std() > 0.01
    renderer = figure.canvas.get_renderer()
    boxes = [label.get_window_extent(renderer) for label in figure.axes[0].get_yticklabels()]
    assert all(box.x0 >= 0 for box in boxes)
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[k + 1 :])


def test_no_window_is_opened():
    import subprocess
    import sys

    code = (
        "import sys; from widelearn import plots; "
        "row = dict(model='ntk', package='widelearn', score=.9, score_se=.1, metric='r2'); "
        "row |= dict(fit_s=1, predict_s=1, peak_bytes=1, error=None); "
        "plots.comparison([row]); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

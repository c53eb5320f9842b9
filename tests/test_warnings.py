"""Every warning of ours names the line of the user's script that led to it."""

import json

SETUP = """
import json
import warnings

import numpy as np
import widelearn as wl
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(0)
X = rng.standard_normal((40, 4))
y = X[:, 0] * X[:, 1]
labels = (y > 0).astype(int)
twins = np.hstack([X, X])
quadratic = wl.kernels.Polynomial(degree=2)
K = X @ X.T
X_cross = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]] * 10)
y_cross = X_cross[:, 0] * X_cross[:, 1]
diverging = {'solver': 'sgd', 'learning_rate_init': 1e6, 'max_iter': 500, 'tol': None, 'random_state': 0}
caught = []
warnings.showwarning = lambda message, category, file, line, *_: caught.append((str(message), file, line))
warnings.simplefilter("always")
"""

# A line of a script that ends in one warning, and words of it.
LINES = {
    "wl.ridge.solve(twins, y, 0.0)": "rcond",
    "wl.FeatureRidge('passthrough', alpha=0.0).fit(twins, y).predict(twins)": "rcond",
    "wl.KernelRidge(quadratic, alpha=0.0).fit(X, y)": "rcond",
    "make_pipeline(StandardScaler(), wl.KernelRidge(quadratic, alpha=0.0)).fit(X, y)": "rcond",
    "GridSearchCV(wl.KernelRidge(quadratic), {'alpha': [0.0]}, cv=2, refit=False).fit(X, y)": "rcond",
    "wl.ridge.pcg(K, y, 1e-6, rank=1, max_iter=1)": "not tol=",
    "wl.KernelRidge('rbf', alpha=1e-6, solver='pcg', max_iter=1).fit(X, y)": "not tol=",
    "wl.ridge.rp_cholesky(-K, 5, random_state=0)": "not positive semidefinite",
    "wl.FeatureRidge().fit(X, y).partial_fit(X, y)": "the rows given to fit are forgotten",
    "wl.FeatureRidgeClassifier().fit(X, labels).partial_fit(X, labels)": "the rows given to fit are forgotten",
    "wl.FeatureRidgeClassifier().fit(X, labels[:, None])": "A column-vector y",
    "wl.TwoLayerClassifier(8, max_iter=5, random_state=0).fit(X, labels[:, None])": "A column-vector y",
    "wl.TaylorRegressor(width=8, max_iter=1, random_state=0).fit(X, y)": "max_iter",
    "wl.TaylorClassifier(width=8, max_iter=1, random_state=0).fit(X, labels)": "max_iter",
    "wl.TaylorRegressor(activation='tanh', random_state=0).fit(X_cross, y_cross)": "σ'' is odd",
    "wl.TwoLayerRegressor(8, **diverging).fit(X, y)": "diverged",
    "wl.TwoLayerClassifier(8, **diverging).fit(X, labels)": "diverged",
    "wl.TwoLayerRegressor(width=8, weight_scale=0.0, bias_scale=0.0, random_state=0).fit(X, y)": "gradient is zero",
}


def test_warnings_name_the_users_line(script, tmp_path):
    lines = [*SETUP.splitlines(), *LINES, "print(json.dumps(caught))"]
    found = json.loads(script("\n".join(lines)))
    assert {file for _, file, _ in found} == {str(tmp_path / "script.py")}
    messages = {}
    for message, _, line in found:
        messages.setdefault(lines[line - 1], set()).add(message)
    assert [line for line, words in LINES.items() if words not in " ".join(messages.pop(line, ()))] == []
    assert messages == {}

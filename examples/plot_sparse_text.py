"""
Texts as sparse rows
====================

``TfidfVectorizer`` makes a sparse row of thousands of columns from a text; most of them are zero. ``FeatureRidge`` and
kernels of inner products and distances take such rows as they are. The texts are paragraphs of the descriptions that
come with scikit-learn's data sets and estimators, and the question is of which part of that package one speaks.
Paragraphs of one description are kept together: none is trained on and tested on.
"""

import importlib
import inspect
import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline

import widelearn as wl

quick = "--quick" in sys.argv
parts = ["linear_model", "ensemble", "cluster", "decomposition", "preprocessing", "metrics"]
parts = parts[2:4] if quick else parts


def paragraphs():
    """Give the paragraphs of what each part of scikit-learn says of its public names, with the part and the name."""
    for part in parts:
        room = importlib.import_module(f"sklearn.{part}")
        for name in room.__all__:
            text = inspect.getdoc(getattr(room, name)) or ""
            yield from ((block, part, name) for block in text.split("\n\n") if len(block.split()) >= 25)


texts, labels, names = map(np.array, zip(*paragraphs(), strict=True))
train, test = next(GroupShuffleSplit(1, test_size=0.3, random_state=0).split(texts, groups=names))
words = TfidfVectorizer(sublinear_tf=True, min_df=2, stop_words="english")
alphas = np.logspace(-3, 2, 11)
models = {
    "ridge regression": wl.FeatureRidgeClassifierCV("passthrough", alphas),
    "RBF kernel": wl.KernelRidgeClassifierCV(wl.kernels.RBF(gamma=1.0), alphas),
    "its Fourier features": wl.FeatureRidgeClassifierCV(
        wl.FourierFeatures(wl.kernels.RBF(gamma=1.0), n_components=1000, random_state=0), alphas
    ),
}

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
fits = {name: make_pipeline(words, model).fit(texts[train], labels[train]) for name, model in models.items()}
scores = {name: fitted.score(texts[test], labels[test]) for name, fitted in fits.items()}
rows = words.fit_transform(texts[train])
print(f"{rows.shape[0]} rows of {rows.shape[1]} columns, {rows.nnz / rows.shape[0]:.0f} of them not zero")
print({name: round(score, 3) for name, score in scores.items()})
common = max(np.mean(labels[test] == part) for part in parts)
left.barh(list(scores), list(scores.values()), color="C0", height=0.5)
left.axvline(common, color="gray", ls="--", label="the most common part for all")
left.set(xlabel="share of paragraphs that are right", ylabel="model", xlim=(0, 1))
left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0))
best = max(scores, key=scores.get)
ConfusionMatrixDisplay.from_estimator(
    fits[best], texts[test], labels[test], normalize="true", values_format=".2f", ax=right, colorbar=False, cmap="Blues"
)
right.set(xlabel="predicted part", ylabel="true part", title=best)
right.tick_params(axis="x", labelrotation=30)
plt.show()

"""
Features that kernels do not have
=================================

The label is the product of two of a hundred bits. Kernels treat all pairs of bits alike and need far more rows than 800
to find this one; a two-layer network trained by gradient descent finds it. Left: test accuracy during training. Two
kernel methods stand beside it, with the ridge that is best on the test rows, in their favour. Right: how much of the
first layer's weights lies on the two bits. The best neuron finds them while the network is still often wrong.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np

import widelearn as wl

quick = "--quick" in sys.argv
n, d, steps, every = 800, 100, 60 if quick else 300, 5
data = wl.datasets.parity(n + 1000, d, k=2, random_state=0)
X, X_test = data.X[:n].astype("f4"), data.X[n:].astype("f4")
y, y_test = data.y[:n], data.y[n:]

times, scores, shares, best = [], [], [], []


def watch(t, state):
    """Look at the weights every few steps: accuracies, and the share of ‖w‖² on the two bits."""
    if t % every:
        return
    times.append(t)
    rows = ((X, y), (X_test, y_test))
    net = wl.nets.TwoLayer(state.W, state.b, state.a, "relu")
    outputs = [net.outputs(x)[:, 0] for x, _ in rows]
    scores.append([np.mean(np.sign(f) == labels) for f, (_, labels) in zip(outputs, rows, strict=True)])
    share = (state.W[:, data.support] ** 2).sum(axis=1) / (state.W**2).sum(axis=1)
    size = np.linalg.norm(state.W, axis=1) * np.abs(state.a[:, 0])
    shares.append(np.average(share, weights=size))
    best.append(share.max())


network = wl.TwoLayerClassifier.preset("parity", max_iter=steps, random_state=0, callback=watch)
print("network:", network.fit(X, y).score(X_test, y_test))

features = wl.RandomFeatures(2000, bias_scale=0.5, random_state=0)
alphas = (1e-2, 1.0) if quick else (1e-4, 1e-2, 1.0, 10.0)
others = {
    "NTK": max(wl.KernelRidgeClassifier(alpha=alpha).fit(X, y).score(X_test, y_test) for alpha in alphas),
    "random features": max(
        wl.FeatureRidgeClassifier(features, alpha=alpha).fit(X, y).score(X_test, y_test) for alpha in alphas
    ),
}

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot(times, np.array(scores)[:, 0], color="0.6", label="network, training rows")
left.plot(times, np.array(scores)[:, 1], color="C3", label="network, test rows")
for style, (name, score) in zip(("--", ":"), others.items(), strict=True):
    left.axhline(score, color="C0", ls=style, label=f"{name}, test rows")
left.set_xlabel("step")
left.set_ylabel("accuracy")
left.legend(fontsize=8)
right.plot(times, best, color="C1", label="best neuron")
right.plot(times, shares, color="C2", label="mean, weighted by |a| ‖w‖")
right.axhline(2 / d, color="0.6", ls=":", label="a random direction")
right.set_xlabel("step")
right.set_ylabel("share of ‖w‖² on the two bits")
right.legend(fontsize=8)
plt.show()

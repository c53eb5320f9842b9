"""
Features that come from the inputs
==================================

Left and middle: directions of fifty neurons before and after a net learned to tell the digits 0 and 1 from a small
start, in the plane that keeps the most of their distances. They gather at two directions. Right: half of the rows are
images, half Gaussian with the same mean and size, all labelled by one teacher, a net that was trained on images of all
digits. A student learns both halves together, and at every step it is right more often on images. These are
scikit-learn's of 8 x 8 pixels, or those of the folder that is given, in the format of MNIST.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import widelearn as wl
from widelearn import plots
from widelearn.datasets import gaussian_beside, image_files
from widelearn.diagnostics import neuron_map

quick = "--quick" in sys.argv
folders = [word for word in sys.argv[1:] if word != "--quick"]
if folders:
    images = image_files(folders[0])
    X, digit = images.X[:6000], images.y[:6000]
else:
    X, digit = load_digits(return_X_y=True)
    X = (X / 16).astype("f4")
order = np.random.default_rng(0).permutation(len(X))
X, digit = X[order], digit[order]

two = digit < 2
# A start this small is forgotten: what is left of a neuron is the gradient that it followed.
binary = wl.TwoLayerClassifier(
    50, activation="truncated_relu", solver="sgd", learning_rate_init=0.5, momentum=0.0, weight_scale=0.001,
    bias_scale=0.001, max_iter=100 if quick else 300, tol=None, random_state=0,
)  # fmt: skip
binary.fit(X[two], digit[two])
maps = {"before": neuron_map(binary, start=True), "after": neuron_map(binary)}
for name, one in maps.items():
    print(name, "pairs of neurons with |cos| > 0.9:", round(one.close(0.9), 3))

half, n = len(X) // 2, 400 if quick else 1600
even = digit % 2 == 0
teacher = wl.TwoLayerClassifier(100, max_iter=30 if quick else 100, random_state=1).fit(X, even).decision_function
train = gaussian_beside(X[:half], teacher, min(n, half), random_state=0)
test = gaussian_beside(X[half:], teacher, min(n, half), random_state=1)
times, scores = [], []


def watch(t, state):
    """Keep the accuracy on fresh images and on fresh Gaussian rows."""
    if t % 5 == 0:
        net = wl.nets.TwoLayer(state.W, state.b, state.a, "relu")
        right = np.sign(net.outputs(test.X)[:, 0]) == test.y
        times.append(t)
        scores.append([right[test.real].mean(), right[~test.real].mean()])


student = wl.TwoLayerClassifier(
    100, scaling=None, max_iter=60 if quick else 200, tol=None, random_state=0, callback=watch
)
student.fit(train.X, train.y)
print("after training, images and Gaussian rows:", [round(float(score), 3) for score in scores[-1]])

figure, axes = plt.subplots(1, 3, figsize=(15, 4.6), layout="constrained")
for ax, (name, one) in zip(axes, maps.items(), strict=False):
    plots.neurons(one.positions, one.weights, one.signs, one.stars, ax)
    ax.set(title=f"neurons {name} training", xlabel="first axis", ylabel="second axis")
axes[2].plot(times, scores, label=["images", "Gaussian rows"])
axes[2].set_xlabel("step")
axes[2].set_ylabel("accuracy on fresh rows")
axes[2].legend(fontsize=8)
plt.show()

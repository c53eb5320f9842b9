"""The naive oracle: every formula once, in long double, from differences and sums of rows, never from inner products.

Nothing here is fast, and nothing here is shared with the package. Angles are 2 atan2(|u - v|, |u + v|) of unit vectors
u and v, which keeps their relative accuracy for nearly equal and nearly opposite rows; layers are followed through
1 -+ cos θ.
"""

import numpy as np

LONG = np.longdouble
PI = LONG("3.14159265358979323846264338327950288")


def rows(X):
    return np.atleast_2d(np.asarray(X)).astype(LONG)


def norms(X):
    return np.sqrt((X * X).sum(axis=1))


def pairs(X, Y):
    """Broadcast rows against rows: (n, 1, d) and (1, m, d)."""
    return X[:, None, :], Y[None, :, :]


def chords(X, Y):
    """|u - v| and |u + v| of the unit vectors of rows; of a zero row they mean nothing."""
    unit_x, unit_y = (Z / np.where(norms(Z) > 0, norms(Z), 1)[:, None] for Z in (X, Y))
    u, v = pairs(unit_x, unit_y)
    return np.sqrt(((u - v) ** 2).sum(axis=2)), np.sqrt(((u + v) ** 2).sum(axis=2))


def sine_less_arc(t):
    """sin t - t cos t without cancellation near 0, where it is t³/3 - t⁵/30 + ..."""
    series = sum((-1) ** (k + 1) * t ** (2 * k + 1) * 2 * k / factorial(2 * k + 1) for k in range(1, 14))
    return np.where(t < 1, series, np.sin(t) - t * np.cos(t))


def factorial(k):
    return np.prod(np.arange(1, k + 1).astype(LONG))


def linear(X, Y):
    x, y = pairs(rows(X), rows(Y))
    return (x * y).sum(axis=2)


def polynomial(X, Y, degree, gamma, coef0):
    return (LONG(gamma) * linear(X, Y) + LONG(coef0)) ** degree


def rbf(X, Y, gamma):
    x, y = pairs(rows(X), rows(Y))
    return np.exp(-LONG(gamma) * ((x - y) ** 2).sum(axis=2))


def arccosine(X, Y, order):
    """2 E[relu(w.x)^n relu(w.y)^n], w ~ N(0, I): (1/π) |x|^n |y|^n J_n(θ)."""
    X, Y = rows(X), rows(Y)
    difference, total = chords(X, Y)
    t, rest = 2 * np.arctan2(difference, total), 2 * np.arctan2(total, difference)
    shape = {
        0: rest,
        1: np.sin(t) + rest * np.cos(t),
        2: 3 * np.sin(t) * np.cos(t) + rest * (1 + 2 * np.cos(t) ** 2),
    }[order]
    size = norms(X)[:, None] * norms(Y)[None, :]
    return np.where(size > 0, size**order * shape / PI, 0)


def network(X, Y, depth, weight_variance, bias_variance):
    """NNGP and NTK of a relu network, layer by layer: standard deviations a, b, a - b, 1 - cos θ and 1 + cos θ."""
    X, Y = rows(X), rows(Y)
    wv, bv = LONG(weight_variance), LONG(bias_variance)
    size_x, size_y = norms(X)[:, None], norms(Y)[None, :]
    x, y = pairs(X, Y)
    total = size_x + size_y
    scale = np.sqrt(wv / X.shape[1])
    # The difference of the norms, from the difference of the rows.
    gap = scale * ((x - y) * (x + y)).sum(axis=2) / np.where(total > 0, total, 1)
    less, more = (chord**2 / 2 for chord in chords(X, Y))
    a, b, gap, less, more = with_bias(scale * size_x, scale * size_y, gap, less, more, bv)
    nngp = ntk = a * b * (more - less) / 2
    for _ in range(depth):
        t, rest = 2 * np.arctan2(np.sqrt(less), np.sqrt(more)), 2 * np.arctan2(np.sqrt(more), np.sqrt(less))
        slope = wv * rest / (2 * PI)
        # E relu relu = a b (sin θ + (π - θ) cos θ) / (2π), whose own 1 - cos is (1 - cos θ) - (sin θ - θ cos θ) / π.
        less = less - sine_less_arc(t) / PI
        half = np.sqrt(wv / 2)
        a, b, gap, less, more = with_bias(half * a, half * b, half * gap, less, 2 - less, bv)
        nngp = a * b * (1 - less)
        ntk = nngp + slope * ntk
    return nngp, ntk


def with_bias(a, b, gap, less, more, bv):
    """Add the variance of a bias to a covariance given by a, b, a - b, 1 - cos θ and 1 + cos θ."""
    a, b = a + 0 * gap, b + 0 * gap
    new_a, new_b = np.sqrt(a * a + bv), np.sqrt(b * b + bv)
    whole, total = new_a * new_b, new_a + new_b
    safe, safe_total = np.where(whole > 0, whole, 1), np.where(total > 0, total, 1)
    # sqrt((a² + bv)(b² + bv)) less (a b + bv), and less a b, as quotients without cancellation.
    beyond_both = bv * gap**2 / np.where(whole + a * b + bv > 0, whole + a * b + bv, 1)
    beyond = bv * (a * a + b * b + bv) / np.where(whole + a * b > 0, whole + a * b, 1)
    return (
        new_a,
        new_b,
        gap * (a + b) / safe_total,
        (beyond_both + a * b * less) / safe,
        (beyond + bv + a * b * more) / safe,
    )


def nngp(X, Y, depth=1, weight_variance=1.0, bias_variance=0.0):
    return network(X, Y, depth, weight_variance, bias_variance)[0]


def ntk(X, Y, depth=1, weight_variance=1.0, bias_variance=0.0):
    return network(X, Y, depth, weight_variance, bias_variance)[1]


def random_features(X, directions, biases=0.0):
    """relu(w_j.x + b_j) / sqrt(p)."""
    return np.maximum(linear(X, directions) + biases, 0) / np.sqrt(LONG(len(directions)))


def fourier_features(X, directions, p):
    """Sines, then cosines, of the first p // 2 directions, without an odd map's last column."""
    angles = linear(X, directions)[:, : p // 2]
    return np.sqrt(LONG(2) / p) * np.hstack([np.sin(angles), np.cos(angles)])


def ridge(Z, y, alpha, weight=None, fit_intercept=False):
    """Minimise Σ w (y - Zc - b)² + alpha |c|² as least squares on rows stacked with sqrt(alpha) I; one target."""
    n, p = Z.shape
    root = np.sqrt(np.ones(n) if weight is None else weight)
    design = np.column_stack([Z, np.ones(n)]) if fit_intercept else Z
    penalty = np.sqrt(alpha) * np.eye(p, design.shape[1])
    stacked = np.vstack([root[:, None] * design, penalty])
    solved = np.linalg.lstsq(stacked, np.concatenate([root * y, np.zeros(p)]), rcond=None)[0]
    return solved[:p], (solved[p] if fit_intercept else 0.0)


def kernel_ridge(K, y, alpha, weight=None, fit_intercept=True):
    """Solve [[K + alpha W⁻¹, 1], [1', 0]] [a, b] = [y, 0] with rows of weight zero left out; y (n, t)."""
    n = len(K)
    weight = np.ones(n) if weight is None else np.asarray(weight, float)
    kept = np.flatnonzero(weight)
    k = len(kept)
    M = np.zeros((k + fit_intercept, k + fit_intercept))
    M[:k, :k] = K[np.ix_(kept, kept)] + alpha * np.diag(1 / weight[kept])
    right = np.zeros((len(M), *y.shape[1:]))
    right[:k] = y[kept]
    if fit_intercept:
        M[:k, k] = M[k, :k] = 1
    solved = np.linalg.solve(M, right)
    dual = np.zeros(y.shape)
    dual[kept] = solved[:k]
    return dual, (solved[k] if fit_intercept else 0.0)


def radial_gradients(X, centres, dual, derivative):
    """Gradients (n, d, t) at X of Σ_j a_j h(‖x - c_j‖), h' given; zero where rows coincide."""
    X, centres = rows(X), rows(centres)
    gap = X[:, None, :] - centres
    r = np.sqrt((gap**2).sum(axis=2))
    factor = np.where(r > 0, derivative(r) / np.where(r > 0, r, 1), 0)
    return np.einsum("ij,ijd,jt->idt", factor, gap, dual)


def nystrom(K_xc, K_cc, K_cy):
    """The kernel matrix that centres give of all rows."""
    return K_xc @ np.linalg.pinv(K_cc, hermitian=True) @ K_cy

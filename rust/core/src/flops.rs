//! Flops of every operation, by shapes alone: what tells a call that is worth waking threads for.

/// Random numbers of a weight matrix.
pub fn random(numbers: usize) -> f64 {
    20.0 * numbers as f64
}

/// Standard normals.
pub fn normals(numbers: usize) -> f64 {
    40.0 * numbers as f64
}

/// Values of a kernel of rows of length `d`: an inner product and a formula each.
pub fn kernel(values: usize, d: usize) -> f64 {
    values as f64 * (2.0 * d as f64 + 40.0)
}

/// A kernel matrix of n x m times `t` columns.
pub fn product((n, d): (usize, usize), (m, t): (usize, usize)) -> f64 {
    n as f64 * m as f64 * (2.0 * d as f64 + 40.0 + 2.0 * t as f64)
}

/// Inner products of `n` rows with each other, of which half are computed.
pub fn inner_products(n: usize, d: usize) -> f64 {
    (n as f64).powi(2) * d as f64
}

/// Features of rows of length `d`: a projection and an activation each.
pub fn features(values: usize, d: usize) -> f64 {
    values as f64 * (2.0 * d as f64 + 20.0)
}

/// Features of rows of which so many values are stored, `p` a row.
pub fn sparse_features(stored: usize, p: usize, values: usize) -> f64 {
    2.0 * stored as f64 * p as f64 + 20.0 * values as f64
}

/// So many stored values times `t` columns, `out` numbers in all; to find a value's place takes as long as some flops.
pub fn sparse_product(stored: usize, t: usize, out: usize) -> f64 {
    stored as f64 * (14.0 + 2.0 * t as f64) + out as f64
}

/// Values of a kernel of sparse rows of length `d`: pairs of stored values in one column, and a formula each.
pub fn sparse_kernel((stored, others): (usize, usize), values: usize, d: usize) -> f64 {
    2.0 * stored as f64 * others as f64 / d.max(1) as f64 + 40.0 * values as f64
}

/// Features of `n` rows, `p` a row, times `t` columns.
pub fn predict((n, d): (usize, usize), (p, t): (usize, usize)) -> f64 {
    n as f64 * p as f64 * (2.0 * d as f64 + 20.0 + 2.0 * t as f64)
}

/// The weights of `p` features of rows of length `d`.
pub fn weights(p: usize, d: usize) -> f64 {
    20.0 * p as f64 * d as f64
}

/// Moments of `p` features of `n` rows.
pub fn moments((n, d): (usize, usize), p: usize) -> f64 {
    n as f64 * p as f64 * (p as f64 + 2.0 * d as f64)
}

/// A Cholesky factor of order `n`.
pub fn cholesky(n: usize) -> f64 {
    (n as f64).powi(3) / 3.0
}

/// A band of order `n` with its rotation, and the diagonals of the inverses of so many shifts.
pub fn shifted_inverses(n: usize, shifts: usize) -> f64 {
    8.0 * cholesky(n) + 96.0 * (n as f64).powi(2) * shifts as f64
}

/// A system of order `n` with `t` right-hand sides.
pub fn solve(n: usize, t: usize) -> f64 {
    cholesky(n) + 4.0 * (n as f64).powi(2) * t as f64
}

/// Triangular systems of order `n` with `t` right-hand sides.
pub fn triangular(n: usize, t: usize) -> f64 {
    n as f64 * n as f64 * t as f64
}

/// The eigenvalues of a symmetric matrix of order `n`, and its eigenvectors.
pub fn eigen(n: usize, vectors: bool) -> f64 {
    (n as f64).powi(3) * if vectors { 9.0 } else { 4.0 / 3.0 }
}

/// A tridiagonal form of order `n`, applied to `t` columns.
pub fn tridiagonal(n: usize, t: usize) -> f64 {
    eigen(n, false) + 2.0 * triangular(n, t)
}

/// The eigenvalues of a tridiagonal matrix of order `n`, and its eigenvectors.
pub fn tridiagonal_eigen(n: usize, vectors: bool) -> f64 {
    30.0 * triangular(n, if vectors { n } else { 1 })
}

/// An n x k matrix times one of `t` columns.
pub fn multiply(n: usize, k: usize, t: usize) -> f64 {
    2.0 * n as f64 * k as f64 * t as f64
}

/// A triangular form of an n x p matrix.
pub fn orthogonal(n: usize, p: usize) -> f64 {
    2.0 * n.max(p) as f64 * (n.min(p) as f64).powi(2)
}

/// The singular values and vectors of an n x p matrix.
pub fn singular(n: usize, p: usize) -> f64 {
    10.0 * orthogonal(n, p)
}

/// `w` new columns, `values` in all, of a factor of which `k` are known.
pub fn extend(values: usize, k: usize, w: usize) -> f64 {
    values as f64 * (2.0 * k as f64 + w as f64)
}

/// So many products of `n` rows of length `d` with a layer of `m` neurons, and what lies between them.
pub fn net(products: usize, n: usize, m: usize, d: usize) -> f64 {
    n as f64 * m as f64 * (2.0 * products as f64 * d as f64 + 20.0)
}

/// A step of Adam of so many numbers.
pub fn adam(numbers: usize) -> f64 {
    20.0 * numbers as f64
}

//! A matrix in row-major order.

/// A matrix in row-major order, rows being the vectors that products are taken of.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T> {
    /// The values, `n * d` of them.
    pub data: &'a [T],
    /// Number of rows.
    pub n: usize,
    /// Length of a row.
    pub d: usize,
}

impl<'a, T> Rows<'a, T> {
    /// View `data` as `n` rows of `d` values.
    pub fn new(data: &'a [T], n: usize, d: usize) -> Self {
        debug_assert_eq!(data.len(), n * d);
        Self { data, n, d }
    }

    /// Row `i`.
    #[inline(always)]
    pub fn row(&self, i: usize) -> &'a [T] {
        &self.data[i * self.d..(i + 1) * self.d]
    }

    /// Rows `start .. start + n`.
    pub fn slice(&self, start: usize, n: usize) -> Self {
        Self { data: &self.data[start * self.d..(start + n) * self.d], n, d: self.d }
    }
}

//! A matrix of which only some values are stored, row by row.

use crate::error::{Error, MAX_EXTENT, Result, fits, within};
use crate::real::Real;

/// Rows in compressed form: those of row `i` are `indptr[i] .. indptr[i + 1]`.
#[derive(Debug, Clone, Copy)]
pub struct Sparse<'a, T> {
    /// Where rows begin and end.
    indptr: &'a [i64],
    /// Columns.
    indices: &'a [i32],
    /// Values; those of the same place add up.
    pub(crate) values: &'a [T],
    /// Length of a row.
    pub(crate) d: usize,
}

impl<'a, T: Real> Sparse<'a, T> {
    /// Check that every index is where it may be.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Shape`].
    pub fn new(indptr: &'a [i64], indices: &'a [i32], values: &'a [T], d: usize) -> Result<Self> {
        within("columns of sparse rows", d, MAX_EXTENT)?;
        fits("indices of sparse rows", values.len(), indices.len())?;
        let rising = indptr.windows(2).all(|w| w[0] <= w[1]);
        let ends = indptr.first() == Some(&0) && indptr.last().is_some_and(|&n| n as usize == values.len());
        if !(rising && ends) {
            return Err(Error::Invalid(format!("indptr must rise from 0 to {}", values.len())));
        }
        // A negative one is beyond all others; without an early end these are vector operations.
        let most = indices.iter().fold(0, |most: u32, &k| most.max(k as u32));
        if !indices.is_empty() && most as usize >= d {
            let wrong = indices.iter().find(|&&k| k as u32 as usize >= d).unwrap_or(&0);
            return Err(Error::Invalid(format!("column {wrong} is not one of {d}")));
        }
        Ok(Self { indptr, indices, values, d })
    }

    /// The same, and an error unless the columns of every row rise.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Shape`].
    pub fn ordered(indptr: &'a [i64], indices: &'a [i32], values: &'a [T], d: usize) -> Result<Self> {
        let rows = Self::new(indptr, indices, values, d)?;
        rows.check_order().map(|()| rows)
    }

    /// An error unless the columns of every row rise.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn check_order(&self) -> Result<()> {
        let Self { indptr, indices, .. } = *self;
        let falls: usize = indices.iter().zip(indices.iter().skip(1)).map(|(a, b)| usize::from(a >= b)).sum();
        let starts = (0..self.n()).filter(|&i| !self.row(i).0.is_empty()).map(|i| indptr[i] as usize);
        let between = starts.filter(|&at| at > 0 && indices[at - 1] >= indices[at]).count();
        if falls == between {
            return Ok(());
        }
        let row = (0..self.n()).find(|&i| self.row(i).0.windows(2).any(|w| w[0] >= w[1])).unwrap_or(0);
        Err(Error::Invalid(format!("columns of row {row} do not rise; call sum_duplicates() of the rows first")))
    }

    /// The same places with other values.
    pub(crate) fn with<'b, U>(&self, values: &'b [U]) -> Sparse<'b, U>
    where
        'a: 'b,
    {
        Sparse { indptr: self.indptr, indices: self.indices, values, d: self.d }
    }

    /// Number of rows.
    #[must_use]
    pub fn n(&self) -> usize {
        self.indptr.len() - 1
    }

    /// The columns of row `i`, and its values.
    #[inline(always)]
    pub(crate) fn row(&self, i: usize) -> (&'a [i32], &'a [T]) {
        let part = self.indptr[i] as usize..self.indptr[i + 1] as usize;
        (&self.indices[part.clone()], &self.values[part])
    }

    /// Rows `start .. start + n`, whose values begin where they did.
    pub(crate) fn slice(&self, start: usize, n: usize) -> Self {
        Self { indptr: &self.indptr[start..=start + n], ..*self }
    }

    /// Columns that cut what is stored into about `parts` equal parts; the first is 0, the last `d`.
    pub(crate) fn cuts(&self, parts: usize) -> Vec<usize> {
        let every = self.indices.len().div_ceil(1 << 10).max(1) | 1;
        let mut seen: Vec<i32> = self.indices.iter().step_by(every).copied().collect();
        seen.sort_unstable();
        let inner = (1..parts).filter_map(|part| seen.get(part * seen.len() / parts)).map(|&k| k as usize);
        let mut cuts: Vec<usize> = std::iter::once(0).chain(inner).chain([self.d]).collect();
        cuts.dedup();
        cuts
    }

    /// The longest row's number of values.
    pub(crate) fn longest(&self) -> usize {
        self.indptr.windows(2).map(|w| (w[1] - w[0]) as usize).max().unwrap_or(0)
    }
}

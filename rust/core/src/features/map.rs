//! A feature map with its weights drawn, as an epilogue of the tile engine.

use std::ops::Range;

use super::hadamard::Hadamard;
use super::{Features, Formula, Weights, weights};
use crate::activation::Activation;
use crate::error::{Error, MAX_EXTENT, Result, within};
use crate::math::sin_cos_scaled;
use crate::matrix::{Packed, Rows, TILE};
use crate::memory::{Buffer, alloc, size};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;
use crate::tiles::{Columns, Edge, Epilogue, Which, swept};

/// A feature map ready to be applied to rows of length `d`.
#[derive(Debug)]
pub struct FeatureMap<T> {
    projection: Projection<T>,
    /// Added to the projections of the components: scaled biases, or zero but for an odd map's phase.
    shift: Buffer<T>,
    d: usize,
    n_components: usize,
    scale: T,
    kind: Kind,
}

/// How rows are projected.
#[derive(Debug)]
pub(crate) enum Projection<T> {
    /// By a product with a weight matrix, one row for each projection.
    Dense(Buffer<T>),
    /// The same, its rows packed as products read them.
    Packed(Columns<T, ()>),
    /// By fast transforms.
    Hadamard(Hadamard<T>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Random(Activation, u32),
    Fourier,
}

impl<T: Real> FeatureMap<T> {
    /// Draw the weights of `features` for inputs of length `d`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for parameters outside their domain, [`Error::Memory`].
    pub fn new(features: &Features, context: &Context<'_>, d: usize) -> Result<Self> {
        Self::part(features, context, d, 0..features.directions())
    }

    /// As [`Self::new`], for the projections `part` alone; of structured weights that is all of them.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn part(features: &Features, context: &Context<'_>, d: usize, part: Range<usize>) -> Result<Self> {
        features.validate()?;
        within("columns of x", d, MAX_EXTENT)?;
        let (n_components, all) = (features.n_components, features.directions());
        let part = part.start..part.end.min(all);
        let projection = if features.weights == Weights::Hadamard {
            Projection::Hadamard(Hadamard::new(features, context, part.clone(), d)?)
        } else {
            let mut w = alloc(size(&[part.len(), d], "feature weights")?, "feature weights")?;
            weights::rows(features, context, part.clone(), d, &mut w)?;
            Projection::Dense(w)
        };
        let mut shift = alloc(part.len(), "feature biases")?;
        let (kind, scale) = match &features.formula {
            Formula::Random { activation, order, bias_scale } => {
                if *bias_scale > 0.0 {
                    weights::biases(features.seed, context, part.start, &mut shift)?;
                    shift.iter_mut().for_each(|b| *b *= T::from_f64(*bias_scale));
                }
                (Kind::Random(*activation, *order), 1.0)
            }
            Formula::Fourier(_) => {
                if n_components % 2 == 1 && part.end == all {
                    shift[part.len() - 1] = weights::phase(features.seed);
                }
                (Kind::Fourier, 2.0)
            }
        };
        let scale = T::from_f64((scale / n_components as f64).sqrt());
        Ok(Self { projection, shift, d, n_components, scale, kind })
    }

    /// The same map, ready for many calls: a weight matrix that one sweep can hold is packed in place of its rows.
    ///
    /// # Errors
    /// [`Error::Memory`], [`Error::Cancelled`].
    pub fn packed(mut self, context: &Context<'_>) -> Result<Self> {
        if let Projection::Dense(w) = &self.projection
            && self.directions() <= swept(self.d, size_of::<T>())
        {
            let (pack, rows) = (Packed::new(T::block(context.level).1), Rows::new(w, self.directions(), self.d));
            let columns = Columns::of(context, pack, &self.epilogue(), 0, rows)?;
            self.projection = Projection::Packed(columns);
        }
        Ok(self)
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        let projection = match &self.projection {
            Projection::Dense(w) => w.len(),
            Projection::Packed(columns) => columns.pack.len() + self.directions(),
            Projection::Hadamard(h) => h.len(),
        };
        (projection + self.shift.len()) * size_of::<T>()
    }

    /// Number of features of the whole map.
    pub fn n_components(&self) -> usize {
        self.n_components
    }

    /// Number of projections here.
    pub fn directions(&self) -> usize {
        self.shift.len()
    }

    /// Length of the rows it is applied to.
    pub fn d(&self) -> usize {
        self.d
    }

    /// How rows are projected.
    pub(crate) fn projection(&self) -> &Projection<T> {
        &self.projection
    }

    /// First feature and number of features of output tile `output`, of a whole map.
    pub(crate) fn span(&self, output: usize) -> (usize, usize) {
        match (self.kind, output) {
            (Kind::Random(..), _) => (0, self.n_components),
            // Sines first, so that an odd map ends with its one shifted cosine.
            (Kind::Fourier, 0) => (0, self.n_components / 2),
            (Kind::Fourier, _) => (self.n_components / 2, self.n_components.div_ceil(2)),
        }
    }

    /// The epilogue that turns projections into features.
    pub(crate) fn epilogue(&self) -> Activate<'_, T> {
        Activate { map: self }
    }

    /// Turn projections `first ..` of one row into features, and into those of the second output where there is one.
    pub(crate) fn activate(&self, level: Level, first: usize, values: &mut [T], second: &mut [T]) {
        let shift = &self.shift[first..first + values.len()];
        dispatch(level, Activated { map: self, first: values, second, rows: 1, cols: shift.len(), shift });
    }
}

/// The epilogue of a [`FeatureMap`].
#[derive(Debug)]
pub(crate) struct Activate<'a, T> {
    map: &'a FeatureMap<T>,
}

impl<T: Real> Epilogue<T> for Activate<'_, T> {
    type Side = ();
    type Scratch = ();

    fn outputs(&self) -> usize {
        match self.map.kind {
            Kind::Random(..) => 1,
            Kind::Fourier => 2,
        }
    }

    fn side(&self, _context: &Context<'_>, which: Which, start: usize, _rows: Rows<'_, T>, norms: &[T]) -> Result<()> {
        match norms.iter().position(|q| !q.is_finite()) {
            Some(i) if which == Which::Row => {
                Err(Error::Overflow(format!("row {} has a squared norm that overflows; scale X down", start + i)))
            }
            _ => Ok(()),
        }
    }

    fn scratch(&self) -> Result<()> {
        Ok(())
    }

    fn apply(&self, level: Level, (): &mut (), tile: &mut [T], x: &Edge<'_, T, ()>, y: &Edge<'_, T, ()>) {
        let shift = &self.map.shift[y.start..y.start + y.rows.n];
        let (first, second) = tile.split_at_mut(TILE * TILE);
        dispatch(level, Activated { map: self.map, first, second, rows: x.rows.n, cols: y.rows.n, shift });
    }
}

/// A tile of projections, shifted and activated.
struct Activated<'a, T> {
    map: &'a FeatureMap<T>,
    first: &'a mut [T],
    second: &'a mut [T],
    rows: usize,
    cols: usize,
    shift: &'a [T],
}

impl<T: Real> Job for Activated<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let scale = self.map.scale;
        for i in 0..self.rows {
            let row = i * TILE..i * TILE + self.cols;
            let values = &mut self.first[row.clone()];
            values.iter_mut().zip(self.shift).for_each(|(v, &b)| *v += b);
            match self.map.kind {
                Kind::Random(activation, order) => activation.scaled::<T, FMA>(order, values, scale),
                Kind::Fourier => sin_cos_scaled::<FMA, T>(values, &mut self.second[row], scale),
            }
        }
    }
}

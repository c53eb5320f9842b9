//! A feature map with its weights drawn, as an epilogue of the tile engine.

use super::{Features, weights};
use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::gemm::{Rows, TILE};
use crate::kernels::Kernel;
use crate::math::sin_cos_scaled;
use crate::memory::{Buffer, alloc};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;
use crate::tiles::{Edge, Epilogue, Which};

/// A feature map ready to be applied to rows of length `d`.
#[derive(Debug)]
pub struct FeatureMap<T> {
    weights: Buffer<T>,
    /// Added to the projections of the components: scaled biases, or zero but for an odd map's phase.
    shift: Buffer<T>,
    d: usize,
    n_components: usize,
    scale: T,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Relu,
    Fourier,
}

impl<T: Real> FeatureMap<T> {
    /// Draw the weights of `features` for inputs of length `d`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for parameters outside their domain, [`Error::Memory`].
    pub fn new(features: &Features, context: &Context<'_>, d: usize) -> Result<Self> {
        let (n_components, seed) = match features {
            Features::Random { n_components, seed, .. } | Features::Fourier { n_components, seed, .. } => {
                (*n_components, *seed)
            }
        };
        if n_components == 0 {
            return Err(Error::Invalid("n_components must be >= 1, got 0".into()));
        }
        let (rows, kind, scale) = match features {
            Features::Random { activation: Activation::Relu, .. } => (n_components, Kind::Relu, 1.0),
            Features::Random { activation, .. } => {
                return Err(Error::Invalid(format!("random features have activation \"relu\", got {activation:?}")));
            }
            Features::Fourier { .. } => (n_components.div_ceil(2), Kind::Fourier, 2.0),
        };
        let mut w = alloc(rows * d, "feature weights")?;
        weights::rows(features, context, 0, d, &mut w)?;
        let mut shift = alloc(rows, "feature biases")?;
        match features {
            Features::Random { bias_scale, .. } => {
                if !(*bias_scale >= 0.0 && bias_scale.is_finite()) {
                    return Err(Error::Invalid(format!("bias_scale must be >= 0 and finite, got {bias_scale}")));
                }
                if *bias_scale > 0.0 {
                    weights::biases(seed, context, &mut shift);
                    shift.iter_mut().for_each(|b| *b *= T::from_f64(*bias_scale));
                }
            }
            Features::Fourier { kernel, .. } => {
                if !matches!(kernel, Kernel::Rbf { .. }) {
                    return Err(Error::Invalid("this kernel has no spectral measure here; use RBF".into()));
                }
                kernel.validate()?;
                if n_components % 2 == 1 {
                    shift[rows - 1] = weights::phase(seed);
                }
            }
        }
        let scale = T::from_f64((scale / n_components as f64).sqrt());
        Ok(Self { weights: w, shift, d, n_components, scale, kind })
    }

    /// Number of features.
    pub fn n_components(&self) -> usize {
        self.n_components
    }

    /// The weights, one row for each projection.
    pub fn weights(&self) -> Rows<'_, T> {
        Rows::new(&self.weights, self.shift.len(), self.d)
    }

    /// First feature and number of features of output tile `output`.
    pub fn span(&self, output: usize) -> (usize, usize) {
        match (self.kind, output) {
            (Kind::Relu, _) => (0, self.n_components),
            // Sines first, so that an odd map ends with its one shifted cosine.
            (Kind::Fourier, 0) => (0, self.n_components / 2),
            (Kind::Fourier, _) => (self.n_components / 2, self.shift.len()),
        }
    }

    /// The epilogue that turns projections into features.
    pub fn epilogue(&self) -> Activate<'_, T> {
        Activate { map: self }
    }
}

/// The epilogue of a [`FeatureMap`].
#[derive(Debug)]
pub struct Activate<'a, T> {
    map: &'a FeatureMap<T>,
}

impl<T: Real> Epilogue<T> for Activate<'_, T> {
    type Side = ();
    type Scratch = ();

    fn outputs(&self) -> usize {
        match self.map.kind {
            Kind::Relu => 1,
            Kind::Fourier => 2,
        }
    }

    fn side(&self, which: Which, start: usize, _rows: Rows<'_, T>, norms: &[T]) -> Result<()> {
        match norms.iter().position(|q| !q.is_finite()) {
            Some(i) if which == Which::Row => {
                Err(Error::Invalid(format!("row {} has a squared norm that overflows; scale X down", start + i)))
            }
            _ => Ok(()),
        }
    }

    fn scratch(&self) -> Result<()> {
        Ok(())
    }

    fn apply(&self, level: Level, (): &mut (), tile: &mut [T], x: &Edge<'_, T, ()>, y: &Edge<'_, T, ()>) {
        let shift = &self.map.shift[y.start..y.start + y.rows.n];
        dispatch(level, Tile { map: self.map, tile, rows: x.rows.n, cols: y.rows.n, shift });
    }
}

/// One tile of projections, shifted and activated.
struct Tile<'a, T> {
    map: &'a FeatureMap<T>,
    tile: &'a mut [T],
    rows: usize,
    cols: usize,
    shift: &'a [T],
}

impl<T: Real> Job for Tile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let (first, second) = self.tile.split_at_mut(TILE * TILE);
        let scale = self.map.scale;
        for i in 0..self.rows {
            let row = i * TILE..i * TILE + self.cols;
            let values = &mut first[row.clone()];
            values.iter_mut().zip(self.shift).for_each(|(v, &b)| *v += b);
            match self.map.kind {
                Kind::Relu => values.iter_mut().for_each(|v| *v = v.max(T::ZERO) * scale),
                Kind::Fourier => sin_cos_scaled::<FMA, T>(values, &mut second[row], scale),
            }
        }
    }
}

//! Kernels of finite networks, at random weights or the user's: of the hidden layer, or of its gradients (tangent).
//!
//! Neurons are computed for the rows on a tile's edges; the tile takes a second product, of neurons with neurons.

use super::bits::{self, Bits, count};
use super::layer::{Layer, steps};
use super::leaf::{Input, Leaf, Neurons, Tile};
use crate::activation::{Activation, Shape};
use crate::error::{Result, fits};
use crate::features::{FeatureMap, Features, Formula, Projection, Weights};
use crate::matrix::{Packed, Panels, Rows, TILE, inner, product, product_until};
use crate::memory::{Buffer, alloc};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;

/// `x.x' / d` or 1, times `sum_j s_j^2 g(w_j.x - b_j) g(w_j.x' - b_j)`.
pub(super) struct Finite<T> {
    /// The weights in panels as high as a register block.
    weights: Packed<T>,
    width: usize,
    shape: Shape,
    /// Order of the derivative, 0 or 1.
    order: u32,
    /// Whether neurons are 0 or 1.
    binary: bool,
    /// Thresholds, none where they are zero.
    thresholds: Buffer<T>,
    /// Sizes of neurons, or one for all.
    sizes: Buffer<T>,
    /// `1 / d` where the inner product is a factor.
    factor: Option<T>,
}

impl<T: Real> Finite<T> {
    /// Draw the weights, which are those of random features of the same seed.
    pub(super) fn new(
        context: &Context<'_>,
        (width, activation, seed, tangent): (usize, Activation, u64, bool),
        d: usize,
    ) -> Result<Self> {
        let formula = Formula::Random { activation, order: u32::from(tangent), bias_scale: 0.0 };
        let features = Features { formula, n_components: width, weights: Weights::Sphere, seed };
        let map = FeatureMap::<T>::new(&features, context, d)?;
        let mut weights = Packed::new(T::block(context.level).0);
        weights.reserve(width, d)?;
        if let Projection::Dense(w) = map.projection() {
            weights.fill(Rows::new(w, width, d));
        }
        Ok(Self {
            weights,
            width,
            shape: Shape::Plain(activation),
            order: u32::from(tangent),
            binary: steps(Shape::Plain(activation), tangent),
            thresholds: Buffer::default(),
            sizes: numbers(&[1.0 / (width as f64).sqrt()], "sizes")?,
            factor: tangent.then(|| T::from_f64(1.0 / d as f64)),
        })
    }

    /// Take the weights of a layer.
    pub(super) fn of_layer(context: &Context<'_>, layer: &Layer, d: usize) -> Result<Self> {
        fits("columns of W", layer.d, d)?;
        let (width, w) = (layer.width(), numbers(&layer.w, "weights")?);
        let mut weights = Packed::new(T::block(context.level).0);
        weights.reserve(width, d)?;
        weights.fill(Rows::new(&w, width, d));
        let zero = layer.b.iter().all(|&b| b == 0.0);
        Ok(Self {
            weights,
            width,
            shape: layer.shape,
            order: u32::from(layer.slopes),
            binary: layer.binary(),
            thresholds: if zero { Buffer::default() } else { numbers(&layer.b, "thresholds")? },
            sizes: numbers(&layer.sizes, "sizes")?,
            factor: None,
        })
    }

    /// Keep neuron `j` of a task's rows, given its products with them.
    fn keep(&self, level: Level, part: &mut Part<'_, T>, j: usize, values: &mut [T]) {
        if let Some(&b) = self.thresholds.get(j) {
            values.iter_mut().for_each(|v| *v -= b);
        }
        match part {
            Part::Bits(bits) => bits.set(j, values),
            Part::Values(panels) => {
                self.turn(level, values, self.sizes[j.min(self.sizes.len() - 1)]);
                panels.step(j, 0, values.len(), |at, out| out.copy_from_slice(&values[at..at + out.len()]));
            }
        }
    }

    /// Turn pre-activations of a neuron, [`TILE`] at most, into what products are taken of.
    fn turn(&self, level: Level, values: &mut [T], size: T) {
        if let Shape::Plain(activation) = self.shape {
            return activation.apply(level, self.order, values, size);
        }
        let mut given = [T::ZERO; TILE];
        let given = &mut given[..values.len()];
        given.copy_from_slice(values);
        let none = &mut [][..];
        let (value, slope) = if self.order == 0 { (&mut *values, none) } else { (none, &mut *values) };
        self.shape.pair(level, given, value, slope);
        values.iter_mut().for_each(|v| *v *= size);
    }
}

/// The neurons of one task's rows.
enum Part<'a, T> {
    Bits(bits::Part<'a>),
    Values(Panels<'a, T>),
}

impl<T: Real> Leaf<T> for Finite<T> {
    fn input(&self) -> Input {
        Input::Inner
    }

    fn depth(&self) -> usize {
        self.width
    }

    fn neurons(&self, context: &Context<'_>, rows: Rows<'_, T>) -> Result<Option<Neurons<T>>> {
        let (level, width) = (context.level, T::block(context.level).1);
        let mut values = Packed::new(width);
        let mut bits = Bits::default();
        if self.binary {
            bits = Bits::new(rows.n, self.width)?;
        } else {
            values.reserve(rows.n, self.width)?;
        }
        // A tile's columns are whole panels.
        let parts: Vec<Part<'_, T>> = if self.binary {
            bits.parts(TILE).map(Part::Bits).collect()
        } else {
            values.parts(TILE).into_iter().map(Part::Values).collect()
        };
        context.each_part(
            parts.into_iter(),
            || Ok((Packed::new(width), alloc(TILE * TILE, "a tile")?)),
            |(packed, tile), task, mut part| {
                let start = task * TILE;
                let rows = rows.slice(start, TILE.min(rows.n - start));
                packed.reserve(rows.n, rows.d)?;
                packed.fill(rows);
                for first in (0..self.width).step_by(TILE) {
                    context.check()?;
                    let n = TILE.min(self.width - first);
                    product(level, &self.weights, (first, n), packed, (0, rows.n), tile, TILE, false);
                    for (j, values) in tile.chunks_exact_mut(TILE).take(n).enumerate() {
                        self.keep(level, &mut part, first + j, &mut values[..rows.n]);
                    }
                }
                Ok(())
            },
        )?;
        Ok(Some(if self.binary { Neurons::Bits(bits) } else { Neurons::Values(values) }))
    }

    fn evaluate(&self, level: Level, mut tile: Tile<'_, T>) {
        let products = std::mem::take(&mut tile.extra);
        let (rows, cols) = (tile.rows, tile.cols);
        match tile.neurons {
            Some(((Neurons::Bits(a), a0), (Neurons::Bits(b), b0))) => {
                for i in 0..rows {
                    if tile.stopped() {
                        return;
                    }
                    let (a, factor) = ((a, a0 + i, 1), self.sizes[0] * self.sizes[0]);
                    count(level, a, (b, b0, cols), factor, &mut products[i * TILE..], TILE);
                }
            }
            // A pair of the diagonal, which need not begin a register block.
            Some(((Neurons::Values(a), a0), (Neurons::Values(b), b0))) if (rows, cols) == (1, 1) => {
                products[0] = inner(level, a, a0, b, b0);
            }
            Some(((Neurons::Values(a), a0), (Neurons::Values(b), b0))) => {
                product_until(tile.stop, level, a, (a0, rows), b, (b0, cols), products, TILE, false);
            }
            _ => return,
        }
        for i in 0..rows {
            let products = &products[i * TILE..i * TILE + cols];
            match self.factor {
                Some(factor) => dispatch(level, Multiply { values: tile.row(i), products, factor }),
                None => tile.row(i).copy_from_slice(products),
            }
        }
    }
}

/// Numbers of the core's type.
fn numbers<T: Real>(values: &[f64], what: &'static str) -> Result<Buffer<T>> {
    let mut out = alloc(values.len(), what)?;
    out.iter_mut().zip(values).for_each(|(o, &v)| *o = T::from_f64(v));
    Ok(out)
}

struct Multiply<'a, T> {
    values: &'a mut [T],
    products: &'a [T],
    factor: T,
}

impl<T: Real> Job for Multiply<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (v, &p) in self.values.iter_mut().zip(self.products) {
            *v = *v * self.factor * p;
        }
    }
}

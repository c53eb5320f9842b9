//! Kernels of finite networks at random weights: of the hidden layer (random features), or of its gradients (tangent).
//!
//! Neurons are computed for the rows on a tile's edges; the tile takes a second product, of neurons with neurons.

use super::bits::{self, Bits, count};
use super::leaf::{Input, Leaf, Neurons, Tile};
use crate::activation::Activation;
use crate::error::Result;
use crate::features::{FeatureMap, Features, Formula, Projection, Weights};
use crate::matrix::{Packed, Panels, Rows, TILE, inner, product, product_until};
use crate::memory::alloc;
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;

/// `x.x' / d` or 1, times `sum_j s(w_j.x) s(w_j.x') / width`.
pub(super) struct Finite<T> {
    /// The weights in panels as high as a register block.
    weights: Packed<T>,
    width: usize,
    activation: Activation,
    tangent: bool,
    /// Whether neurons are 0 or 1.
    binary: bool,
    /// `1 / sqrt(width)`.
    scale: T,
    inverse_d: T,
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
        let scale = T::from_f64(1.0 / (width as f64).sqrt());
        let binary = matches!((activation, tangent), (Activation::Relu, true) | (Activation::Step, false));
        Ok(Self { weights, width, activation, tangent, binary, scale, inverse_d: T::from_f64(1.0 / d as f64) })
    }

    /// Keep neuron `j` of a task's rows, given its products with them.
    fn keep(&self, level: Level, part: &mut Part<'_, T>, j: usize, values: &mut [T]) {
        match part {
            Part::Bits(bits) => bits.set(j, values),
            Part::Values(panels) => {
                self.activation.apply(level, u32::from(self.tangent), values, self.scale);
                panels.step(j, 0, values.len(), |at, out| out.copy_from_slice(&values[at..at + out.len()]));
            }
        }
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
                    let (a, factor) = ((a, a0 + i, 1), self.scale * self.scale);
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
            if self.tangent {
                dispatch(level, Multiply { values: tile.row(i), products, factor: self.inverse_d });
            } else {
                tile.row(i).copy_from_slice(products);
            }
        }
    }
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

//! A kernel expression made ready for tiles: which geometry its leaves need, in which order they combine.

use super::angle::{Angles, inverse_norms};
use super::arccosine::ArcCosine;
use super::bits::Bits;
use super::distance::{Chords, Distances, Edges, Manhattans};
use super::dot::{Constant, Linear, Polynomial, Powers};
use super::finite::Finite;
use super::network::network;
use super::radial::{Laplace, Manhattan, Matern, Rbf};
use super::{Kernel, Network};
use crate::error::{Error, Result};
use crate::matrix::{Packed, Rows, TILE};
use crate::memory::{Buffer, alloc};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::Context;
use crate::tiles::{Edge, Epilogue, Which};

/// What a leaf is a function of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Nothing,
    Inner,
    Distance,
    Manhattan,
    Angle,
    Chord,
}

/// A kernel without parts. Its job turns a row of inputs, in place, into a row of values.
pub(super) trait Leaf<T: Real>: Send + Sync {
    fn input(&self) -> Input;
    /// Arrays derived from rows and their squared norms, one after the other, `q.len()` values each.
    fn side(&self, _rows: Rows<'_, T>, _q: &[T]) -> Result<Buffer<T>> {
        Ok(Buffer::default())
    }
    /// Values of a row that a second product is taken of.
    fn depth(&self) -> usize {
        0
    }
    /// Those values.
    fn neurons(&self, _context: &Context<'_>, _rows: Rows<'_, T>) -> Result<Option<Neurons<T>>> {
        Ok(None)
    }
    fn evaluate(&self, level: Level, tile: Tile<'_, T>);
}

/// What a second product of rows is taken of.
#[derive(Debug)]
pub(super) enum Neurons<T> {
    Values(Packed<T>),
    Bits(Bits),
}

/// A tile and what a leaf derived for its rows and columns.
#[derive(Debug)]
pub(super) struct Tile<'a, T> {
    pub(super) values: &'a mut [T],
    inner: &'a [T],
    /// The rows on both edges.
    pub(super) edges: (Rows<'a, T>, Rows<'a, T>),
    pub(super) rows: usize,
    pub(super) cols: usize,
    x: View<'a, T>,
    y: View<'a, T>,
    /// What a second product is taken of, and room for it.
    pub(super) neurons: Option<(At<'a, T>, At<'a, T>)>,
    pub(super) extra: &'a mut [T],
}

/// The neurons of a group of rows, and where a tile's rows begin.
type At<'a, T> = (&'a Neurons<T>, usize);

#[derive(Debug, Clone, Copy)]
struct View<'a, T> {
    data: &'a [T],
    group: usize,
    at: usize,
    n: usize,
}

impl<'a, T> View<'a, T> {
    #[inline(always)]
    fn array(&self, k: usize) -> &'a [T] {
        let start = k * self.group + self.at;
        &self.data[start..start + self.n]
    }
}

impl<'a, T: Real> Tile<'a, T> {
    /// Derived array number `k` of the rows.
    #[inline(always)]
    pub(super) fn x(&self, k: usize) -> &'a [T] {
        self.x.array(k)
    }
    /// Derived array number `k` of the columns.
    #[inline(always)]
    pub(super) fn y(&self, k: usize) -> &'a [T] {
        self.y.array(k)
    }
    /// Row `i` of the inner products, for leaves of the chord.
    #[inline(always)]
    pub(super) fn inner(&self, i: usize) -> &'a [T] {
        &self.inner[i * TILE..i * TILE + self.cols]
    }
    /// Row `i` of the values.
    #[inline(always)]
    pub(super) fn row(&mut self, i: usize) -> &mut [T] {
        &mut self.values[i * TILE..i * TILE + self.cols]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Leaf(usize),
    Sum,
    Product,
}

/// A kernel ready to be an epilogue.
pub struct Plan<T> {
    leaves: Vec<Box<dyn Leaf<T>>>,
    ops: Vec<Op>,
}

impl<T> std::fmt::Debug for Plan<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("ops", &self.ops).finish_non_exhaustive()
    }
}

/// What a plan derives from a group of rows.
#[derive(Debug)]
pub struct Side<T> {
    len: usize,
    inverse: Buffer<T>,
    leaves: Vec<Buffer<T>>,
    neurons: Vec<Option<Neurons<T>>>,
}

/// A plan's buffers of one thread.
#[derive(Debug)]
pub struct Scratch<T> {
    /// The inner products, where leaves need them beside something made from them.
    inner: Buffer<T>,
    /// The last geometry computed, for the leaves that follow.
    geometry: Buffer<T>,
    stack: Vec<Buffer<T>>,
    /// A leaf's second product.
    extra: Buffer<T>,
}

impl<T: Real> Plan<T> {
    /// Check `kernel` and make it ready for rows of length `d`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for parameters outside their domain, [`Error::Memory`].
    pub fn new(context: &Context<'_>, kernel: &Kernel, d: usize) -> Result<Self> {
        kernel.validate()?;
        let mut plan = Self { leaves: Vec::new(), ops: Vec::new() };
        plan.push(context, kernel, d)?;
        Ok(plan)
    }

    fn needs(&self, input: Input) -> bool {
        self.leaves.iter().any(|l| l.input() == input)
    }

    fn push(&mut self, context: &Context<'_>, kernel: &Kernel, d: usize) -> Result<()> {
        let leaf: Box<dyn Leaf<T>> = match kernel {
            Kernel::Sum(a, b) | Kernel::Product(a, b) => {
                self.push(context, a, d)?;
                self.push(context, b, d)?;
                self.ops.push(if matches!(kernel, Kernel::Sum(..)) { Op::Sum } else { Op::Product });
                return Ok(());
            }
            Kernel::Constant(v) => Box::new(Constant(T::from_f64(*v))),
            Kernel::Linear => Box::new(Linear),
            Kernel::Polynomial { degree, gamma, coef0 } => {
                Box::new(Polynomial { degree: *degree, gamma: T::from_f64(*gamma), coef0: T::from_f64(*coef0) })
            }
            Kernel::Rbf { gamma } => Box::new(Rbf { gamma: T::from_f64(*gamma) }),
            Kernel::Laplace { gamma, power } if *power == 2.0 => Box::new(Rbf { gamma: T::from_f64(*gamma) }),
            Kernel::Laplace { gamma, power } => {
                Box::new(Laplace { gamma: T::from_f64(*gamma), power: T::from_f64(*power) })
            }
            Kernel::Manhattan { gamma } => Box::new(Manhattan { gamma: T::from_f64(*gamma) }),
            Kernel::Matern { length_scale, nu } => {
                let scale = T::from_f64((2.0 * nu).sqrt() / length_scale);
                match *nu {
                    0.5 => Box::new(Matern::<T, 0> { scale }),
                    1.5 => Box::new(Matern::<T, 1> { scale }),
                    _ => Box::new(Matern::<T, 2> { scale }),
                }
            }
            Kernel::ArcCosine { order } => Box::new(ArcCosine { order: *order }),
            Kernel::Finite { width, activation, seed, tangent } => {
                Box::new(Finite::new(context, (*width, *activation, *seed, *tangent), d)?)
            }
            Kernel::Nngp(n) => network(n, 0, false, d).1,
            Kernel::Ntk(n) => network(n, 0, true, d).1,
            Kernel::DotProduct(coefficients) => Box::new(Powers::new(coefficients.iter().copied(), d)),
            Kernel::Taylor { order, activation } => {
                // (x.x')^k of the inner product, and one hidden layer whose activation is the derivative.
                let n = Network { depth: 1, activation: *activation, weight_variance: 1.0, bias_variance: 0.0 };
                let (factor, leaf) = network(&n, *order, false, d);
                let factorial: f64 = (1..=*order).map(f64::from).product();
                let last = factor * (d as f64).powi(*order as i32) / (factorial * factorial);
                let zeros = std::iter::repeat_n(0.0, *order as usize);
                self.leaf(Box::new(Powers::new(zeros.chain([last]), d)));
                self.leaf(leaf);
                self.ops.push(Op::Product);
                return Ok(());
            }
        };
        self.leaf(leaf);
        Ok(())
    }

    fn leaf(&mut self, leaf: Box<dyn Leaf<T>>) {
        self.ops.push(Op::Leaf(self.leaves.len()));
        self.leaves.push(leaf);
    }

    /// `k(x, x)` of every row, by the very operations of a tile.
    ///
    /// # Errors
    /// [`Error::Overflow`] for rows whose squared norm is not finite, [`Error::Memory`].
    pub fn diagonal(
        &self,
        context: &Context<'_>,
        x: Rows<'_, T>,
        start: usize,
        norms: &[T],
        out: &mut [T],
    ) -> Result<()> {
        let side = self.side(context, Which::Column, start, x, norms)?;
        let mut scratch = self.scratch()?;
        let mut tile = alloc(TILE, "a tile")?;
        for (i, o) in out.iter_mut().enumerate() {
            let edge = || Edge { rows: x.slice(i, 1), norms: &norms[i..=i], side: &side, at: i, start: start + i };
            tile[0] = norms[i];
            self.apply(context.level, &mut scratch, &mut tile, &edge(), &edge());
            *o = tile[0];
        }
        Ok(())
    }
}

impl<T: Real> Epilogue<T> for Plan<T> {
    type Side = Side<T>;
    type Scratch = Scratch<T>;

    fn depth(&self) -> usize {
        self.leaves.iter().map(|l| l.depth()).sum()
    }

    fn side(&self, context: &Context<'_>, _which: Which, start: usize, rows: Rows<'_, T>, q: &[T]) -> Result<Side<T>> {
        if let Some(i) = q.iter().position(|q| !q.is_finite()) {
            return Err(Error::Overflow(format!(
                "row {} has a squared norm beyond the largest {} number; scale X down",
                start + i,
                if size_of::<T>() == 4 { "float32" } else { "float64" }
            )));
        }
        let inverse = if self.needs(Input::Angle) { inverse_norms(q)? } else { Buffer::default() };
        let leaves = self.leaves.iter().map(|l| l.side(rows, q)).collect::<Result<_>>()?;
        let neurons = self.leaves.iter().map(|l| l.neurons(context, rows)).collect::<Result<_>>()?;
        Ok(Side { len: q.len(), inverse, leaves, neurons })
    }

    fn scratch(&self) -> Result<Scratch<T>> {
        let several = self.leaves.len() > 1;
        let tile = |wanted: bool| if wanted { alloc(TILE * TILE, "a tile") } else { Ok(Buffer::default()) };
        // A postfix program of n leaves never holds more than n values.
        let stack = (0..if several { self.leaves.len() } else { 0 }).map(|_| tile(true)).collect::<Result<_>>()?;
        let extra = tile(self.leaves.iter().any(|l| l.depth() > 0))?;
        Ok(Scratch { inner: tile(several || self.needs(Input::Chord))?, geometry: tile(several)?, stack, extra })
    }

    fn apply(
        &self,
        level: Level,
        scratch: &mut Scratch<T>,
        tile: &mut [T],
        x: &Edge<'_, T, Side<T>>,
        y: &Edge<'_, T, Side<T>>,
    ) {
        let used = x.rows.n * TILE;
        let Scratch { inner, geometry, stack, extra } = scratch;
        if let [leaf] = &self.leaves[..] {
            if leaf.input() == Input::Chord {
                inner[..used].copy_from_slice(&tile[..used]);
            }
            measure(level, leaf.input(), tile, x, y);
            return self.evaluate(level, 0, (tile, extra), inner, x, y);
        }
        inner[..used].copy_from_slice(&tile[..used]);
        let (mut measured, mut depth) = (Input::Nothing, 0);
        for &op in &self.ops {
            match op {
                Op::Leaf(l) => {
                    let input = self.leaves[l].input();
                    if input != measured {
                        geometry[..used].copy_from_slice(&inner[..used]);
                        measure(level, input, geometry, x, y);
                        measured = input;
                    }
                    stack[depth][..used].copy_from_slice(&geometry[..used]);
                    self.evaluate(level, l, (&mut stack[depth], extra), inner, x, y);
                    depth += 1;
                }
                Op::Sum | Op::Product => {
                    depth -= 1;
                    let (left, right) = stack.split_at_mut(depth);
                    let pair = Pair { left: &mut left[depth - 1][..used], right: &right[0][..used] };
                    if op == Op::Sum { dispatch(level, Add(pair)) } else { dispatch(level, Multiply(pair)) }
                }
            }
        }
        tile[..used].copy_from_slice(&stack[0][..used]);
    }
}

impl<T: Real> Plan<T> {
    fn evaluate(
        &self,
        level: Level,
        leaf: usize,
        (values, extra): (&mut [T], &mut [T]),
        inner: &[T],
        x: &Edge<'_, T, Side<T>>,
        y: &Edge<'_, T, Side<T>>,
    ) {
        let (rows, cols, edges) = (x.rows.n, y.rows.n, (x.rows, y.rows));
        let neurons = x.side.neurons[leaf].as_ref().zip(y.side.neurons[leaf].as_ref());
        let neurons = neurons.map(|(a, b)| ((a, x.at), (b, y.at)));
        let x = View { data: &x.side.leaves[leaf], group: x.side.len, at: x.at, n: rows };
        let y = View { data: &y.side.leaves[leaf], group: y.side.len, at: y.at, n: cols };
        self.leaves[leaf].evaluate(level, Tile { values, inner, edges, rows, cols, x, y, neurons, extra });
    }
}

/// Turn the inner products in `tile` into what a leaf is a function of.
fn measure<T: Real>(level: Level, input: Input, tile: &mut [T], x: &Edge<'_, T, Side<T>>, y: &Edge<'_, T, Side<T>>) {
    let edges = Edges { x: x.rows, y: y.rows, qx: x.norms, qy: y.norms };
    match input {
        Input::Nothing | Input::Inner => (),
        Input::Distance => dispatch(level, Distances(tile, edges)),
        Input::Chord => dispatch(level, Chords(tile, edges)),
        Input::Manhattan => dispatch(level, Manhattans(tile, edges)),
        Input::Angle => {
            let rx = &x.side.inverse[x.at..x.at + x.rows.n];
            let ry = &y.side.inverse[y.at..y.at + y.rows.n];
            dispatch(level, Angles { tile, x: x.rows, y: y.rows, rx, ry });
        }
    }
}

struct Pair<'a, T> {
    left: &'a mut [T],
    right: &'a [T],
}
struct Add<'a, T>(Pair<'a, T>);
struct Multiply<'a, T>(Pair<'a, T>);

impl<T: Real> Job for Add<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (a, &b) in self.0.left.iter_mut().zip(self.0.right) {
            *a += b;
        }
    }
}

impl<T: Real> Job for Multiply<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (a, &b) in self.0.left.iter_mut().zip(self.0.right) {
            *a *= b;
        }
    }
}

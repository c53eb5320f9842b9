//! A kernel expression made ready for tiles: which geometry its leaves need, in which order they combine.

use super::angle::{Angles, inverse_norms};
use super::arccosine::ArcCosine;
use super::distance::Distances;
use super::dot::{Constant, Linear, Polynomial, Rbf};
use super::network::Relu;
use super::{Kernel, Network};
use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::gemm::{Rows, TILE};
use crate::real::Real;
use crate::simd::{Job, Level, dispatch};
use crate::threads::alloc;
use crate::tiles::{Edge, Epilogue, Which};

/// What a leaf is a function of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Nothing,
    Inner,
    Distance,
    Angle,
}

/// A kernel without parts. Its job turns a row of inputs, in place, into a row of values.
pub(super) trait Leaf<T: Real>: Send + Sync {
    fn input(&self) -> Input;
    /// Arrays derived from squared norms, one after the other, `q.len()` values each.
    fn side(&self, _q: &[T]) -> Result<Vec<T>> {
        Ok(Vec::new())
    }
    fn evaluate(&self, level: Level, tile: Tile<'_, T>);
}

/// A tile and what a leaf derived for its rows and columns.
#[derive(Debug)]
pub(super) struct Tile<'a, T> {
    pub(super) values: &'a mut [T],
    pub(super) rows: usize,
    pub(super) cols: usize,
    x: View<'a, T>,
    y: View<'a, T>,
}

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
    angles: bool,
    distances: bool,
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
    inverse: Vec<T>,
    leaves: Vec<Vec<T>>,
}

/// A plan's buffers of one thread.
#[derive(Debug)]
pub struct Scratch<T> {
    angles: Vec<T>,
    distances: Vec<T>,
    stack: Vec<Vec<T>>,
}

impl<T: Real> Plan<T> {
    /// Check `kernel` and make it ready for rows of length `d`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for parameters outside their domain.
    pub fn new(kernel: &Kernel, d: usize) -> Result<Self> {
        kernel.validate()?;
        let mut plan = Self { leaves: Vec::new(), ops: Vec::new(), angles: false, distances: false };
        plan.push(kernel, d);
        plan.angles = plan.leaves.iter().any(|l| l.input() == Input::Angle);
        plan.distances = plan.leaves.iter().any(|l| l.input() == Input::Distance);
        Ok(plan)
    }

    fn push(&mut self, kernel: &Kernel, d: usize) {
        let network = |n: &Network, tangent: bool| -> Box<dyn Leaf<T>> {
            match n.activation {
                Activation::Relu => Box::new(Relu::new(n, tangent, d)),
            }
        };
        let leaf: Box<dyn Leaf<T>> = match kernel {
            Kernel::Sum(a, b) | Kernel::Product(a, b) => {
                self.push(a, d);
                self.push(b, d);
                self.ops.push(if matches!(kernel, Kernel::Sum(..)) { Op::Sum } else { Op::Product });
                return;
            }
            Kernel::Constant(v) => Box::new(Constant(T::from_f64(*v))),
            Kernel::Linear => Box::new(Linear),
            Kernel::Polynomial { degree, gamma, coef0 } => {
                Box::new(Polynomial { degree: *degree, gamma: T::from_f64(*gamma), coef0: T::from_f64(*coef0) })
            }
            Kernel::Rbf { gamma } => Box::new(Rbf { gamma: T::from_f64(*gamma) }),
            Kernel::ArcCosine { order } => Box::new(ArcCosine { order: *order }),
            Kernel::Nngp(n) => network(n, false),
            Kernel::Ntk(n) => network(n, true),
        };
        self.ops.push(Op::Leaf(self.leaves.len()));
        self.leaves.push(leaf);
    }

    /// `k(x, x)` of every row, by the very operations of a tile.
    ///
    /// # Errors
    /// [`Error::Invalid`] for rows whose squared norm overflows, [`Error::Memory`].
    pub fn diagonal(&self, level: Level, x: Rows<'_, T>, start: usize, norms: &[T], out: &mut [T]) -> Result<()> {
        let side = self.side(Which::Column, start, norms)?;
        let mut scratch = self.scratch()?;
        let mut tile = alloc(TILE, "a tile")?;
        for (i, o) in out.iter_mut().enumerate() {
            let edge = || Edge { rows: x.slice(i, 1), norms: &norms[i..=i], side: &side, at: i, start: start + i };
            tile[0] = norms[i];
            self.apply(level, &mut scratch, &mut tile, &edge(), &edge());
            *o = tile[0];
        }
        Ok(())
    }
}

impl<T: Real> Epilogue<T> for Plan<T> {
    type Side = Side<T>;
    type Scratch = Scratch<T>;

    fn side(&self, _which: Which, start: usize, q: &[T]) -> Result<Side<T>> {
        if let Some(i) = q.iter().position(|q| !q.is_finite()) {
            return Err(Error::Invalid(format!(
                "row {} has a squared norm beyond the largest {} number; scale X down",
                start + i,
                if size_of::<T>() == 4 { "float32" } else { "float64" }
            )));
        }
        let inverse = if self.angles { inverse_norms(q)? } else { Vec::new() };
        let leaves = self.leaves.iter().map(|l| l.side(q)).collect::<Result<_>>()?;
        Ok(Side { len: q.len(), inverse, leaves })
    }

    fn scratch(&self) -> Result<Scratch<T>> {
        let several = self.leaves.len() > 1;
        let tile = |wanted: bool| if wanted { alloc(TILE * TILE, "a tile") } else { Ok(Vec::new()) };
        // A postfix program of n leaves never holds more than n values.
        let stack = (0..if several { self.leaves.len() } else { 0 }).map(|_| tile(true)).collect::<Result<_>>()?;
        Ok(Scratch { angles: tile(several && self.angles)?, distances: tile(several && self.distances)?, stack })
    }

    fn apply(
        &self,
        level: Level,
        scratch: &mut Scratch<T>,
        tile: &mut [T],
        x: &Edge<'_, T, Side<T>>,
        y: &Edge<'_, T, Side<T>>,
    ) {
        let (rows, cols) = (x.rows.n, y.rows.n);
        let angles = |tile: &mut [T]| {
            let rx = &x.side.inverse[x.at..x.at + rows];
            let ry = &y.side.inverse[y.at..y.at + cols];
            dispatch(level, Angles { tile, x: x.rows, y: y.rows, rx, ry });
        };
        let distances = |tile: &mut [T]| {
            dispatch(level, Distances { tile, x: x.rows, y: y.rows, qx: x.norms, qy: y.norms });
        };
        let evaluate = |leaf: usize, values: &mut [T]| {
            let view = |e: &Edge<'_, T, Side<T>>| (e.side.len, e.at);
            let ((gx, ax), (gy, ay)) = (view(x), view(y));
            let x = View { data: &x.side.leaves[leaf], group: gx, at: ax, n: rows };
            let y = View { data: &y.side.leaves[leaf], group: gy, at: ay, n: cols };
            self.leaves[leaf].evaluate(level, Tile { values, rows, cols, x, y });
        };
        if self.leaves.len() == 1 {
            match self.leaves[0].input() {
                Input::Angle => angles(tile),
                Input::Distance => distances(tile),
                Input::Inner | Input::Nothing => (),
            }
            return evaluate(0, tile);
        }
        let used = rows * TILE;
        if self.angles {
            scratch.angles[..used].copy_from_slice(&tile[..used]);
            angles(&mut scratch.angles);
        }
        if self.distances {
            scratch.distances[..used].copy_from_slice(&tile[..used]);
            distances(&mut scratch.distances);
        }
        let mut depth = 0;
        for &op in &self.ops {
            match op {
                Op::Leaf(l) => {
                    let source = match self.leaves[l].input() {
                        Input::Angle => &scratch.angles,
                        Input::Distance => &scratch.distances,
                        Input::Inner | Input::Nothing => &*tile,
                    };
                    scratch.stack[depth][..used].copy_from_slice(&source[..used]);
                    evaluate(l, &mut scratch.stack[depth]);
                    depth += 1;
                }
                Op::Sum | Op::Product => {
                    depth -= 1;
                    let (left, right) = scratch.stack.split_at_mut(depth);
                    let pair = Pair { left: &mut left[depth - 1][..used], right: &right[0][..used] };
                    if op == Op::Sum { dispatch(level, Add(pair)) } else { dispatch(level, Multiply(pair)) }
                }
            }
        }
        tile[..used].copy_from_slice(&scratch.stack[0][..used]);
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

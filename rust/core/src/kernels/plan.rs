//! A kernel expression as a program: its leaves, and the order in which sums and products combine them.

use super::arccosine::ArcCosine;
use super::dot::{Constant, Linear, Polynomial, Powers};
use super::finite::Finite;
use super::leaf::Leaf;
use super::radial::{Laplace, Manhattan, Matern, Rbf};
use super::{Kernel, Known, Network, network};
use crate::error::Result;
use crate::real::Real;
use crate::threads::Context;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Leaf(usize),
    Sum,
    Product,
}

/// A kernel ready to be an epilogue.
pub struct Plan<T> {
    pub(super) leaves: Vec<Box<dyn Leaf<T>>>,
    pub(super) ops: Vec<Op>,
    /// Whether rows whose squared norm underflows are refused.
    pub(super) strict: bool,
}

impl<T> std::fmt::Debug for Plan<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("ops", &self.ops).finish_non_exhaustive()
    }
}

impl<T: Real> Plan<T> {
    /// Check `kernel` and make it ready for rows of length `d`.
    ///
    /// # Errors
    /// Parameters outside their domain, memory.
    pub fn new(context: &Context<'_>, kernel: &Kernel, d: usize) -> Result<Self> {
        kernel.validate()?;
        let mut plan = Self { leaves: Vec::new(), ops: Vec::new(), strict: false };
        plan.push(context, kernel, d)?;
        Ok(plan)
    }

    /// The same, but rows that are not zero and whose squared norm underflows are an error.
    pub(crate) fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Whether values of all pairs take more of rows than inner products and norms.
    pub(crate) fn needs_rows(&self) -> bool {
        self.leaves.iter().any(|leaf| leaf.depth() > 0)
    }

    /// Whether a tile may look at two rows of which this is known.
    pub(crate) fn looks(&self, of: &Known<T>) -> bool {
        self.leaves.iter().any(|leaf| leaf.looks(of))
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
            Kernel::Layer(layer) => Box::new(Finite::of_layer(context, layer, d)?),
            Kernel::Nngp(n) => network::leaf(n, 0, false, d).1,
            Kernel::Ntk(n) => network::leaf(n, 0, true, d).1,
            Kernel::DotProduct(coefficients) => Box::new(Powers::new(coefficients.iter().copied(), d)),
            Kernel::Taylor { order, activation } => {
                // (x.x')^k of the inner product, and one hidden layer whose activation is the derivative.
                let n = Network { depth: 1, activation: *activation, weight_variance: 1.0, bias_variance: 0.0 };
                let (factor, leaf) = network::leaf(&n, *order, false, d);
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
}

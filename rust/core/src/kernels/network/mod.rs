//! Networks of infinite width: the law that an activation's derivatives follow makes the leaf of its kernel.

mod deep;
mod law;
mod laws;
mod logistic;
mod mixture;
mod power;
mod relu;
mod series;
mod steps;

use deep::Deep;
use laws::{Exponential, Polynomial, Step, Wave};
use mixture::{Logistic, Single};
use power::Power;
use relu::Relu;
use steps::Shape;

use super::Network;
use super::leaf::Leaf;
use crate::activation::Activation;
use crate::real::Real;

/// The derivative where it is a multiple of an activation: the square of the multiple, and the activation.
fn derivative(activation: Activation) -> Option<(f64, Activation)> {
    Some(match activation {
        Activation::Relu => (1.0, Activation::Step),
        Activation::Relu2 => (1.0, Activation::Relu),
        Activation::Relu3 => (1.0, Activation::Relu2),
        Activation::Softplus => (1.0, Activation::Sigmoid),
        Activation::Cos => (1.0, Activation::Sin),
        Activation::Sin => (1.0, Activation::Cos),
        Activation::Exp => (1.0, Activation::Exp),
        Activation::Cubic => (1.0, Activation::Quadratic),
        Activation::Quadratic => (1.0, Activation::Identity),
        Activation::Identity => (1.0, Activation::Hermite(0)),
        Activation::Hermite(0) => (0.0, Activation::Hermite(0)),
        Activation::Hermite(degree) => (f64::from(degree), Activation::Hermite(degree - 1)),
        _ => return None,
    })
}

/// The leaf of a network whose activation is the derivative of order `order` of the one named, which
/// [`Activation::check`] lets pass, and the factor that its moments lack.
pub(super) fn leaf<T: Real>(n: &Network, order: u32, tangent: bool, d: usize) -> (f64, Box<dyn Leaf<T>>) {
    let (mut factor, mut activation, mut order) = (1.0, n.activation, order);
    while let (true, Some((square, next))) = (order > 0, derivative(activation)) {
        (factor, activation, order) = (factor * square, next, order - 1);
    }
    let single = |shape, amplitude, s| -> Box<dyn Leaf<T>> {
        Box::new(Deep::new(Single::new(shape, order, amplitude, s), n, tangent, d))
    };
    let logistic = |shape, amplitude, scale| -> Box<dyn Leaf<T>> {
        Box::new(Deep::new(Logistic::new(shape, order, amplitude, scale), n, tangent, d))
    };
    let leaf: Box<dyn Leaf<T>> = match activation {
        Activation::Relu => Box::new(Relu::new(n, 0.0, tangent, d)),
        Activation::LeakyRelu(slope) if order == 0 => Box::new(Relu::new(n, slope, tangent, d)),
        Activation::LeakyRelu(slope) => Box::new(Deep::new(Step { low: slope }, n, tangent, d)),
        Activation::Step => Box::new(Deep::new(Step { low: 0.0 }, n, tangent, d)),
        Activation::Relu2 => Box::new(Deep::new(Power::<2>, n, tangent, d)),
        Activation::Relu3 => Box::new(Deep::new(Power::<3>, n, tangent, d)),
        // erf(t) = 2 Phi(sqrt(2) t) - 1 and tanh(t) = 2 / (1 + e^(-2 t)) - 1.
        Activation::Erf => single(Shape::Odd, 2.0, 0.5),
        Activation::Gelu => single(Shape::Gate, 1.0, 1.0),
        Activation::Tanh => logistic(Shape::Odd, 2.0, 2.0),
        Activation::Sigmoid => logistic(Shape::Step, 1.0, 1.0),
        Activation::Softplus => logistic(Shape::Ramp, 1.0, 1.0),
        Activation::Swish => logistic(Shape::Gate, 1.0, 1.0),
        Activation::Cos => Box::new(Deep::new(Wave::<false>, n, tangent, d)),
        Activation::Sin => Box::new(Deep::new(Wave::<true>, n, tangent, d)),
        Activation::Exp => Box::new(Deep::new(Exponential, n, tangent, d)),
        Activation::Identity => polynomial(1, Some(1.0), n, tangent, d),
        Activation::Quadratic => polynomial(2, Some(0.5), n, tangent, d),
        Activation::Cubic => polynomial(3, Some(1.0 / 6.0), n, tangent, d),
        Activation::Hermite(degree) => polynomial(degree, None, n, tangent, d),
    };
    (factor, leaf)
}

/// A monomial's or Hermite polynomial's leaf, with the number of terms known to the compiler.
fn polynomial<T: Real>(degree: u32, monomial: Option<f64>, n: &Network, tangent: bool, d: usize) -> Box<dyn Leaf<T>> {
    match degree / 2 + 1 {
        1 => Box::new(Deep::new(Polynomial::<1> { degree, monomial }, n, tangent, d)),
        2 => Box::new(Deep::new(Polynomial::<2> { degree, monomial }, n, tangent, d)),
        3..=4 => Box::new(Deep::new(Polynomial::<4> { degree, monomial }, n, tangent, d)),
        5..=8 => Box::new(Deep::new(Polynomial::<8> { degree, monomial }, n, tangent, d)),
        _ => Box::new(Deep::new(Polynomial::<16> { degree, monomial }, n, tangent, d)),
    }
}

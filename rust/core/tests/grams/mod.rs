//! Gram matrices of one call, and a kernel of every kind.

use widelearn_core::activation::Activation;
use widelearn_core::gram::assemble;
use widelearn_core::kernels::{Kernel, Network, Plan};
use widelearn_core::matrix::Rows;
use widelearn_core::real::Real;

use crate::pool::on;

pub(crate) fn gram<T: Real>(threads: usize, kernel: &Kernel, x: Rows<'_, T>, y: Option<Rows<'_, T>>) -> Vec<T> {
    let mut out = vec![T::ZERO; x.n * y.map_or(x.n, |y| y.n)];
    let plan = plan(kernel, x.d);
    on(threads, |context| assemble(context, &plan, x, y, &mut out)).expect("a Gram matrix");
    out
}

pub(crate) fn plan<T: Real>(kernel: &Kernel, d: usize) -> Plan<T> {
    on(1, |context| Plan::new(context, kernel, d)).expect("a plan")
}

pub(crate) fn network(activation: Activation, depth: usize, bias_variance: f64) -> Network {
    Network { depth, activation, weight_variance: 1.3, bias_variance }
}

pub(crate) fn kernels() -> Vec<Kernel> {
    let rbf = Kernel::Rbf { gamma: 0.1 };
    let mut all = vec![
        Kernel::Linear,
        Kernel::Polynomial { degree: 3, gamma: 0.5, coef0: 1.0 },
        rbf.clone(),
        Kernel::Laplace { gamma: 0.3, power: 1.0 },
        Kernel::Manhattan { gamma: 0.1 },
        Kernel::Matern { length_scale: 2.0, nu: 1.5 },
        Kernel::Sum(
            Box::new(Kernel::Constant(0.5)),
            Box::new(Kernel::Product(Box::new(rbf), Box::new(Kernel::Linear))),
        ),
    ];
    all.extend((0..=2).map(|order| Kernel::ArcCosine { order }));
    for (activation, tangent) in [(Activation::Relu, true), (Activation::Erf, true), (Activation::Gelu, false)] {
        all.push(Kernel::Finite { width: 301, activation, seed: 3, tangent });
    }
    all.extend((1..=4).map(|order| Kernel::Taylor { order, activation: Activation::Softplus }));
    all.push(Kernel::DotProduct(vec![1.0, 0.0, 0.5]));
    for bias in [0.0, 0.2] {
        for activation in [
            Activation::Relu,
            Activation::LeakyRelu(0.2),
            Activation::Erf,
            Activation::Tanh,
            Activation::Gelu,
            Activation::Swish,
            Activation::Relu2,
            Activation::Cos,
            Activation::Sin,
            Activation::Identity,
            Activation::Hermite(3),
        ] {
            all.push(Kernel::Ntk(network(activation, 2, bias)));
        }
        all.push(Kernel::Nngp(network(Activation::Step, 3, bias)));
    }
    all
}

//! Kernels against their formulas: expectations of Gaussian pairs by quadrature, closed forms of angles and distances.

mod pool;

use std::f64::consts::PI;

use pool::{normals, on};
use widelearn_core::activation::Activation;
use widelearn_core::gram::assemble;
use widelearn_core::kernels::{Kernel, Network, Plan};
use widelearn_core::matrix::Rows;
use widelearn_core::real::Real;
use widelearn_core::simd;

/// Gauss and Legendre's nodes and weights on an interval.
fn legendre(count: usize, (from, to): (f64, f64)) -> Vec<(f64, f64)> {
    let node = |k: usize| {
        let (mut x, mut slope) = ((PI * (k as f64 + 0.75) / (count as f64 + 0.5)).cos(), 0.0);
        for _ in 0..8 {
            let (mut p, mut before) = (1.0, 0.0);
            for j in 1..=count {
                (p, before) = (((2 * j - 1) as f64 * x * p - (j - 1) as f64 * before) / j as f64, p);
            }
            slope = count as f64 * (x * p - before) / (x * x - 1.0);
            x -= p / slope;
        }
        ((from + to + (to - from) * x) / 2.0, (to - from) / ((1.0 - x * x) * slope * slope))
    };
    (0..count).map(node).collect()
}

/// A grid of lengths and angles for pairs `(a r cos t, b r cos(t - angle))` of standard normal plane vectors: what
/// breaks at zero breaks where two of its arcs meet.
fn grid(angle: f64) -> Vec<(f64, f64, f64)> {
    let lengths = [(0.0, 3.0), (3.0, 7.0), (7.0, 13.0)].into_iter().flat_map(|part| legendre(16, part));
    let lengths: Vec<_> = lengths.map(|(r, w)| (r, w * r * (-r * r / 2.0).exp() / (2.0 * PI))).collect();
    let ends = [-PI / 2.0, angle - PI / 2.0, PI / 2.0, angle + PI / 2.0, 1.5 * PI];
    let arcs = ends.windows(2).flat_map(|arc| legendre(24, (arc[0], arc[1])));
    arcs.flat_map(|(t, v)| lengths.iter().map(move |&(r, w)| (r * t.cos(), r * (t - angle).cos(), w * v))).collect()
}

/// `E[f(u) f(v)]` for the derivative f of an activation and Gaussian u and v of these variances and this covariance.
fn expectation(f: Activation, order: u32, (xx, yy, xy): (f64, f64, f64)) -> f64 {
    let size = (xx * yy).sqrt();
    let grid = grid(if size > 0.0 { (xy / size).clamp(-1.0, 1.0).acos() } else { PI / 2.0 });
    let values = |scale: f64, pick: fn(&(f64, f64, f64)) -> f64| {
        let mut out: Vec<f64> = grid.iter().map(|node| scale * pick(node)).collect();
        f.apply(simd::level(), order, &mut out, 1.0);
        out
    };
    let (u, v) = (values(xx.sqrt(), |node| node.0), values(yy.sqrt(), |node| node.1));
    grid.iter().zip(u.iter().zip(v)).map(|(node, (u, v))| node.2 * u * v).sum()
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// The kernel of a network of infinite width, layer by layer.
fn of_network(n: &Network, tangent: bool, x: &[f64], y: &[f64]) -> f64 {
    let next = |expected: f64| n.weight_variance * expected + n.bias_variance;
    let first = |x: &[f64], y: &[f64]| next(dot(x, y) / x.len() as f64);
    let mut k = (first(x, x), first(y, y), first(x, y));
    let mut slope = k.2;
    for _ in 0..n.depth {
        let step = |order, k| expectation(n.activation, order, k);
        let own = |k| next(step(0, (k, k, k)));
        let between = next(step(0, k));
        if tangent {
            slope = between + n.weight_variance * step(1, k) * slope;
        }
        k = (own(k.0), own(k.1), between);
    }
    if tangent { slope } else { k.2 }
}

fn naive(kernel: &Kernel, x: &[f64], y: &[f64]) -> f64 {
    let (d, xy, xx, yy) = (x.len() as f64, dot(x, y), dot(x, x), dot(y, y));
    let cos = (xy / (xx * yy).sqrt()).clamp(-1.0, 1.0);
    let (angle, sin) = (cos.acos(), (1.0 - cos * cos).sqrt());
    let distance = x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt();
    match kernel {
        Kernel::Nngp(network) => of_network(network, false, x, y),
        Kernel::Ntk(network) => of_network(network, true, x, y),
        Kernel::Manhattan { gamma } => (-gamma * x.iter().zip(y).map(|(x, y)| (x - y).abs()).sum::<f64>()).exp(),
        Kernel::Matern { length_scale, nu } => {
            let r = (2.0 * nu).sqrt() * distance / length_scale;
            (-r).exp() * if *nu < 1.0 { 1.0 } else { 1.0 + r + if *nu > 2.0 { r * r / 3.0 } else { 0.0 } }
        }
        Kernel::ArcCosine { order: 0 } => (PI - angle) / PI,
        Kernel::ArcCosine { order: 1 } => (xx * yy).sqrt() * (sin + (PI - angle) * cos) / PI,
        Kernel::ArcCosine { .. } => xx * yy * (3.0 * sin * cos + (PI - angle) * (1.0 + 2.0 * cos * cos)) / PI,
        Kernel::Taylor { order, activation } => {
            let factorial: f64 = (1..=*order).map(f64::from).product();
            xy.powi(*order as i32) * expectation(*activation, *order, (xx / d, yy / d, xy / d)) / factorial.powi(2)
        }
        Kernel::DotProduct(terms) => terms.iter().enumerate().map(|(k, c)| c * (xy / d).powi(k as i32)).sum(),
        Kernel::Sum(a, b) => naive(a, x, y) + naive(b, x, y),
        Kernel::Product(a, b) => naive(a, x, y) * naive(b, x, y),
        _ => unreachable!("only those of the tests"),
    }
}

/// Rows of moderate lengths in single precision; the last ones are equal to, and opposite to, the first two.
fn rows(seed: u64, n: usize, d: usize) -> Vec<f32> {
    let mut x: Vec<f32> = normals(seed, n, d);
    for (i, row) in x.chunks_exact_mut(d).enumerate() {
        row.iter_mut().for_each(|v| *v *= 0.4 + 0.2 * i as f32);
    }
    for k in 0..d {
        x[(n - 2) * d + k] = x[k];
        x[(n - 1) * d + k] = -x[d + k];
    }
    x
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&v| f64::from(v)).collect()
}

fn gram<T: Real>(kernel: &Kernel, x: &[T], d: usize) -> Vec<f64> {
    let n = x.len() / d;
    let mut out = vec![T::ZERO; n * n];
    let plan = on(1, |context| Plan::new(context, kernel, d)).expect("a plan");
    on(1, |context| assemble(context, &plan, Rows::new(x, n, d), None, &mut out)).expect("a Gram matrix");
    out.iter().map(|v| v.to_f64()).collect()
}

/// Every entry against the formula, in two types. Formulas of angles know those of one or two directions to 1e-8.
fn check(kernel: &Kernel, narrow: &[f32], d: usize) {
    let (n, x) = (narrow.len() / d, wide(narrow));
    let row = |i: usize| &x[i * d..(i + 1) * d];
    let mut wanted = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            wanted[i * n + j] = naive(kernel, row(i), row(j));
            wanted[j * n + i] = wanted[i * n + j];
        }
    }
    for (out, apart, aligned) in [(gram(kernel, &x, d), 1e-9, 1e-6), (gram(kernel, narrow, d), 3e-5, 3e-4)] {
        for (at, (found, want)) in out.iter().zip(&wanted).enumerate() {
            let (i, j) = (at / n, at % n);
            let cos = dot(row(i), row(j)) / (dot(row(i), row(i)) * dot(row(j), row(j))).sqrt();
            let tolerance = if cos.abs() > 1.0 - 1e-9 { aligned } else { apart };
            let size = (wanted[i * n + i] * wanted[j * n + j]).abs().sqrt();
            assert!((found - want).abs() <= tolerance * size, "{kernel:?} at {i} {j}: {found} {want}, {tolerance}");
        }
    }
}

#[test]
fn networks_are_their_expectations() {
    let activations = [
        Activation::Relu,
        Activation::LeakyRelu(0.2),
        Activation::Step,
        Activation::Erf,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Gelu,
        Activation::Softplus,
        Activation::Swish,
        Activation::Cos,
        Activation::Sin,
        Activation::Exp,
        Activation::Identity,
        Activation::Quadratic,
        Activation::Cubic,
        Activation::Relu2,
        Activation::Relu3,
        Activation::Hermite(2),
        Activation::Hermite(5),
    ];
    for (k, activation) in activations.into_iter().enumerate() {
        let d = 2 + k % 4;
        let mut x = rows(20 + k as u64, 6, d);
        x[2 * d..3 * d].fill(0.0);
        for (depth, weight_variance, bias_variance) in [(1, 0.9, 0.0), (2, 0.6, 0.3)] {
            let network = Network { depth, activation, weight_variance, bias_variance };
            check(&Kernel::Nngp(network), &x, d);
            if activation != Activation::Step {
                check(&Kernel::Ntk(network), &x, d);
            }
        }
    }
}

#[test]
fn others_are_their_formulas() {
    let mut kernels: Vec<Kernel> = (0..=2).map(|order| Kernel::ArcCosine { order }).collect();
    kernels.extend([0.5, 1.5, 2.5].map(|nu| Kernel::Matern { length_scale: 1.7, nu }));
    kernels.push(Kernel::Manhattan { gamma: 0.3 });
    kernels.push(Kernel::DotProduct(vec![0.5, 0.0, 2.0, 0.25]));
    for activation in [Activation::Softplus, Activation::Tanh, Activation::Gelu] {
        kernels.extend((1..=3).map(|order| Kernel::Taylor { order, activation }));
    }
    let two = |at: usize| Box::new(kernels[at].clone());
    let (sum, product) = (Kernel::Sum(two(1), two(4)), Kernel::Product(two(0), two(7)));
    kernels.extend([sum, product]);
    for (k, kernel) in kernels.iter().enumerate() {
        for d in [2, 7, 40] {
            check(kernel, &rows(60 + k as u64, 6, d), d);
        }
    }
}

#[test]
fn kernels_of_many_neurons_are_near_their_limits() {
    // On the sphere, steps see angles alone, and a rectifier's products have the mean of the Gaussian ones over d.
    let (d, width) = (6, 40_000);
    let x = wide(&rows(90, 6, d));
    // Neurons have a mean product of half of what the arc-cosine kernels say.
    let half = |order, x: &[f64], y: &[f64]| naive(&Kernel::ArcCosine { order }, x, y) / 2.0;
    for (activation, tangent) in [(Activation::Step, false), (Activation::Relu, false), (Activation::Relu, true)] {
        let limit = |x: &[f64], y: &[f64]| match (activation, tangent) {
            (Activation::Step, _) => half(0, x, y),
            (_, false) => half(1, x, y) / d as f64,
            (_, true) => half(0, x, y) * dot(x, y) / d as f64,
        };
        let plan = on(1, |context| Plan::new(context, &Kernel::Finite { width, activation, seed: 5, tangent }, d));
        let (plan, mut out) = (plan.expect("a plan"), vec![0.0; 36]);
        on(2, |context| assemble(context, &plan, Rows::new(&x, 6, d), None, &mut out)).expect("a Gram matrix");
        let row = |i: usize| &x[i * d..(i + 1) * d];
        for (at, found) in out.iter().enumerate() {
            let (i, j) = (at / 6, at % 6);
            let (want, size) = (limit(row(i), row(j)), dot(row(i), row(i)).max(dot(row(j), row(j))).max(1.0));
            assert!(
                (found - want).abs() <= 6.0 * size / (width as f64).sqrt(),
                "{activation:?} {i} {j}: {found} {want}"
            );
        }
    }
}

/// The angle between `(x, h)` and `(y, h)`, from what is left of their difference, or sum, across the first.
fn angle(x: &[f64], y: &[f64], h: f64) -> f64 {
    let (xy, xx) = (dot(x, y) + h * h, dot(x, x) + h * h);
    let sign = 1f64.copysign(xy);
    let rest: Vec<(f64, f64)> = x.iter().zip(y).map(|(x, y)| (*x, y - sign * x)).chain([(h, h - sign * h)]).collect();
    let along = rest.iter().map(|(x, r)| x * r).sum::<f64>() / xx;
    let across = rest.iter().map(|(x, r)| (r - along * x).powi(2)).sum::<f64>().sqrt();
    let acute = across.atan2(xy.abs() / xx.sqrt());
    if sign > 0.0 { acute } else { PI - acute }
}

#[test]
fn rows_of_nearly_one_direction_keep_their_angles() {
    for (seed, d) in [(0, 2), (1, 3), (2, 8), (3, 21)] {
        let x: Vec<f64> = normals(seed + 70, 1, d);
        let step: Vec<f64> = normals(seed + 80, 1, d);
        for (power, sign) in (0..24).map(|k| (-0.5 * f64::from(k), if k % 3 == 2 { -1.0 } else { 1.0 })) {
            let y: Vec<f64> = x.iter().zip(&step).map(|(x, s)| sign * (x + s * 10f64.powf(power))).collect();
            let pair: Vec<f64> = x.iter().chain(&y).copied().collect();
            for (weight_variance, bias_variance) in [(1.3, 0.0), (0.7, 0.2)] {
                let network = |activation, depth| Network { depth, activation, weight_variance, bias_variance };
                let next = |expected: f64| weight_variance * expected + bias_variance;
                let h = (bias_variance * d as f64 / weight_variance).sqrt();
                let (first, own) = (angle(&x, &y, h), next(0.5));
                // A layer of steps has the covariance w (pi - t) / (2 pi) + b, and w / 2 + b with itself.
                let step = next((PI - first) / (2.0 * PI));
                let second = 2.0 * ((weight_variance * first / (2.0 * PI)) / (2.0 * own)).sqrt().asin();
                let sizes = next(dot(&x, &x) / d as f64) * next(dot(&y, &y) / d as f64);
                let relu = next(sizes.sqrt() * (first.sin() + (PI - first) * first.cos()) / (2.0 * PI));
                let slope = weight_variance * (PI - first) / (2.0 * PI) * next(dot(&x, &y) / d as f64);
                for (kernel, want, size) in [
                    (Kernel::Nngp(network(Activation::Step, 1)), step, own),
                    (Kernel::Nngp(network(Activation::Step, 2)), next((PI - second) / (2.0 * PI)), own),
                    (Kernel::Nngp(network(Activation::Relu, 1)), relu, next(sizes.sqrt() / 2.0)),
                    (Kernel::Ntk(network(Activation::Relu, 1)), relu + slope, next(sizes.sqrt())),
                ] {
                    let found = gram(&kernel, &pair, d)[1];
                    assert!((found - want).abs() <= 2e-14 * size, "{kernel:?} 1e{power} {sign}: {found} {want}");
                }
            }
        }
    }
}

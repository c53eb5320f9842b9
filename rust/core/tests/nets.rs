//! Two-layer nets through the public API, against loops over rows and neurons, differences and other thread counts.

use widelearn_core::activation::{Activation, Shape};
use widelearn_core::matrix::Rows;
use widelearn_core::nets::{Expansion, Labels, Law, Loss, Net, NetGradient, Signs, Terms};
use widelearn_core::nets::{forward, gradient, hessian_product, signs_forward, simplified, tangent_product};
use widelearn_core::nets::{tangent_transpose, taylor_gradient, taylor_terms};
use widelearn_core::random::Stream;
use widelearn_core::threads::{Context, run};

/// Rows, columns, neurons, outputs: more than one tile of neurons, and a last block that is not full.
const SHAPE: (usize, usize, usize, usize) = (401, 7, 150, 2);

fn on<R: Send>(threads: usize, job: impl FnOnce(&Context<'_>) -> widelearn_core::error::Result<R> + Send) -> R {
    run(threads, || true, job).expect("a net")
}

fn normals(seed: u64, n: usize, d: usize, scale: f64) -> Vec<f64> {
    let mut out = vec![0.0; n * d];
    on(1, |context| Stream::new(seed, 9).matrix(context, 0, d, &mut out));
    out.iter().map(|v| v * scale).collect()
}

/// Arrays of a net, of its movement and of labelled rows.
struct Case {
    x: Vec<f64>,
    y: Vec<f64>,
    weight: Vec<f64>,
    w: Vec<f64>,
    v: Vec<f64>,
    b: Vec<f64>,
    a: Vec<f64>,
}

impl Case {
    fn new() -> Self {
        let (n, d, m, c) = SHAPE;
        let weight = normals(7, n, 1, 1.0).iter().map(|v| v.abs()).collect();
        let (x, y) = (normals(1, n, d, 0.4), normals(2, n, c, 1.0));
        let (w, v) = (normals(3, m, d, 1.0), normals(4, m, d, 0.3));
        Self { x, y, weight, w, v, b: normals(5, m, 1, 0.5), a: normals(6, m, c, 0.1) }
    }

    fn x(&self) -> Rows<'_, f64> {
        Rows::new(&self.x, SHAPE.0, SHAPE.1)
    }

    fn layer<'a>(&self, data: &'a [f64]) -> Rows<'a, f64> {
        Rows::new(data, SHAPE.2, SHAPE.1)
    }

    fn net<'a>(&'a self, w: &'a [f64], b: &'a [f64], a: &'a [f64], activation: Activation) -> Net<'a, f64> {
        Net { w: self.layer(w), b, a: Rows::new(a, SHAPE.2, SHAPE.3), shape: Shape::Plain(activation) }
    }

    fn labels(&self) -> Labels<'_, f64> {
        Labels { loss: Loss::Squared, y: &self.y, weight: &self.weight, offset: None }
    }

    fn expansion<'a>(&'a self, v: &'a [f64], orders: &'a [u32]) -> Expansion<'a, f64> {
        let a = Rows::new(&self.a, SHAPE.2, SHAPE.3);
        Expansion { start: self.layer(&self.w), movement: self.layer(v), a, activation: Activation::Erf, orders }
    }

    /// `sum_r a_r term(w_r . x_i, v_r . x_i, r)` of every row and output.
    fn sums(&self, term: impl Fn(f64, f64, usize) -> f64) -> Vec<f64> {
        let (n, d, m, c) = SHAPE;
        let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut out = vec![0.0; n * c];
        for (x, out) in self.x.chunks(d).zip(out.chunks_mut(c)) {
            for r in 0..m {
                let part = |layer: &[f64]| inner(&layer[r * d..(r + 1) * d], x);
                let value = term(part(&self.w), part(&self.v), r);
                out.iter_mut().zip(&self.a[r * c..]).for_each(|(o, a)| *o += a * value);
            }
        }
        out
    }
}

fn assert_near(got: &[f64], wanted: &[f64], tolerance: f64) {
    let size = wanted.iter().fold(1e-300, |s: f64, v| s.max(v.abs()));
    let worst = got.iter().zip(wanted).fold(0.0, |s: f64, (g, w)| s.max((g - w).abs()));
    assert_eq!(got.len(), wanted.len());
    assert!(worst <= tolerance * size, "off by {worst:e} where the largest is {size:e}");
}

fn outputs(case: &Case, net: Net<'_, f64>, threads: usize) -> Vec<f64> {
    let mut out = vec![0.0; SHAPE.0 * SHAPE.3];
    on(threads, |context| forward(context, case.x(), net, &mut out));
    out
}

#[test]
fn outputs_are_sums_over_neurons_for_any_threads() {
    let case = Case::new();
    for (activation, of) in [
        (Activation::Relu, (|t| t.max(0.0)) as fn(f64) -> f64),
        (Activation::Tanh, f64::tanh),
        (Activation::Quadratic, |t| t * t / 2.0),
    ] {
        let net = case.net(&case.w, &case.b, &case.a, activation);
        let got = outputs(&case, net, 1);
        // Sums of 150 products of sums of 7: some ten roundings of the largest.
        assert_near(&got, &case.sums(|u, _, r| of(u - case.b[r])), 1e-13);
        assert_eq!(got, outputs(&case, net, 3));
    }
}

#[test]
fn gradients_are_slopes_of_the_loss() {
    let (case, (n, d, m, c)) = (Case::new(), SHAPE);
    let loss = |w: &[f64], b: &[f64], a: &[f64]| {
        let f = outputs(&case, case.net(w, b, a, Activation::Tanh), 1);
        let row = |i: usize| (0..c).map(|t| (f[i * c + t] - case.y[i * c + t]).powi(2) / 2.0).sum::<f64>();
        (0..n).map(|i| case.weight[i] * row(i)).sum::<f64>()
    };
    let (mut w, mut b, mut a) = (vec![0.0; m * d], vec![0.0; m], vec![0.0; m * c]);
    let net = case.net(&case.w, &case.b, &case.a, Activation::Tanh);
    let into = NetGradient { w: &mut w, b: &mut b, a: &mut a };
    let value = on(2, |context| gradient(context, case.x(), net, case.labels(), into));
    assert_near(&[value], &[loss(&case.w, &case.b, &case.a)], 1e-13);
    // Central differences along one direction: their error is h^2 times a third derivative.
    let (to_w, to_b, to_a) = (normals(11, m, d, 1.0), normals(12, m, 1, 1.0), normals(13, m, c, 1.0));
    let moved =
        |h: f64, from: &[f64], to: &[f64]| -> Vec<f64> { from.iter().zip(to).map(|(f, t)| f + h * t).collect() };
    let at = |h: f64| loss(&moved(h, &case.w, &to_w), &moved(h, &case.b, &to_b), &moved(h, &case.a, &to_a));
    let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let slope = inner(&w, &to_w) + inner(&b, &to_b) + inner(&a, &to_a);
    assert_near(&[slope], &[(at(1e-5) - at(-1e-5)) / 2e-5], 1e-7);
}

#[test]
fn tangent_products_are_transposes_of_each_other() {
    let (case, (n, d, m, c)) = (Case::new(), SHAPE);
    let net = case.net(&case.w, &case.b, &case.a, Activation::Tanh);
    let (mut along, mut back) = (vec![0.0; n * c], vec![0.0; m * d]);
    on(2, |context| tangent_product(context, case.x(), net, case.layer(&case.v), &mut along));
    on(2, |context| tangent_transpose(context, case.x(), net, &case.y, &mut back));
    assert_near(&along, &case.sums(|u, v, r| (1.0 - (u - case.b[r]).tanh().powi(2)) * v), 1e-13);
    let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    assert_near(&[inner(&back, &case.v)], &[inner(&along, &case.y)], 1e-12);
}

#[test]
fn of_no_rows_nothing_is_cut() {
    let case = Case::new();
    let none = || Rows::new(&[][..], 0, SHAPE.1);
    on(2, |context| {
        taylor_terms(context, none(), case.expansion(&case.v, &[0, 1]), Terms::Each, None, &mut [])?;
        forward(context, none(), case.net(&case.w, &case.b, &case.a, Activation::Tanh), &mut [])
    });
}

#[test]
fn terms_add_up_and_their_gradient_and_curvature_are_slopes() {
    let (case, (n, d, m, c)) = (Case::new(), SHAPE);
    let net = case.expansion(&case.v, &[1, 2]);
    let (mut each, mut sum) = (vec![0.0; 2 * n * c], vec![0.0; n * c]);
    on(2, |context| taylor_terms(context, case.x(), net, Terms::Each, None, &mut each));
    on(2, |context| taylor_terms(context, case.x(), net, Terms::Sum, None, &mut sum));
    let bell = |u: f64| (-u * u).exp() * std::f64::consts::FRAC_2_SQRT_PI;
    assert_near(&each[..n * c], &case.sums(|u, v, _| bell(u) * v), 1e-13);
    assert_near(&each[n * c..], &case.sums(|u, v, _| -u * bell(u) * v * v), 1e-13);
    let added: Vec<f64> = each[..n * c].iter().zip(&each[n * c..]).map(|(a, b)| a + b).collect();
    assert_near(&sum, &added, 1e-13);

    let at = |v: &[f64]| {
        let (mut by_w, mut residual) = (vec![0.0; m * d], vec![0.0; n * c]);
        let net = case.expansion(v, &[1, 2]);
        let value = on(2, |k| taylor_gradient(k, case.x(), net, case.labels(), &mut by_w, &mut residual));
        (value, by_w)
    };
    let to = normals(14, m, d, 1.0);
    let moved = |h: f64| -> Vec<f64> { case.v.iter().zip(&to).map(|(v, t)| v + h * t).collect() };
    let ((up, up_slope), (down, down_slope)) = (at(&moved(1e-5)), at(&moved(-1e-5)));
    let slope = at(&case.v).1.iter().zip(&to).map(|(g, t)| g * t).sum::<f64>();
    assert_near(&[slope], &[(up - down) / 2e-5], 1e-7);
    let mut curved = vec![0.0; m * d];
    on(2, |context| hessian_product(context, case.x(), net, case.labels(), case.layer(&to), &mut curved));
    let differences: Vec<f64> = up_slope.iter().zip(&down_slope).map(|(u, v)| (u - v) / 2e-5).collect();
    assert_near(&curved, &differences, 1e-7);
}

#[test]
fn signs_and_the_simplified_gradient_are_their_formulas() {
    let (case, (n, d, m, c)) = (Case::new(), SHAPE);
    let a = Rows::new(&case.a, m, c);
    let shape = Shape::Plain(Activation::Tanh);
    let net = Signs { start: case.layer(&case.w), movement: case.layer(&case.v), a, shape, law: None };
    let (mut mean, mut variance) = (vec![0.0; n * c], vec![0.0; n * c]);
    on(2, |context| signs_forward(context, case.x(), net, &mut mean, &mut variance));
    assert_near(&mean, &case.sums(|u, v, _| ((u + v).tanh() + (u - v).tanh()) / 2.0), 1e-13);
    let odd = |u: f64, v: f64| ((u + v).tanh() - (u - v).tanh()) / 2.0;
    let mut squares = Case::new();
    squares.a.iter_mut().for_each(|a| *a *= *a);
    assert_near(&variance, &squares.sums(|u, v, _| odd(u, v).powi(2)), 1e-13);

    // Twins at the values -1, 1 and 0: half the second difference, and the variance of the first of them.
    let law = Law { values: &[-1.0, 0.0, 1.0], weights: &[0.5, -1.0, 0.5] };
    on(2, |context| signs_forward(context, case.x(), Signs { law: Some(law), ..net }, &mut mean, &mut variance));
    let second = |u: f64, v: f64, _| ((u + v).tanh() + (u - v).tanh()) / 2.0 - u.tanh();
    assert_near(&mean, &case.sums(second), 1e-13);
    assert_near(&variance, &squares.sums(|u, v, _| odd(u, v).powi(2)), 1e-13);

    let mut out = vec![0.0; c * m * d];
    let (layer, y) = ((case.layer(&case.w), &case.b[..]), Rows::new(&case.y, n, c));
    on(2, |context| simplified(context, case.x(), layer, y, &case.weight, &mut out));
    let mut wanted = vec![0.0; c * m * d];
    for i in 0..n {
        let x = case.x().row(i);
        for r in 0..m {
            let u: f64 = case.w[r * d..(r + 1) * d].iter().zip(x).map(|(w, x)| w * x).sum();
            for t in (0..c).filter(|_| u > case.b[r]) {
                let by = case.weight[i] * case.y[i * c + t];
                wanted[(t * m + r) * d..][..d].iter_mut().zip(x).for_each(|(o, x)| *o += by * x);
            }
        }
    }
    assert_near(&out, &wanted, 1e-12);
}

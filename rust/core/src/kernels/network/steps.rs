//! Gaussian moments of smoothed steps, ramps and gated lines in closed form.
//!
//! With `Phi` the standard normal distribution function, `f(t) = Phi(t / sqrt(s))` is a step blurred by normal noise of
//! variance `s`: moments of `f(u)` and `f'(v)` are those of steps whose arguments have the variances `A = q + s` and
//! `B = q' + s'` and still the covariance `c`. With `D = A B - c^2` (Williams 1997)
//!
//! `E[f f'] = 1/4 + asin(c / sqrt(A B)) / (2 pi)`, whose derivatives by `c`, `E` of products of the functions'
//! derivatives, are polynomials in `1 / sqrt(D)` and `c / sqrt(D)`.

use std::f64::consts::TAU;

use crate::real::Real;

/// A function made of steps `f`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `f(t)`.
    Step,
    /// `f(t) - 1/2`.
    Odd,
    /// The integral of `f` from `-inf` to `t`: a blurred relu.
    Ramp,
    /// `t f(t)`.
    Gate,
}

/// One row's part: its variance, the step's `s`, and `1 / sqrt(q + s)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<T> {
    pub(super) q: T,
    pub(super) s: T,
    pub(super) inverse: T,
}

/// Half-way results of a pair of steps.
#[derive(Debug, Clone, Copy)]
struct Steps<T> {
    c: T,
    /// `asin(c / sqrt(A B)) / (2 pi)`.
    arc: T,
    /// `1 / sqrt(D)` and `c / sqrt(D)`.
    root: T,
    slant: T,
}

impl<T: Real> Steps<T> {
    /// `d^m / d c^m` of `E[f f']`, `m >= 1`.
    #[inline(always)]
    fn derivative(&self, m: u32) -> T {
        let n = T::from_f64;
        let (root, slant) = (self.root, self.slant);
        let (root2, slant2) = (root * root, slant * slant);
        let value = match m {
            1 => root,
            2 => slant * root2,
            3 => root * root2 * (T::ONE + n(3.0) * slant2),
            4 => root2 * root2 * slant * (n(9.0) + n(15.0) * slant2),
            _ => root * (root2 * root2) * (n(9.0) + slant2 * (n(90.0) + n(105.0) * slant2)),
        };
        value * n(1.0 / TAU)
    }

    /// `E[f f']` itself.
    #[inline(always)]
    fn value(&self) -> T {
        T::from_f64(0.25) + self.arc
    }
}

/// `E` of the product of the `order`-th derivatives of a shape, and, for order 0, of the first ones. Call it with
/// constants: the branches then go away.
///
/// `sin2` is `1 - rho^2`, known better than the covariance tells where rows nearly coincide. Exchanging the parts leaves
/// the bits as they are.
#[inline(always)]
pub(super) fn moments<T: Real, const FMA: bool>(
    shape: Shape,
    order: u32,
    (c, sin2): (T, T),
    a: Part<T>,
    b: Part<T>,
) -> (T, T) {
    let one = T::ONE;
    let inverse = a.inverse * b.inverse;
    // Shares of the variances, so that nothing overflows where they do not.
    let share = |p: Part<T>| (p.q * p.inverse * p.inverse, p.s * p.inverse * p.inverse);
    let ((nx, dx), (ny, dy)) = (share(a), share(b));
    let u = c * inverse;
    let apart = (nx * ny) * sin2;
    // 1 - u^2, a sum of positive terms.
    let rest = apart + ((nx * dy + ny * dx) + dx * dy);
    let inverse_sine = one / rest.sqrt();
    let asin = u.asin_beside::<FMA>(rest / (one + u.abs()));
    let steps = Steps { c, arc: asin * T::from_f64(1.0 / TAU), root: inverse_sine * inverse, slant: u * inverse_sine };
    match (shape, order) {
        (Shape::Odd, 0) => (steps.arc, steps.derivative(1)),
        (Shape::Step, 0) => (steps.value(), steps.derivative(1)),
        (Shape::Step | Shape::Odd, _) => (steps.derivative(order), T::ZERO),
        // The root of D is rest times 1 / sqrt(D) times A B.
        (Shape::Ramp, 0) => {
            let size = T::from_f64(1.0 / TAU) / inverse;
            (c.mul_add::<FMA>(steps.value(), size * rest * inverse_sine), steps.value())
        }
        (Shape::Ramp, 1) => (steps.value(), T::ZERO),
        (Shape::Ramp, _) => (steps.derivative(order - 1), T::ZERO),
        (Shape::Gate, _) => {
            let eta = dx + dy;
            if order == 0 {
                // c E[f f'] + (q q' - c^2 + eta c^2) / (2 pi sqrt(D)), twice integrating by parts.
                let size = T::from_f64(1.0 / TAU) / inverse;
                let value = c.mul_add::<FMA>(steps.value(), size * ((apart + (u * u) * eta) * inverse_sine));
                (value, gate::<T, FMA>(&steps, 1, eta, a.s * b.s))
            } else {
                (gate::<T, FMA>(&steps, order, eta, a.s * b.s), T::ZERO)
            }
        }
    }
}

/// Derivatives of the gate's moment: `(1 + (m - 1) eta) F_(m-1) + eta c F_m + s s' F_(m+1)`, `F_m` the step's, `m >= 1`.
#[inline(always)]
fn gate<T: Real, const FMA: bool>(steps: &Steps<T>, m: u32, eta: T, both: T) -> T {
    let below = if m == 1 { steps.value() } else { steps.derivative(m - 1) };
    let factor = T::from_u32(m - 1).mul_add::<FMA>(eta, T::ONE);
    factor * below + (eta * (steps.c * steps.derivative(m)) + both * steps.derivative(m + 1))
}

//! The reciprocal condition number in the 1-norm, estimated from a factor (Hager 1984, Higham 1988).

use super::triangular::substitute;
use crate::error::Result;
use crate::memory::alloc;
use crate::real::Real;
use crate::threads::Context;

/// `1 / (|A|_1 |A^-1|_1)`, the second factor estimated from below by at most five solves.
pub(super) fn reciprocal<T: Real>(context: &Context<'_>, l: &[T], n: usize, norm: f64) -> Result<f64> {
    let mut x = alloc(n, "a vector")?;
    x.fill(T::from_f64(1.0 / n as f64));
    let mut estimate = 0.0f64;
    let mut last = n;
    for _ in 0..5 {
        substitute(context, l, n, &mut x)?;
        let size: f64 = x.iter().map(|v| v.to_f64().abs()).sum();
        if size <= estimate {
            break;
        }
        estimate = size;
        for v in x.iter_mut() {
            *v = T::ONE.copysign(*v);
        }
        substitute(context, l, n, &mut x)?;
        let (j, _) =
            x.iter().enumerate().fold((0, T::ZERO), |(j, m), (i, v)| if v.abs() > m { (i, v.abs()) } else { (j, m) });
        if j == last {
            break;
        }
        last = j;
        x.fill(T::ZERO);
        x[j] = T::ONE;
    }
    // Higham's safeguard against cancellation: an alternating vector of growing entries.
    for (i, v) in x.iter_mut().enumerate() {
        let size = 1.0 + i as f64 / (n.max(2) - 1) as f64;
        *v = T::from_f64(if i % 2 == 0 { size } else { -size });
    }
    substitute(context, l, n, &mut x)?;
    let size: f64 = x.iter().map(|v| v.to_f64().abs()).sum();
    estimate = estimate.max(2.0 * size / (3.0 * n as f64));
    let product = norm * estimate;
    Ok(if product > 0.0 && product.is_finite() { (1.0 / product).min(1.0) } else { 0.0 })
}

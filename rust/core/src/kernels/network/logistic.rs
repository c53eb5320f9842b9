//! The logistic function as a mixture of normal distribution functions, with few terms.

/// `1 / (1 + e^-t) = sum_m w_m Phi(t / sqrt(s_m))`: pairs `(s_m, w_m)`, by increasing `s`.
///
/// The Gauss rule in `log s` of the law of `s = 4 k^2`, `k` Kolmogorov's, computed by `tests/golden/logistic.py`. The
/// function itself is off by 7e-10 at most: far out, where a step of width `sqrt(s)` is sharp. Integrals against normal
/// densities are smooth in `log s`. So Gaussian duals of variances 1e-8 to 1e6 are off by 1e-13 of their size for the
/// function and its first derivative, by 3e-11 up to the fourth.
///
/// Source: Stefanski, "A normal scale mixture representation of the logistic distribution", Statistics & Probability Letters
/// 11 (1991), the theorem.
pub(super) const LOGISTIC: [(f64, f64); 12] = [
    (0.30785608866732017, 6.515686399676817e-06),
    (0.4593446421553794, 0.0006346896919439049),
    (0.6770597776333638, 0.011054560381193746),
    (1.0083118534981774, 0.06680359139714917),
    (1.5283054419686015, 0.18634620490848933),
    (2.3575729564582795, 0.2825826783009421),
    (3.67670358539649, 0.25666119286146377),
    (5.725997590867626, 0.14306434548266153),
    (8.80258298704552, 0.04549770989870683),
    (13.30883322036572, 0.006963765633571207),
    (19.90632838865037, 0.00038094132478774426),
    (30.123977975622804, 3.804432690989116e-06),
];

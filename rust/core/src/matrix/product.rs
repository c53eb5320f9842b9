//! The register-blocked matrix product under every tile: packed panels in, a row-major tile out.
//!
//! Each element of the product is one chain of multiply-adds in the order of `k`, restarted every [`DEPTH`] steps, so
//! that its bits depend on the two rows alone: not on their place in the matrix, the tile size or the vector width.

use super::{DEPTH, Packed};
use crate::real::Real;
use crate::simd::{self, Job, Level};

/// `tile[i][j] = a_i . b_j` for `rows` rows of `a` from `a0`, a multiple of the register block's height, and `cols` rows
/// of `b` from `b0`, which starts a panel; `a` may be packed as `b` is. The tile's rows are `ld` apart; whole register
/// blocks are written, so it holds multiples of them; with `lower` those above the diagonal are left out.
pub(crate) fn product<T: Real>(
    level: Level,
    a: &Packed<T>,
    (a0, rows): (usize, usize),
    b: &Packed<T>,
    (b0, cols): (usize, usize),
    tile: &mut [T],
    ld: usize,
    lower: bool,
) {
    let ((mr, nr), kernel) = (T::block(level), T::kernel(level));
    let lda = a.width;
    assert!((lda == mr || lda == nr) && b.width == nr && a.depth == b.depth);
    let (m, n) = (rows.next_multiple_of(mr), cols.next_multiple_of(nr));
    assert!(a0 + m <= a.rows && b0 + n <= b.rows && a0 % mr == 0 && b0 % nr == 0);
    assert!(n <= ld && m <= tile.len() / ld.max(1) + 1 && m.saturating_sub(1) * ld + n <= tile.len());
    if a.depth == 0 {
        tile.fill(T::ZERO);
    }
    for k0 in (0..a.depth).step_by(DEPTH) {
        let (bp, kc) = b.panels(k0, b0);
        assert!(bp.len() >= n * kc);
        for i in (0..m).step_by(mr) {
            let ap = &a.panel(k0, a0 + i)[..(kc - 1) * lda + mr];
            for j in (0..if lower { n.min(i + mr) } else { n }).step_by(nr) {
                let (bp, c) = (bp.as_ptr().wrapping_add(j * kc), tile.as_mut_ptr().wrapping_add(i * ld + j));
                // SAFETY: the assertions above bound every access.
                unsafe { kernel(kc, ap.as_ptr(), lda, bp, nr, c, ld, k0 > 0) };
            }
        }
    }
}

/// `tile[i][j] = sum_k a_i[k] b[k][j]` for `rows` rows of `a`, from its first, and `cols` columns of `b`, whose steps lie
/// `ldb` apart, row-major: what [`product`] gives, of a factor whose steps are rows already. Whole register blocks are
/// read and written.
pub(crate) fn product_steps<T: Real>(
    level: Level,
    a: &Packed<T>,
    rows: usize,
    b: &[T],
    (ldb, cols): (usize, usize),
    tile: &mut [T],
    ld: usize,
) {
    let ((mr, nr), kernel) = (T::block(level), T::kernel(level));
    let (m, n) = (rows.next_multiple_of(mr), cols.next_multiple_of(nr));
    assert!(a.width == mr && m <= a.rows && n <= ldb && n <= ld);
    assert!(a.depth * ldb <= b.len() && (m == 0 || (m - 1) * ld + n <= tile.len()));
    for k0 in (0..a.depth).step_by(DEPTH) {
        for j in (0..n).step_by(nr) {
            for i in (0..m).step_by(mr) {
                let (ap, kc) = a.panels(k0, i);
                assert!(ap.len() >= kc * mr);
                let (b, c) = (b.as_ptr().wrapping_add(k0 * ldb + j), tile.as_mut_ptr().wrapping_add(i * ld + j));
                // SAFETY: the assertions above bound every access.
                unsafe { kernel(kc, ap.as_ptr(), mr, b, ldb, c, ld, k0 > 0) };
            }
        }
    }
}

/// `c (+)= sum_k a[k] b[k]` over one register block, whose height is the length of a step of `a`; steps of `b` and rows of
/// `c` are so far apart.
pub(crate) fn block<T: Real>(level: Level, a: &[T], (b, ldb): (&[T], usize), (c, ldc): (&mut [T], usize), add: bool) {
    let (mr, nr) = T::block(level);
    let k = a.len() / mr;
    assert!(k.saturating_sub(1) * ldb + nr <= b.len() && (mr - 1) * ldc + nr <= c.len());
    // SAFETY: the assertion bounds every access.
    unsafe { T::kernel(level)(k, a.as_ptr(), mr, b.as_ptr(), ldb, c.as_mut_ptr(), ldc, add) };
}

/// `a_i . b_j` of two packed rows, with the bits that [`product`] gives.
pub(crate) fn inner<T: Real>(level: Level, a: &Packed<T>, i: usize, b: &Packed<T>, j: usize) -> T {
    simd::dispatch(level, Inner { a, i, b, j })
}

struct Inner<'a, T> {
    a: &'a Packed<T>,
    i: usize,
    b: &'a Packed<T>,
    j: usize,
}

impl<T: Real> Job for Inner<'_, T> {
    type Output = T;
    #[inline(always)]
    fn run<const FMA: bool>(self) -> T {
        let Self { a, i, b, j } = self;
        let mut sum = T::ZERO;
        for k0 in (0..a.depth).step_by(DEPTH) {
            let steps = a.panel(k0, i).chunks(a.width).zip(b.panel(k0, j).chunks(b.width));
            sum += steps.fold(T::ZERO, |chain, (a, b)| a[0].mul_add::<FMA>(b[0], chain));
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::{block, inner, product, product_steps};
    use crate::matrix::{DEPTH, Packed, Rows, TILE};
    use crate::real::Real;
    use crate::simd::{Level, Micro, available};

    fn packed<T: Real>(width: usize, x: Rows<'_, T>) -> Packed<T> {
        let mut pack = Packed::new(width);
        pack.reserve(x.n, x.d).unwrap();
        pack.fill(x);
        pack
    }

    fn numbers<T: Real>(n: usize, d: usize) -> Vec<T> {
        (0..n * d).map(|i| T::from_i32((i * i % 17) as i32 - 8)).collect()
    }

    /// Products of small whole numbers are exact.
    fn check<T: Real>(level: Level, n: usize, m: usize, d: usize) {
        let ((mr, nr), x, y) = (T::block(level), numbers::<T>(n, d), numbers::<T>(m, d));
        let (x, y) = (Rows::new(&x, n, d), Rows::new(&y, m, d));
        let (a, b) = (packed(mr, x), packed(nr, y));
        let (mut tile, mut other) = (vec![T::ONE; TILE * TILE], vec![T::ONE; TILE * TILE]);
        product(level, &a, (0, n), &b, (0, m), &mut tile, TILE, false);
        // The other factor's steps as rows, as long as whole register blocks.
        let ld = m.next_multiple_of(nr);
        let mut steps = vec![T::ZERO; d * ld];
        T::transpose(level, y.data, d, m, d, &mut steps, ld);
        product_steps(level, &a, n, &steps, (ld, m), &mut other, TILE);
        for i in 0..n {
            for j in 0..m {
                let expected: f64 = x.row(i).iter().zip(y.row(j)).map(|(x, y)| x.to_f64() * y.to_f64()).sum();
                assert_eq!(tile[i * TILE + j].to_f64(), expected, "{level:?} {n} x {m} x {d}: {i}, {j}");
                assert!(d == 0 || other[i * TILE + j].to_f64() == expected);
                assert_eq!(inner(level, &a, i, &b, j).to_f64(), expected);
            }
        }
    }

    #[test]
    fn products_of_any_shape_at_every_level() {
        for level in available() {
            for (n, m, d) in [(1, 1, 0), (1, 1, 1), (7, 13, 5), (TILE, 50, 33), (9, TILE, DEPTH + 3)] {
                check::<f32>(level, n, m, d);
                check::<f64>(level, n, m, d);
            }
        }
    }

    #[test]
    #[should_panic(expected = "assertion")]
    fn no_register_block_reaches_past_the_end() {
        let level = available()[0];
        let (mr, nr) = f64::block(level);
        block(level, &vec![1.0; 3 * mr], (&vec![1.0; 3 * nr], nr), (&mut vec![0.0; mr * nr], nr + 1), false);
    }
}

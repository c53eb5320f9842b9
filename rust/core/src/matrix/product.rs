//! The register-blocked matrix product under every tile: packed panels in, a row-major tile out.
//!
//! Each element of the product is one chain of multiply-adds in the order of `k`, restarted every [`DEPTH`] steps, so
//! that its bits depend on the two rows alone: not on their place in the matrix, the tile size or the vector width.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{DEPTH, Packed};
use crate::real::Real;
use crate::simd::{self, Job, Level, PANELS};

/// A register block with at most one row in so many is not worth computing whole.
const FEW: usize = 4;

/// Bytes of a panel that leave room in the nearest cache for one of the other factor.
const NEAREST: usize = 24 << 10;

/// `tile[i][j] = a_i . b_j` for `rows` rows of `a` from `a0`, a multiple of the register block's height, and `cols` rows
/// of `b` from `b0`, which starts a panel; `a` may be packed as `b` is. The tile's rows are `ld` apart; whole register
/// blocks may be written, so it holds multiples of them; with `lower` those above the diagonal are left out.
pub(crate) fn product<T: Real>(
    level: Level,
    a: &Packed<T>,
    rows: (usize, usize),
    b: &Packed<T>,
    cols: (usize, usize),
    tile: &mut [T],
    ld: usize,
    lower: bool,
) {
    product_until(&AtomicBool::new(false), level, a, rows, b, cols, tile, ld, lower);
}

/// As [`product`], of rows so long that the caller may ask to stop: what is there then is left.
pub(crate) fn product_until<T: Real>(
    stop: &AtomicBool,
    level: Level,
    a: &Packed<T>,
    (a0, rows): (usize, usize),
    b: &Packed<T>,
    (b0, cols): (usize, usize),
    tile: &mut [T],
    ld: usize,
    lower: bool,
) {
    let ((mr, nr), kernel, thin) = (T::block(level), T::kernel(level), T::thin(level));
    let lda = a.width;
    assert!((lda == mr || lda == nr) && b.width == nr && a.depth == b.depth);
    let (m, n) = (rows.next_multiple_of(mr), cols.next_multiple_of(nr));
    assert!(a0 + m <= a.rows && b0 + n <= b.rows && a0 % mr == 0 && b0 % nr == 0);
    assert!(n <= ld && m <= tile.len() / ld.max(1) + 1 && m.saturating_sub(1) * ld + n <= tile.len());
    if a.depth == 0 {
        tile.fill(T::ZERO);
    }
    for k0 in (0..a.depth).step_by(DEPTH) {
        if k0 > 0 && stop.load(Ordering::Relaxed) {
            return;
        }
        let (bp, kc) = b.panels(k0, b0);
        assert!(bp.len() >= n * kc);
        // The last rows, where they are very few, are taken one by one from pairs of panels.
        let (few, pairs) = (rows % mr, n / (PANELS * nr) * PANELS * nr);
        let alone = if FEW * few <= mr && !lower { few } else { 0 };
        let block = |i: usize, j: usize, tile: &mut [T]| {
            let ap = &a.panel(k0, a0 + i)[..(kc - 1) * lda + mr];
            let (bp, c) = (bp.as_ptr().wrapping_add(j * kc), tile.as_mut_ptr().wrapping_add(i * ld + j));
            // SAFETY: the assertions above bound every access.
            unsafe { kernel(kc, ap.as_ptr(), lda, bp, nr, c, ld, k0 > 0) };
        };
        let whole = if alone > 0 { rows - few } else { m };
        if nr * kc * size_of::<T>() <= NEAREST {
            // A panel of `b` stays in the nearest cache while those of `a` pass by.
            for j in (0..n).step_by(nr) {
                let first = if lower { (j + 1).saturating_sub(mr).next_multiple_of(mr) } else { 0 };
                (first..whole).step_by(mr).for_each(|i| block(i, j, tile));
            }
        } else {
            for i in (0..whole).step_by(mr) {
                (0..if lower { n.min(i + mr) } else { n }).step_by(nr).for_each(|j| block(i, j, tile));
            }
        }
        if alone > 0 {
            let ap = &a.panel(k0, a0 + whole)[..(kc - 1) * lda + mr];
            for (r, j) in (0..alone).flat_map(|r| (0..pairs).step_by(PANELS * nr).map(move |j| (r, j))) {
                let (a, c) = (ap.as_ptr().wrapping_add(r), tile.as_mut_ptr().wrapping_add((whole + r) * ld + j));
                // SAFETY: the assertions above bound every access.
                unsafe { thin(kc, a, lda, bp.as_ptr().wrapping_add(j * kc), nr * kc, c, k0 > 0) };
            }
            (pairs..n).step_by(nr).for_each(|j| block(whole, j, tile));
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
#[path = "../../tests/unit/matrix_product.rs"]
mod tests;

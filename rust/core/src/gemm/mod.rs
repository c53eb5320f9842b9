//! The register-blocked matrix product under every tile: packed panels in, a row-major tile out.
//!
//! Each element of the product is one chain of multiply-adds in the order of `k`, restarted every [`DEPTH`] steps, so
//! that its bits depend on the two rows alone: not on their place in the matrix, the tile size or the vector width.

mod micro;
mod transpose;

pub use micro::Micro;
pub use transpose::Transpose;

use crate::error::Result;
use crate::memory::{Buffer, Shared, alloc};
use crate::real::Real;
use crate::simd::{self, Job, Level};

/// Steps of `k` after which a partial product is added to the tile; part of the definition of every product's bits.
pub const DEPTH: usize = 256;

/// Rows and columns of a tile: a multiple of every register block's extents.
pub const TILE: usize = 96;

/// A matrix in row-major order, rows being the vectors that products are taken of.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T> {
    /// The values, `n * d` of them.
    pub data: &'a [T],
    /// Number of rows.
    pub n: usize,
    /// Length of a row.
    pub d: usize,
}

impl<'a, T> Rows<'a, T> {
    /// View `data` as `n` rows of `d` values.
    pub fn new(data: &'a [T], n: usize, d: usize) -> Self {
        debug_assert_eq!(data.len(), n * d);
        Self { data, n, d }
    }

    /// Row `i`.
    #[inline(always)]
    pub fn row(&self, i: usize) -> &'a [T] {
        &self.data[i * self.d..(i + 1) * self.d]
    }

    /// Rows `start .. start + n`.
    pub fn slice(&self, start: usize, n: usize) -> Self {
        Self { data: &self.data[start * self.d..(start + n) * self.d], n, d: self.d }
    }
}

/// Rows copied into panels of `width` rows, `k` outermost within a panel, in blocks of [`DEPTH`] steps.
#[derive(Debug)]
pub struct Packed<T> {
    data: Buffer<T>,
    width: usize,
    rows: usize,
    depth: usize,
}

impl<T: Real> Packed<T> {
    /// An empty pack of panels `width` wide.
    pub fn new(width: usize) -> Self {
        Self { data: Buffer::default(), width, rows: 0, depth: 0 }
    }

    /// Room for `rows` rows of length `depth`; contents are undefined until [`Self::fill`].
    pub fn reserve(&mut self, rows: usize, depth: usize) -> Result<()> {
        self.rows = rows.next_multiple_of(self.width);
        self.depth = depth;
        let need = self.rows * depth;
        if self.data.len() < need {
            self.data = alloc(need, "packed panels")?;
        }
        Ok(())
    }

    /// Copy all of `x` in.
    pub fn fill(&mut self, x: Rows<'_, T>) {
        let filler = self.filler();
        // SAFETY: this is the only filler.
        unsafe { filler.fill(0, x) }
    }

    /// A handle through which several tasks fill the pack at once, each its own panels.
    pub fn filler(&mut self) -> Filler<T> {
        let need = self.rows * self.depth;
        Filler { values: Shared::new(&mut self.data[..need]), width: self.width, rows: self.rows, depth: self.depth }
    }

    /// Where the panels that start at `row` begin within the block of `k` that starts at `k0`, and that block's length.
    #[inline]
    fn panels(&self, k0: usize, row: usize) -> (&[T], usize) {
        let kc = DEPTH.min(self.depth - k0);
        (&self.data[self.rows * k0 + row * kc..], kc)
    }

    /// Step `k` of the rows that follow `row`, where they lie next to each other in one panel; for products with them.
    pub fn panel(&self, k: usize, row: usize) -> &[T] {
        let k0 = k / DEPTH * DEPTH;
        let (panel, kc) = self.panels(k0, row / self.width * self.width);
        &panel[(k - k0) * self.width + row % self.width..kc * self.width]
    }

    /// Rows in a panel.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Squared norms of the rows `start .. start + out.len()`, in exactly the order of a product of a row with itself.
    #[inline(always)]
    pub fn norms<const FMA: bool>(&self, start: usize, out: &mut [T]) {
        out.fill(T::ZERO);
        let mut chain = [T::ZERO; 64];
        for k0 in (0..self.depth).step_by(DEPTH) {
            let mut done = 0;
            while done < out.len() {
                let n = self.width.min(out.len() - done);
                let (panel, kc) = self.panels(k0, start + done);
                let chain = &mut chain[..self.width];
                chain.fill(T::ZERO);
                for step in panel[..kc * self.width].chunks_exact(self.width) {
                    for (c, &v) in chain.iter_mut().zip(step) {
                        *c = v.mul_add::<FMA>(v, *c);
                    }
                }
                for (o, &c) in out[done..done + n].iter_mut().zip(chain.iter()) {
                    *o += c;
                }
                done += n;
            }
        }
    }
}

/// Fills a [`Packed`] piece by piece.
#[derive(Debug, Clone, Copy)]
pub struct Filler<T> {
    values: Shared<T>,
    width: usize,
    rows: usize,
    depth: usize,
}

impl<T: Real> Filler<T> {
    /// Write step `k` of the rows `row .. row + n`: `write` gets the offset of some of them and where they lie.
    ///
    /// # Safety
    /// The pack is still exclusively borrowed, and no other task writes the same step of the same rows.
    #[inline(always)]
    pub unsafe fn step(&self, k: usize, row: usize, n: usize, mut write: impl FnMut(usize, &mut [T])) {
        let k0 = k / DEPTH * DEPTH;
        let kc = DEPTH.min(self.depth - k0);
        let mut done = 0;
        while done < n {
            let inside = (row + done) % self.width;
            let len = (self.width - inside).min(n - done);
            let at = self.rows * k0 + (row + done - inside) * kc + (k - k0) * self.width + inside;
            // SAFETY: the caller's promise.
            write(done, unsafe { self.values.part(at, len) });
            done += len;
        }
    }

    /// Copy `x` to the rows from `at` on, `at` being a multiple of the panel width; what is left of the last panel
    /// becomes zero.
    ///
    /// # Safety
    /// The pack is still exclusively borrowed, and no other task fills the same panels.
    pub unsafe fn fill(&self, at: usize, x: Rows<'_, T>) {
        // SAFETY: the caller's promise.
        unsafe { self.each_panel(at, x, 0, |_, _| ()) }
    }

    /// As [`Self::fill`] with as many columns of `x` from `first` on as the pack is deep, less `shift`.
    ///
    /// # Safety
    /// As [`Self::fill`].
    pub unsafe fn fill_centered(&self, at: usize, x: Rows<'_, T>, first: usize, shift: &[T]) {
        let center = |k0: usize, panel: &mut [T]| {
            for (step, &c) in panel.chunks_exact_mut(self.width).zip(&shift[k0..]) {
                step.iter_mut().for_each(|v| *v -= c);
            }
        };
        // SAFETY: the caller's promise.
        unsafe { self.each_panel(at, x, first, center) }
    }

    /// Copy columns of `x` from `first` on, and do something to every panel and block of steps while it is in cache.
    ///
    /// # Safety
    /// As [`Self::fill`].
    unsafe fn each_panel(&self, at: usize, x: Rows<'_, T>, first: usize, then: impl Fn(usize, &mut [T])) {
        let (depth, width, level) = (self.depth, self.width, simd::level());
        for k0 in (0..depth).step_by(DEPTH) {
            let kc = DEPTH.min(depth - k0);
            for row in (0..x.n).step_by(width) {
                // SAFETY: one panel of this task's own.
                let panel = unsafe { self.values.part(self.rows * k0 + (at + row) * kc, width * kc) };
                let n = width.min(x.n - row);
                if n < width {
                    panel.fill(T::ZERO);
                }
                T::transpose(level, &x.data[row * x.d + first + k0..], x.d, n, kc, panel, width);
                then(k0, panel);
            }
        }
    }
}

/// `tile[i][j] = a_i . b_j` for `rows` rows of `a` from `a0`, a multiple of the register block's height, and `cols` rows
/// of `b` from `b0`, which starts a panel; `a` may be packed as `b` is. The tile's rows are `ld` apart; whole register
/// blocks are written, so it holds multiples of them; with `lower` those above the diagonal are left out.
pub fn product<T: Real>(
    level: Level,
    a: &Packed<T>,
    (a0, rows): (usize, usize),
    b: &Packed<T>,
    (b0, cols): (usize, usize),
    tile: &mut [T],
    ld: usize,
    lower: bool,
) {
    let (mr, nr) = T::block(level);
    let lda = a.width;
    assert!((lda == mr || lda == nr) && b.width == nr && a.depth == b.depth);
    let (m, n) = (rows.next_multiple_of(mr), cols.next_multiple_of(nr));
    assert!(a0 + m <= a.rows && b0 + n <= b.rows && a0 % mr == 0 && b0 % nr == 0);
    assert!(n <= ld && (m == 0 || (m - 1) * ld + n <= tile.len()));
    if a.depth == 0 {
        tile.fill(T::ZERO);
    }
    for k0 in (0..a.depth).step_by(DEPTH) {
        let (bp, kc) = b.panels(k0, b0);
        assert!(bp.len() >= n * kc);
        for i in (0..m).step_by(mr) {
            let ap = &a.panel(k0, a0 + i)[..(kc - 1) * lda + mr];
            for j in (0..if lower { n.min(i + mr) } else { n }).step_by(nr) {
                // SAFETY: the assertions above bound every access; `level` comes from `simd`, which detected it.
                unsafe {
                    let c = tile.as_mut_ptr().add(i * ld + j);
                    T::kernel(level, kc, ap.as_ptr(), lda, bp.as_ptr().add(j * kc), nr, c, ld, k0 > 0);
                }
            }
        }
    }
}

/// `tile[i][j] = sum_k a_i[k] b[k][j]` for `rows` rows of `a`, from its first, and `cols` columns of `b`, whose steps lie
/// `ldb` apart, row-major: what [`product`] gives, of a factor whose steps are rows already. Whole register blocks are
/// read and written.
pub fn product_steps<T: Real>(
    level: Level,
    a: &Packed<T>,
    rows: usize,
    b: &[T],
    (ldb, cols): (usize, usize),
    tile: &mut [T],
    ld: usize,
) {
    let (mr, nr) = T::block(level);
    let (m, n) = (rows.next_multiple_of(mr), cols.next_multiple_of(nr));
    assert!(a.width == mr && m <= a.rows && n <= ldb && n <= ld);
    assert!(a.depth * ldb <= b.len() && (m == 0 || (m - 1) * ld + n <= tile.len()));
    for k0 in (0..a.depth).step_by(DEPTH) {
        for j in (0..n).step_by(nr) {
            for i in (0..m).step_by(mr) {
                let (ap, kc) = a.panels(k0, i);
                assert!(ap.len() >= kc * mr);
                // SAFETY: the assertions above bound every access; `level` comes from `simd`, which detected it.
                unsafe {
                    let c = tile.as_mut_ptr().add(i * ld + j);
                    T::kernel(level, kc, ap.as_ptr(), mr, b.as_ptr().add(k0 * ldb + j), ldb, c, ld, k0 > 0);
                }
            }
        }
    }
}

/// `a_i . b_j` of two packed rows, with the bits that [`product`] gives.
pub fn inner<T: Real>(level: Level, a: &Packed<T>, i: usize, b: &Packed<T>, j: usize) -> T {
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

/// A dot product in sixteen interleaved chains, whatever the vector width.
#[inline(always)]
pub fn dot<T: Real, const FMA: bool>(a: &[T], b: &[T]) -> T {
    let mut acc = [T::ZERO; 16];
    let whole = a.len() - a.len() % 16;
    for (a, b) in a[..whole].chunks_exact(16).zip(b[..whole].chunks_exact(16)) {
        for l in 0..16 {
            acc[l] = a[l].mul_add::<FMA>(b[l], acc[l]);
        }
    }
    for l in whole..a.len() {
        acc[l - whole] = a[l].mul_add::<FMA>(b[l], acc[l - whole]);
    }
    for l in 0..8 {
        acc[l] += acc[l + 8];
    }
    ((acc[0] + acc[4]) + (acc[2] + acc[6])) + ((acc[1] + acc[5]) + (acc[3] + acc[7]))
}

/// [`dot`] as a job of its own.
#[derive(Debug)]
pub struct Dot<'a, T>(pub &'a [T], pub &'a [T]);

impl<T: Real> Job for Dot<'_, T> {
    type Output = T;
    #[inline(always)]
    fn run<const FMA: bool>(self) -> T {
        dot::<T, FMA>(self.0, self.1)
    }
}

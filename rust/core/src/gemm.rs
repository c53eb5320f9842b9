//! The register-blocked matrix product under every tile: packed panels in, a row-major tile out.
//!
//! Each element of the product is one chain of multiply-adds in the order of `k`, restarted every [`DEPTH`] steps, so
//! that its bits depend on the two rows alone: not on their place in the matrix, the tile size or the vector width.

use crate::error::Result;
use crate::real::Real;
use crate::simd::Level;
use crate::threads::{Shared, alloc};

/// Steps of `k` after which a partial product is added to the tile; part of the definition of every product's bits.
pub const DEPTH: usize = 256;

/// Rows and columns of a tile: a multiple of every register block's extents.
pub const TILE: usize = 96;

/// A scalar type that has register blocks.
pub trait Micro: Copy {
    /// Rows and columns of the register block.
    fn block(level: Level) -> (usize, usize);

    /// `c (+)= sum_k a[k][..mr] b[k][..nr]` over one register block.
    ///
    /// # Safety
    /// `a` holds `k * mr` values, `b` holds `k * nr`, `c` is valid for `mr` rows of `nr` values `ldc` apart, and the
    /// processor has `level`.
    unsafe fn kernel(level: Level, k: usize, a: *const Self, b: *const Self, c: *mut Self, ldc: usize, add: bool);
}

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
    data: Vec<T>,
    width: usize,
    rows: usize,
    depth: usize,
}

impl<T: Real> Packed<T> {
    /// An empty pack of panels `width` wide.
    pub fn new(width: usize) -> Self {
        Self { data: Vec::new(), width, rows: 0, depth: 0 }
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
        Filler { values: Shared::new(&mut self.data[..need]), width: self.width, rows: self.rows }
    }

    /// Where the panels that start at `row` begin within the block of `k` that starts at `k0`, and that block's length.
    #[inline]
    fn panels(&self, k0: usize, row: usize) -> (&[T], usize) {
        let kc = DEPTH.min(self.depth - k0);
        (&self.data[self.rows * k0 + row * kc..], kc)
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
}

impl<T: Real> Filler<T> {
    /// Copy `x` to the rows from `at` on, `at` being a multiple of the panel width; what is left of the last panel
    /// becomes zero.
    ///
    /// # Safety
    /// The pack is still exclusively borrowed, and no other task fills the same panels.
    pub unsafe fn fill(&self, at: usize, x: Rows<'_, T>) {
        let (d, width) = (x.d, self.width);
        for k0 in (0..d).step_by(DEPTH) {
            let kc = DEPTH.min(d - k0);
            for first in (0..x.n).step_by(width) {
                // SAFETY: one panel of this task's own.
                let panel = unsafe { self.values.part(self.rows * k0 + (at + first) * kc, width * kc) };
                pack_panel(panel, width, width.min(x.n - first), kc, &x.data[first * d + k0..], d);
            }
        }
    }
}

/// One panel: `out[k][r] = src[r * ld + k]`, eight steps of `k` at a time so that both sides stay in cache.
fn pack_panel<T: Real>(out: &mut [T], width: usize, n: usize, kc: usize, src: &[T], ld: usize) {
    if n < width {
        out.fill(T::ZERO);
    }
    let whole = kc - kc % 8;
    for k in (0..whole).step_by(8) {
        let dst = &mut out[k * width..(k + 8) * width];
        for r in 0..n {
            let s = &src[r * ld + k..r * ld + k + 8];
            for (i, &v) in s.iter().enumerate() {
                dst[i * width + r] = v;
            }
        }
    }
    for k in whole..kc {
        for r in 0..n {
            out[k * width + r] = src[r * ld + k];
        }
    }
}

/// `tile[i][j] = a_i . b_j` for `rows` rows of `a` from `a0` and `cols` rows of `b` from `b0`, which start panels.
/// The tile's rows are `ld` apart; whole register blocks are written, so it holds multiples of them.
pub fn product<T: Real>(
    level: Level,
    a: &Packed<T>,
    (a0, rows): (usize, usize),
    b: &Packed<T>,
    (b0, cols): (usize, usize),
    tile: &mut [T],
    ld: usize,
) {
    let (mr, nr) = T::block(level);
    assert!(a.width == mr && b.width == nr && a.depth == b.depth);
    let (m, n) = (rows.next_multiple_of(mr), cols.next_multiple_of(nr));
    assert!(a0 + m <= a.rows && b0 + n <= b.rows && a0 % mr == 0 && b0 % nr == 0);
    assert!(n <= ld && (m == 0 || (m - 1) * ld + n <= tile.len()));
    if a.depth == 0 {
        tile.fill(T::ZERO);
    }
    for k0 in (0..a.depth).step_by(DEPTH) {
        let (ap, kc) = a.panels(k0, a0);
        let (bp, _) = b.panels(k0, b0);
        assert!(ap.len() >= m * kc && bp.len() >= n * kc);
        for i in (0..m).step_by(mr) {
            for j in (0..n).step_by(nr) {
                // SAFETY: the assertions above bound every access; `level` comes from `simd`, which detected it.
                unsafe {
                    let c = tile.as_mut_ptr().add(i * ld + j);
                    T::kernel(level, kc, ap.as_ptr().add(i * kc), bp.as_ptr().add(j * kc), c, ld, k0 > 0);
                }
            }
        }
    }
}

/// The register block written out with vectors of one instruction set.
#[cfg(target_arch = "x86_64")]
macro_rules! vector_kernel {
    ($name:ident, $t:ty, $features:literal, $mr:literal, $nv:literal, $lanes:literal,
     $zero:ident, $load:ident, $store:ident, $splat:ident, $fma:ident, $add:ident) => {
        #[target_feature(enable = $features)]
        unsafe fn $name(k: usize, a: *const $t, b: *const $t, c: *mut $t, ldc: usize, add: bool) {
            use std::arch::x86_64::*;
            let (mut a, mut b) = (a, b);
            let mut acc = [[$zero(); $nv]; $mr];
            for _ in 0..k {
                // SAFETY: the caller promises k * MR and k * NR values.
                unsafe {
                    let mut row = [$zero(); $nv];
                    for v in 0..$nv {
                        row[v] = $load(b.add(v * $lanes));
                    }
                    for i in 0..$mr {
                        let x = $splat(*a.add(i));
                        for v in 0..$nv {
                            acc[i][v] = $fma(x, row[v], acc[i][v]);
                        }
                    }
                    a = a.add($mr);
                    b = b.add($nv * $lanes);
                }
            }
            for i in 0..$mr {
                for v in 0..$nv {
                    // SAFETY: the caller promises MR rows of NR values.
                    unsafe {
                        let p = c.add(i * ldc + v * $lanes);
                        let x = if add { $add($load(p), acc[i][v]) } else { acc[i][v] };
                        $store(p, x);
                    }
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    vector_kernel!(
        f64_avx512,
        f64,
        "avx512f",
        8,
        3,
        8,
        _mm512_setzero_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_set1_pd,
        _mm512_fmadd_pd,
        _mm512_add_pd
    );
    vector_kernel!(
        f32_avx512,
        f32,
        "avx512f",
        8,
        3,
        16,
        _mm512_setzero_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_set1_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps
    );
    vector_kernel!(
        f64_avx2,
        f64,
        "avx2,fma",
        4,
        3,
        4,
        _mm256_setzero_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_set1_pd,
        _mm256_fmadd_pd,
        _mm256_add_pd
    );
    vector_kernel!(
        f32_avx2,
        f32,
        "avx2,fma",
        4,
        3,
        8,
        _mm256_setzero_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_set1_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps
    );

    // Visible to the parent without widening the functions themselves.
    pub(super) type Kernel<T> = unsafe fn(usize, *const T, *const T, *mut T, usize, bool);
    pub(super) const F64: [Kernel<f64>; 2] = [f64_avx2, f64_avx512];
    pub(super) const F32: [Kernel<f32>; 2] = [f32_avx2, f32_avx512];
}

const BASE_ROWS: usize = 4;

macro_rules! micro {
    ($t:ty, $base_cols:literal, $avx2:literal, $avx512:literal, $table:ident) => {
        impl Micro for $t {
            #[inline]
            fn block(level: Level) -> (usize, usize) {
                match level {
                    Level::Baseline => (BASE_ROWS, $base_cols),
                    Level::Avx2 => (4, $avx2),
                    Level::Avx512 => (8, $avx512),
                }
            }

            #[inline]
            unsafe fn kernel(level: Level, k: usize, a: *const $t, b: *const $t, c: *mut $t, ldc: usize, add: bool) {
                match level {
                    // SAFETY: forwarded from the caller.
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => unsafe { x86::$table[0](k, a, b, c, ldc, add) },
                    // SAFETY: forwarded from the caller.
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx512 => unsafe { x86::$table[1](k, a, b, c, ldc, add) },
                    _ => {
                        // SAFETY: the caller promises these lengths.
                        let (a, b) = unsafe {
                            (
                                std::slice::from_raw_parts(a, k * BASE_ROWS),
                                std::slice::from_raw_parts(b, k * $base_cols),
                            )
                        };
                        let mut acc = [[0.0; $base_cols]; BASE_ROWS];
                        for (a, b) in a.chunks_exact(BASE_ROWS).zip(b.chunks_exact($base_cols)) {
                            for (row, &x) in acc.iter_mut().zip(a) {
                                for (s, &y) in row.iter_mut().zip(b) {
                                    *s = if cfg!(target_arch = "aarch64") { x.mul_add(y, *s) } else { x * y + *s };
                                }
                            }
                        }
                        for (i, row) in acc.iter().enumerate() {
                            // SAFETY: the caller promises MR rows of NR values, `ldc` apart.
                            let out = unsafe { std::slice::from_raw_parts_mut(c.add(i * ldc), $base_cols) };
                            for (o, &s) in out.iter_mut().zip(row) {
                                *o = if add { *o + s } else { s };
                            }
                        }
                    }
                }
            }
        }
    };
}
micro!(f64, 4, 12, 24, F64);
micro!(f32, 8, 24, 48, F32);

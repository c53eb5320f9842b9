//! Buffers, streamed writes and transposes against the plain way.

use widelearn_core::memory::{Pages, alloc, fence, stream};
use widelearn_core::simd::Transpose;
use widelearn_core::simd::available;

#[test]
fn buffers_are_zero_and_aligned_whatever_their_size() {
    for len in [0, 1, 7, 4096, (4 << 20) / 8 - 1, (4 << 20) / 8, (9 << 20) / 8 + 3] {
        let mut b = alloc::<f64>(len, "a test").unwrap();
        assert_eq!(b.len(), len);
        assert!(b.iter().all(|&v| v == 0.0));
        assert!(len == 0 || b.as_ptr().align_offset(64) == 0);
        b.fill(1.0);
        assert!(b.iter().all(|&v| v == 1.0));
    }
    let e = alloc::<f64>(1 << 58, "a test").unwrap_err();
    assert!(e.to_string().contains("bytes for a test"), "{e}");
}

#[test]
fn streamed_values_are_copied_at_every_offset() {
    let from: Vec<f32> = (0..300).map(|i| i as f32).collect();
    for level in available() {
        for start in 0..33 {
            for n in [0, 1, 15, 16, 17, 100, 267] {
                let mut to = vec![-1.0f32; 300];
                stream(level, &mut to[start..start + n], &from[..n]);
                fence();
                assert!(to[..start].iter().chain(&to[start + n..]).all(|&v| v == -1.0));
                assert_eq!(&to[start..start + n], &from[..n], "{level:?} {start} {n}");
            }
        }
    }
}

#[test]
fn transposes_of_any_shape() {
    fn check<T: Transpose + From<u16> + PartialEq + std::fmt::Debug>() {
        for level in available() {
            for (rows, cols) in [(0, 3), (1, 1), (3, 9), (4, 4), (8, 12), (13, 7), (24, 31), (96, 96)] {
                let (ldf, ldt) = (cols + 5, rows + 3);
                let from: Vec<T> = (0..(rows.max(1) * ldf) as u16).map(T::from).collect();
                let mut to = vec![T::from(u16::MAX); cols * ldt];
                T::transpose(level, &from, ldf, rows, cols, &mut to, ldt);
                for (at, v) in to.iter().enumerate() {
                    let (j, i) = (at / ldt, at % ldt);
                    let expected = if i < rows { from[i * ldf + j] } else { T::from(u16::MAX) };
                    assert_eq!(*v, expected, "{level:?} {rows} x {cols}: {i}, {j}");
                }
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn asking_for_pages_keeps_what_is_there() {
    let mut out = vec![3.0f64; (20 << 20) / 8];
    let pages = Pages::new(&mut out);
    assert!(pages.count == 0 || (8..=10).contains(&pages.count));
    for i in 0..pages.count {
        pages.get(i);
    }
    assert!(out.iter().all(|&v| v == 3.0));
    assert_eq!(Pages::new(&mut out[..1000]).count, 0);
}

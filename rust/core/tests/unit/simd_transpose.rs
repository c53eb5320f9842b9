//! Unit tests of `simd::transpose`, with its private names.

use super::Transpose;
use crate::simd::available;

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
#[should_panic(expected = "within")]
fn no_stride_reaches_past_the_end() {
    let level = available()[0];
    f32::transpose(level, &[0.0; 64], usize::MAX / 7, 8, 8, &mut [0.0; 64], 8);
}

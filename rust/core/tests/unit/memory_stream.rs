//! Unit tests of `memory::stream`, with its private names.

use super::Stream;
use crate::simd::available;

#[test]
fn values_are_copied_at_every_offset() {
    let from: Vec<f32> = (0..300).map(|i| i as f32).collect();
    for level in available() {
        for start in 0..33 {
            for n in [0, 1, 15, 16, 17, 100, 267] {
                let mut to = vec![-1.0f32; 300];
                Stream::new(level).write(&mut to[start..start + n], &from[..n]);
                assert!(to[..start].iter().chain(&to[start + n..]).all(|&v| v == -1.0));
                assert_eq!(&to[start..start + n], &from[..n], "{level:?} {start} {n}");
            }
        }
    }
}

//! Unit tests of `memory::buffer`, with its private names.

use super::{HUGE, alloc};

#[test]
fn buffers_are_zero_and_aligned_whatever_their_size() {
    for len in [0, 1, 7, 4096, 2 * HUGE / 8 - 1, 2 * HUGE / 8, 9 * HUGE / 16 + 3] {
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
fn parts_of_a_buffer_are_written_side_by_side() {
    let b = alloc::<u64>(100, "a test").unwrap();
    // SAFETY: the parts do not overlap.
    unsafe { b.part(0, 50) }.fill(1);
    // SAFETY: as above.
    unsafe { b.part(50, 50) }.fill(2);
    assert_eq!(b.iter().sum::<u64>(), 150);
}

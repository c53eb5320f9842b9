//! Unit tests of `memory::parts`, with its private names.

use super::Shared;

#[test]
fn parts_are_written_side_by_side() {
    let mut data = [0; 10];
    let shared = Shared::new(&mut data);
    // SAFETY: the parts do not overlap.
    let (a, b) = unsafe { shared.part(0, 4) }.split_at_mut(2);
    // SAFETY: as above.
    let c = unsafe { shared.part(4, 6) };
    (a[0], b[0], c[5]) = (1, 2, 3);
    assert_eq!(data, [1, 0, 2, 0, 0, 0, 0, 0, 0, 3]);
}

#[test]
#[should_panic(expected = "is_some_and")]
fn parts_lie_within() {
    // SAFETY: nobody else refers to the elements.
    unsafe { Shared::new(&mut [0; 4]).part(2, usize::MAX) };
}

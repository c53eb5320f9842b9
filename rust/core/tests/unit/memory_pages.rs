//! Unit tests of `memory::pages`, with its private names.

use super::{HUGE, Pages, Shared};

#[test]
fn asking_for_pages_keeps_what_is_there() {
    let mut out = vec![3.0f64; 10 * HUGE / 8];
    let pages = Pages::new(Shared::new(&mut out));
    assert!(pages.count() == 0 || (8..=10).contains(&pages.count()));
    (0..pages.count()).for_each(|i| pages.get(i));
    assert!(out.iter().all(|&v| v == 3.0));
    assert_eq!(Pages::new(Shared::new(&mut out[..1000])).count(), 0);
}

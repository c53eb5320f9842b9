//! Unit tests of `threads`, with its private names.

use super::{Context, run, run_here};
use crate::error::{Error, Result};
use std::sync::atomic::AtomicBool;

#[test]
fn every_part_is_worked_on_once_for_any_width() {
    fn add(c: &Context<'_>, out: &mut [usize]) -> Result<()> {
        c.each_part(
            out.chunks_mut(7),
            || Ok(()),
            |(), i, part| {
                part.iter_mut().for_each(|v| *v += i + 1);
                Ok(())
            },
        )
    }
    for width in [1, 2, 5] {
        let mut out = vec![0; 1000];
        run(width, || true, |c| add(c, &mut out)).unwrap();
        run_here(width, |c| add(c, &mut out)).unwrap();
        assert!(out.iter().enumerate().all(|(at, &v)| v == 2 * (at / 7 + 1)), "{width}");
    }
}

#[test]
fn the_first_error_is_returned_and_ends_the_rest() {
    let stop = AtomicBool::new(false);
    let fail = |at: usize| Err(Error::Invalid(at.to_string()));
    let serial = Context::serial(&stop).each(10, || Ok(()), |(), i| if i < 4 { Ok(()) } else { fail(i) });
    assert_eq!(serial, fail(4));
    let cancelled = run(
        2,
        || false,
        |c| loop {
            c.check()?
        },
    );
    assert_eq!(cancelled, Err::<(), _>(Error::Cancelled));
}

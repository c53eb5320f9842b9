//! Memory: aligned buffers, slices that several tasks write to, writes that bypass the caches, pages asked for early.

mod buffer;
mod pages;
mod parts;
mod stream;

pub use buffer::cap;
pub(crate) use buffer::{Buffer, Number, alloc, size};
pub(crate) use pages::Pages;
pub(crate) use parts::Shared;
pub(crate) use stream::Stream;

/// Bytes of a cache line, and the alignment of every buffer: vectors of panels and tiles never straddle two lines.
const LINE: usize = 64;
/// Bytes of a huge page; buffers of several are aligned to them and ask for them.
const HUGE: usize = 2 << 20;

//! Everything that can go wrong in the core, with the numbers a user needs.

/// A failure of the core.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// An argument is outside its domain.
    #[error("{0}")]
    Invalid(String),
    /// A derivative of an activation is no function.
    #[error(
        "derivative {order} of activation {activation:?} is no function, as derivative {most} jumps at 0; take \
         \"softplus\" or \"erf\", which have all"
    )]
    NoDerivative {
        /// Name of the activation.
        activation: String,
        /// Order asked for.
        order: u32,
        /// The highest order that is a function.
        most: u32,
    },
    /// A number is beyond the largest of its type.
    #[error("{0}")]
    Overflow(String),
    /// The squared norm of a row is below the smallest normal number of its type.
    #[error("a row has a squared norm below the smallest normal number; scale X up")]
    Underflow,
    /// Two arrays do not fit together.
    #[error("{what}: expected {expected}, got {got}")]
    Shape {
        /// The array that does not fit.
        what: &'static str,
        /// Its expected extent.
        expected: usize,
        /// Its extent.
        got: usize,
    },
    /// A factorisation met a pivot that is not positive.
    #[error("the matrix is not positive definite: pivot {pivot} of {n} is {value:.3e}")]
    NotPositiveDefinite {
        /// Zero-based index of the pivot.
        pivot: usize,
        /// Order of the matrix.
        n: usize,
        /// Value found.
        value: f64,
    },
    /// A triangle has a zero on its diagonal.
    #[error("the triangle is singular: entry {pivot} of {n} on its diagonal is 0")]
    Singular {
        /// Zero-based index of the entry.
        pivot: usize,
        /// Order of the matrix.
        n: usize,
    },
    /// An allocation failed.
    #[error("could not allocate {bytes} bytes for {what}")]
    Memory {
        /// Bytes asked for.
        bytes: usize,
        /// What they were for.
        what: &'static str,
    },
    /// The worker pool could not be started.
    #[error("could not start {threads} worker threads: {reason}")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// The system's reason.
        reason: String,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Cancelled,
}

/// The core's result.
pub type Result<T> = std::result::Result<T, Error>;

/// The largest extent of a parameter: products of two of them are numbers.
pub const MAX_EXTENT: usize = 1 << 31;

/// An error unless an extent is one that products are taken of.
pub(crate) fn within(what: &str, value: usize, most: usize) -> Result<()> {
    if value <= most { Ok(()) } else { Err(Error::Invalid(format!("{what} must be at most {most}, got {value}"))) }
}

/// An error unless two extents agree.
pub(crate) fn fits(what: &'static str, expected: usize, got: usize) -> Result<()> {
    if expected == got { Ok(()) } else { Err(Error::Shape { what, expected, got }) }
}

//! The Python module `widelearn._core`: a list of wrappers, each a conversion and one call into the core.

mod blas;
mod call;
mod convert;
mod error;
mod features;
mod foreign;
mod gram;
mod kernels;
mod lapack;
mod memory;
mod nets;
mod random;
mod running;
mod solve;
mod sparse;
mod threads;

/// The compiled core of widelearn.
#[pyo3::pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::blas::{multiply, multiply_itself, multiply_symmetric, multiply_vector};
    #[pymodule_export]
    use crate::error::{NoDerivativeError, NumberOverflowError};
    #[pymodule_export]
    use crate::features::{DrawnFeatures, draw_features, feature_weights, predict, transform, transform_sparse};
    #[pymodule_export]
    use crate::gram::{gram, gram_diag, gram_dot, inner_products, moments};
    #[pymodule_export]
    use crate::lapack::{ldlt_solve, singular_values, solve_factored, solve_triangle};
    #[pymodule_export]
    use crate::lapack::{orthogonal_columns, orthogonal_reflectors, orthogonal_triangle};
    #[pymodule_export]
    use crate::lapack::{symmetric_eigen, symmetric_tridiagonal, tridiagonal_eigen};
    #[pymodule_export]
    use crate::memory::cap_memory;
    #[pymodule_export]
    use crate::nets::{
        adam_step, net_forward, net_gradient, net_hidden, net_loss, net_simplified, signs_forward, signs_gradient,
    };
    #[pymodule_export]
    use crate::nets::{tangent_product, tangent_transpose, taylor_gradient, taylor_hessian, taylor_terms};
    #[pymodule_export]
    use crate::random::{normals, philox4x32};
    #[pymodule_export]
    use crate::solve::{cholesky, cholesky_solve, extend_factor, inverse_diagonal, mixed_solve, shifted_inverses};
    #[pymodule_export]
    use crate::sparse::{sparse_diag, sparse_gram, sparse_product, sparse_transposed};
    #[pymodule_export]
    use crate::threads::{num_threads, set_num_threads, simd, simd_available};

    #[pymodule_init]
    fn init(m: &Bound<'_, PyModule>) -> PyResult<()> {
        m.add("__version__", env!("CARGO_PKG_VERSION"))?;
        crate::threads::force_simd()
    }
}

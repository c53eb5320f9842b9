//! Feature maps.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use widelearn_core::features::{FeatureMap, Features, Formula, Weights};
use widelearn_core::{flops, gram};

use crate::call::call;
use crate::convert::{Matrix, MatrixMut, Numbers, Vector, by_type, views};
use crate::error::to_py;
use crate::kernels::{Named, Spec, field};

/// A feature map as Python spells it, the named tuple `widelearn.kernels.specs.Features`.
pub(crate) struct FeatureSpec(pub(crate) Features);

impl<'a, 'py> FromPyObject<'a, 'py> for FeatureSpec {
    type Error = PyErr;

    fn extract(spec: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let core = |e| to_py(spec.py(), &e);
        let formula: Bound<'_, PyAny> = field(&spec, "formula")?;
        let class = formula.get_type().name()?;
        let formula = match class.to_str()? {
            "Neurons" => Formula::Random {
                activation: field::<Named>(&formula, "activation")?.0,
                order: field(&formula, "order")?,
                bias_scale: field(&formula, "bias_scale")?,
            },
            "Waves" => Formula::Fourier(field::<Spec>(&formula, "kernel")?.0.spectral().map_err(core)?),
            other => return Err(PyTypeError::new_err(format!("a formula is Neurons or Waves, got {other}"))),
        };
        let weights = Weights::parse(&field::<String>(&spec, "weights")?).map_err(core)?;
        Ok(Self(Features {
            formula,
            n_components: field(&spec, "n_components")?,
            weights,
            seed: field(&spec, "seed")?,
        }))
    }
}

/// The rows of the weight matrix for inputs of length `d`.
#[pyfunction]
pub(crate) fn feature_weights(
    py: Python<'_>,
    features: FeatureSpec,
    d: Numbers<usize>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let d = d.0;
    by_type!(out, T => {
        views!(MatrixMut<T>: out);
        call(py, flops::random(out.len()), |context| {
            gram::weights(context, &FeatureMap::<T>::new(&features.0, context, d)?, out)
        })
    })
}

/// The features of the rows of `x`.
#[pyfunction]
pub(crate) fn transform(
    py: Python<'_>,
    features: FeatureSpec,
    x: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    by_type!(x, T => {
        views!(Matrix<T>: x; MatrixMut<T>: out);
        call(py, flops::features(out.len(), x.d) + flops::weights(features.0.n_components, x.d), |context| {
            let map = FeatureMap::<T>::new(&features.0, context, x.d)?;
            gram::transform(context, &map, x, out)
        })
    })
}

/// The features of sparse rows: of row `i` the values at `indptr[i] .. indptr[i + 1]`.
#[pyfunction]
pub(crate) fn transform_sparse(
    py: Python<'_>,
    features: FeatureSpec,
    indptr: &Bound<'_, PyAny>,
    indices: &Bound<'_, PyAny>,
    values: &Bound<'_, PyAny>,
    d: Numbers<usize>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let d = d.0;
    by_type!(values, T => {
        views!(Vector<i64>: indptr, indices; Vector<T>: values; MatrixMut<T>: out);
        call(py, flops::sparse_features(values.len(), features.0.n_components, out.len()), |context| {
            gram::transform_sparse(context, &features.0, gram::Sparse::new(indptr, indices, values, d)?, out)
        })
    })
}

/// The features of the rows of `x` times `coef`.
#[pyfunction]
pub(crate) fn predict(
    py: Python<'_>,
    features: FeatureSpec,
    x: &Bound<'_, PyAny>,
    coef: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    by_type!(x, T => {
        views!(Matrix<T>: x, coef; MatrixMut<T>: out);
        call(py, flops::predict((x.n, x.d), (coef.n, coef.d)) + flops::weights(features.0.n_components, x.d), |context| {
            let map = FeatureMap::<T>::new(&features.0, context, x.d)?;
            gram::predict(context, &map, x, coef.data, coef.d, out)
        })
    })
}

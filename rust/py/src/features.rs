//! Feature maps.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use widelearn_core::features::{FeatureMap, Features, Formula, Spectral, Weights};
use widelearn_core::gram;

use crate::call::call;
use crate::convert::{Indices, Matrix, MatrixMut, Vector, by_type};
use crate::error::to_py;
use crate::kernels::activation;

/// A feature map as Python spells it.
pub(crate) struct FeatureSpec(pub(crate) Features);

impl<'a, 'py> FromPyObject<'a, 'py> for FeatureSpec {
    type Error = PyErr;

    fn extract(spec: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let spec = spec.cast::<PyTuple>()?;
        let name: String = spec.get_item(0)?.extract()?;
        let formula = match name.as_str() {
            "random" => Formula::Random {
                activation: activation(&spec.get_item(4)?)?,
                order: spec.get_item(5)?.extract()?,
                bias_scale: spec.get_item(6)?.extract()?,
            },
            "fourier" => Formula::Fourier(spectral(spec.get_item(4)?.cast::<PyTuple>()?)?),
            _ => return Err(PyValueError::new_err(format!("unknown feature map {name:?}"))),
        };
        let weights: String = spec.get_item(2)?.extract()?;
        Ok(Self(Features {
            formula,
            n_components: spec.get_item(1)?.extract()?,
            weights: Weights::parse(&weights).map_err(|e| to_py(spec.py(), &e))?,
            seed: spec.get_item(3)?.extract()?,
        }))
    }
}

/// The spectral measure of a kernel as Python spells it.
fn spectral(spec: &Bound<'_, PyTuple>) -> PyResult<Spectral> {
    let name: String = spec.get_item(0)?.extract()?;
    let number = |i: usize| -> PyResult<f64> { spec.get_item(i)?.extract() };
    Ok(match name.as_str() {
        "rbf" => Spectral::Rbf { gamma: number(1)? },
        "laplace" => Spectral::Laplace { gamma: number(1)?, power: number(2)? },
        "matern" => Spectral::Matern { length_scale: number(1)?, nu: number(2)? },
        "manhattan" => Spectral::Manhattan { gamma: number(1)? },
        _ => return Err(PyValueError::new_err(format!("kernel {name:?} has no spectral measure here"))),
    })
}

/// The rows of the weight matrix for inputs of length `d`.
#[pyfunction]
pub(crate) fn feature_weights(py: Python<'_>, features: FeatureSpec, d: usize, out: &Bound<'_, PyAny>) -> PyResult<()> {
    by_type!(out, T => {
        let mut out = MatrixMut::<T>::new(out, "out")?;
        let shape = out.shape();
        let out = out.slice()?;
        call(py, 20.0 * out.len() as f64, |context| {
            let map = FeatureMap::<T>::new(&features.0, context, d)?;
            if (map.directions(), d) != shape {
                let message = format!("out must be {} x {d}, got {shape:?}", map.directions());
                return Err(widelearn_core::error::Error::Invalid(message));
            }
            gram::weights(context, &map, out)
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
        let (x, mut out) = (Matrix::<T>::new(x, "x")?, MatrixMut::<T>::new(out, "out")?);
        let (x, out) = (x.rows()?, out.slice()?);
        call(py, out.len() as f64 * (2 * x.d + 20) as f64, |context| {
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
    d: usize,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let (indptr, indices) = (Indices::new(indptr, "indptr")?, Indices::new(indices, "indices")?);
    let (indptr, indices) = (indptr.slice()?, indices.slice()?);
    by_type!(values, T => {
        let (values, mut out) = (Vector::<T>::new(values, "values")?, MatrixMut::<T>::new(out, "out")?);
        let (values, out) = (values.slice()?, out.slice()?);
        call(py, (2 * values.len() * features.0.n_components + 20 * out.len()) as f64, |context| {
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
        let (x, coef) = (Matrix::<T>::new(x, "x")?, Matrix::<T>::new(coef, "coef")?);
        let mut out = MatrixMut::<T>::new(out, "out")?;
        let (x, coef, out) = (x.rows()?, coef.rows()?, out.slice()?);
        call(py, (x.n * coef.n) as f64 * (2 * x.d + 2 * coef.d + 20) as f64, |context| {
            let map = FeatureMap::<T>::new(&features.0, context, x.d)?;
            gram::predict(context, &map, x, coef.data, coef.d, out)
        })
    })
}

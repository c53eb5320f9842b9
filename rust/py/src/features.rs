//! Feature maps.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use widelearn_core::features::{FeatureMap, Features, Weights};
use widelearn_core::gram;

use crate::call::call;
use crate::convert::{Matrix, MatrixMut, by_type};
use crate::error::to_py;
use crate::kernels::{Spec, activation};

/// A feature map as Python spells it.
pub(crate) struct FeatureSpec(pub(crate) Features);

impl<'a, 'py> FromPyObject<'a, 'py> for FeatureSpec {
    type Error = PyErr;

    fn extract(spec: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let spec = spec.cast::<PyTuple>()?;
        let weights = |i: usize| -> PyResult<Weights> {
            let name: String = spec.get_item(i)?.extract()?;
            Weights::parse(&name).map_err(|e| to_py(spec.py(), &e))
        };
        let name: String = spec.get_item(0)?.extract()?;
        Ok(Self(match name.as_str() {
            "random" => Features::Random {
                n_components: spec.get_item(1)?.extract()?,
                activation: activation(&spec.get_item(2)?)?,
                weights: weights(3)?,
                bias_scale: spec.get_item(4)?.extract()?,
                seed: spec.get_item(5)?.extract()?,
            },
            "fourier" => Features::Fourier {
                kernel: spec.get_item(1)?.extract::<Spec>()?.0,
                n_components: spec.get_item(2)?.extract()?,
                weights: weights(3)?,
                seed: spec.get_item(4)?.extract()?,
            },
            _ => return Err(PyValueError::new_err(format!("unknown feature map {name:?}"))),
        }))
    }
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
            let weights = map.weights();
            if (weights.n, weights.d) != shape {
                let message = format!("out must be {} x {}, got {shape:?}", weights.n, weights.d);
                return Err(widelearn_core::error::Error::Invalid(message));
            }
            out.copy_from_slice(weights.data);
            Ok(())
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

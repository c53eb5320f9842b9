//! Feature maps.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use widelearn_core::error::Result;
use widelearn_core::features::{FeatureMap, Features, Formula, Weights};
use widelearn_core::matrix::Sparse;
use widelearn_core::threads::Context;
use widelearn_core::{flops, gram};

use crate::call::call;
use crate::convert::{Matrix, MatrixMut, Numbers, Scalar, Vector, by_type, views};
use crate::error::to_py;
use crate::kernels::{Named, Spec, field};
use crate::sparse::Stored;

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

/// A feature map with its weights drawn, for rows of one length and type.
#[pyclass(frozen, module = "widelearn._core")]
pub(crate) struct DrawnFeatures(Held);

enum Held {
    F32(FeatureMap<f32>),
    F64(FeatureMap<f64>),
}

#[pymethods]
impl DrawnFeatures {
    /// Bytes that it holds.
    #[getter]
    fn nbytes(&self) -> usize {
        match &self.0 {
            Held::F32(map) => map.bytes(),
            Held::F64(map) => map.bytes(),
        }
    }
}

/// Maps of a scalar type among those of any.
pub(crate) trait Holds: Scalar {
    fn hold(map: FeatureMap<Self>) -> DrawnFeatures;
    fn held(drawn: &DrawnFeatures) -> Option<&FeatureMap<Self>>;
}

macro_rules! holds {
    ($t:ty, $kind:ident) => {
        impl Holds for $t {
            fn hold(map: FeatureMap<Self>) -> DrawnFeatures {
                DrawnFeatures(Held::$kind(map))
            }

            fn held(drawn: &DrawnFeatures) -> Option<&FeatureMap<Self>> {
                if let Held::$kind(map) = &drawn.0 { Some(map) } else { None }
            }
        }
    };
}
holds!(f32, F32);
holds!(f64, F64);

/// A feature map that a call makes, or one that is there.
pub(crate) enum Map<'py> {
    Spec(FeatureSpec),
    Drawn(Bound<'py, DrawnFeatures>),
}

impl<'a, 'py> FromPyObject<'a, 'py> for Map<'py> {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(drawn) = value.cast::<DrawnFeatures>() {
            return Ok(Self::Drawn(drawn.to_owned()));
        }
        Ok(Self::Spec(value.extract()?))
    }
}

/// The same without the interpreter, of rows of one type.
pub(crate) enum Given<'a, T> {
    Spec(&'a Features),
    Drawn(&'a FeatureMap<T>),
}

impl Map<'_> {
    pub(crate) fn given<T: Holds>(&self) -> PyResult<Given<'_, T>> {
        match self {
            Self::Spec(spec) => Ok(Given::Spec(&spec.0)),
            Self::Drawn(drawn) => {
                let map = T::held(drawn.get());
                map.map(Given::Drawn)
                    .ok_or_else(|| PyValueError::new_err("the features were drawn for rows of another type"))
            }
        }
    }
}

impl<T: Holds> Given<'_, T> {
    /// Do a job with the map for rows of length `d`.
    pub(crate) fn with<R>(
        &self,
        context: &Context<'_>,
        d: usize,
        job: impl FnOnce(&FeatureMap<T>) -> Result<R>,
    ) -> Result<R> {
        match self {
            Self::Spec(features) => job(&FeatureMap::new(features, context, d)?),
            Self::Drawn(map) => job(map),
        }
    }

    /// The flops of making it for rows of length `d`.
    fn work(&self, d: usize) -> f64 {
        match self {
            Self::Spec(features) => flops::weights(features.n_components, d),
            Self::Drawn(_) => 0.0,
        }
    }
}

/// A feature map for rows like those of `x`, its weights drawn.
#[pyfunction]
pub(crate) fn draw_features(py: Python<'_>, features: FeatureSpec, x: &Bound<'_, PyAny>) -> PyResult<DrawnFeatures> {
    by_type!(x, T => {
        views!(Matrix<T>: x);
        let work = flops::weights(features.0.n_components, x.d);
        call(py, work, |context| FeatureMap::<T>::new(&features.0, context, x.d)?.packed(context)).map(T::hold)
    })
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
    features: Map<'_>,
    x: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    by_type!(x, T => {
        views!(Matrix<T>: x; MatrixMut<T>: out);
        let given = features.given::<T>()?;
        call(py, flops::features(out.len(), x.d) + given.work(x.d), |context| {
            given.with(context, x.d, |map| gram::transform(context, map, x, out))
        })
    })
}

/// The features of sparse rows of `d` columns; `origin`, where there is one, is added to every row.
#[pyfunction]
#[pyo3(signature = (features, x, d, out, origin=None))]
pub(crate) fn transform_sparse(
    py: Python<'_>,
    features: FeatureSpec,
    x: Stored<'_>,
    d: Numbers<usize>,
    out: &Bound<'_, PyAny>,
    origin: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let (d, (indptr, indices, values)) = (d.0, &x);
    by_type!(values, T => {
        views!(Vector<i64>: indptr; Vector<i32>: indices; Vector<T>: values; MatrixMut<T>: out);
        let origin = origin.map(|o| Vector::<T>::new(o, "origin")).transpose()?;
        let origin = origin.as_ref().map(Vector::view).transpose()?;
        let stored = values.len() + origin.map_or(0, <[T]>::len);
        call(py, flops::sparse_features(stored, features.0.n_components, out.len()), |context| {
            gram::transform_sparse(context, &features.0, Sparse::new(indptr, indices, values, d)?, origin, out)
        })
    })
}

/// The features of the rows of `x` times `coef`.
#[pyfunction]
pub(crate) fn predict(
    py: Python<'_>,
    features: Map<'_>,
    x: &Bound<'_, PyAny>,
    coef: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    by_type!(x, T => {
        views!(Matrix<T>: x, coef; MatrixMut<T>: out);
        let given = features.given::<T>()?;
        call(py, flops::predict((x.n, x.d), (coef.n, coef.d)) + given.work(x.d), |context| {
            given.with(context, x.d, |map| gram::predict(context, map, x, coef.data, coef.d, out))
        })
    })
}

//! Kernels as Python spells them, the named tuples of `widelearn.kernels.specs`, as core kernels.

use std::sync::Arc;

use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyMemoryError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use widelearn_core::activation::{Activation, Shape};
use widelearn_core::kernels::{Kernel, Layer, Network};

use crate::convert::{Matrix, Vector, out_of_range};
use crate::error::to_py;

/// A kernel as Python spells it.
pub(crate) struct Spec(pub(crate) Kernel);

impl<'a, 'py> FromPyObject<'a, 'py> for Spec {
    type Error = PyErr;

    fn extract(spec: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(kernel(&spec, 0)?))
    }
}

/// An activation as Python spells it.
pub(crate) struct Named(pub(crate) Activation);

impl<'a, 'py> FromPyObject<'a, 'py> for Named {
    type Error = PyErr;

    fn extract(spec: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let name: String = field(&spec, "name")?;
        let parsed = Activation::parse(&name, field(&spec, "parameter")?);
        Ok(Self(parsed.map_err(|e| to_py(spec.py(), &e))?))
    }
}

/// Levels of sums and products, at most.
const NESTED: usize = 100;

/// What a named tuple holds under a name.
pub(crate) fn field<'py, T: FromPyObjectOwned<'py>>(spec: &Bound<'py, PyAny>, name: &str) -> PyResult<T> {
    let py = spec.py();
    let value = spec.getattr(name).map_err(|_| {
        let class = spec.get_type().to_string();
        PyTypeError::new_err(format!("what has {name:?} is one of widelearn.kernels.specs, got {class}"))
    })?;
    let extracted: Result<T, PyErr> = value.extract().map_err(Into::into);
    extracted.map_err(|e| out_of_range(py, e, name))
}

fn kernel(spec: &Bound<'_, PyAny>, level: usize) -> PyResult<Kernel> {
    if level > NESTED {
        return Err(PyValueError::new_err(format!("kernels are nested more than {NESTED} levels deep")));
    }
    let number = |name: &str| field::<f64>(spec, name);
    let activation = || field::<Named>(spec, "activation").map(|named| named.0);
    let part = |name: &str| kernel(&field::<Bound<'_, PyAny>>(spec, name)?, level + 1).map(Box::new);
    let class = spec.get_type().name()?;
    Ok(match class.to_str()? {
        "Constant" => Kernel::Constant(number("value")?),
        "Linear" => Kernel::Linear,
        "Polynomial" => {
            Kernel::Polynomial { degree: field(spec, "degree")?, gamma: number("gamma")?, coef0: number("coef0")? }
        }
        "DotProduct" => Kernel::DotProduct(field(spec, "coefficients")?),
        "Rbf" => Kernel::Rbf { gamma: number("gamma")? },
        "Laplace" => Kernel::Laplace { gamma: number("gamma")?, power: number("power")? },
        "Manhattan" => Kernel::Manhattan { gamma: number("gamma")? },
        "Matern" => Kernel::Matern { length_scale: number("length_scale")?, nu: number("nu")? },
        "ArcCosine" => Kernel::ArcCosine { order: field(spec, "order")? },
        "Network" => {
            let (depth, activation) = (field(spec, "depth")?, activation()?);
            let (weight_variance, bias_variance) = (number("weight_variance")?, number("bias_variance")?);
            let network = Network { depth, activation, weight_variance, bias_variance };
            if field(spec, "tangent")? { Kernel::Ntk(network) } else { Kernel::Nngp(network) }
        }
        "Finite" => Kernel::Finite {
            width: field(spec, "width")?,
            activation: activation()?,
            seed: field(spec, "seed")?,
            tangent: field(spec, "tangent")?,
        },
        "Layer" => Kernel::Layer(Arc::new(layer(spec)?)),
        "Taylor" => Kernel::Taylor { order: field(spec, "order")?, activation: activation()? },
        "Sum" => Kernel::Sum(part("k1")?, part("k2")?),
        "Product" => Kernel::Product(part("k1")?, part("k2")?),
        other => return Err(PyTypeError::new_err(format!("a kernel is one of widelearn.kernels.specs, got {other}"))),
    })
}

/// A layer at weights of the user's, which are copied.
fn layer(spec: &Bound<'_, PyAny>) -> PyResult<Layer> {
    let array = |name: &str| field::<Bound<'_, PyAny>>(spec, name);
    let (w, b, sizes) = (array("W")?, array("b")?, array("sizes")?);
    let (w, b, sizes) =
        (Matrix::<f64>::new(&w, "W")?, Vector::<f64>::new(&b, "b")?, Vector::<f64>::new(&sizes, "sizes")?);
    let (name, parameter, smoothing): (String, f64, f64) = field(spec, "shape")?;
    let shape = Shape::parse(&name, parameter, smoothing).map_err(|e| to_py(spec.py(), &e))?;
    let rows = w.view()?;
    let (w, d, slopes) = (owned(rows.data)?, rows.d, field(spec, "slopes")?);
    Ok(Layer { w, b: owned(b.view()?)?, sizes: owned(sizes.view()?)?, d, shape, slopes })
}

fn owned(values: &[f64]) -> PyResult<Vec<f64>> {
    let mut out = Vec::new();
    let refused = || PyMemoryError::new_err(format!("could not allocate {} bytes for weights", 8 * values.len()));
    out.try_reserve_exact(values.len()).map_err(|_| refused())?;
    out.extend_from_slice(values);
    Ok(out)
}

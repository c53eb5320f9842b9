//! Kernels as Python spells them, the named tuples of `widelearn.kernels.specs`, as core kernels.

use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use widelearn_core::activation::Activation;
use widelearn_core::kernels::{Kernel, Network};

use crate::convert::out_of_range;
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
        "Taylor" => Kernel::Taylor { order: field(spec, "order")?, activation: activation()? },
        "Sum" => Kernel::Sum(part("k1")?, part("k2")?),
        "Product" => Kernel::Product(part("k1")?, part("k2")?),
        other => return Err(PyTypeError::new_err(format!("a kernel is one of widelearn.kernels.specs, got {other}"))),
    })
}

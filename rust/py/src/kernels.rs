//! Kernel specifications, nested tuples, as core kernels.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use widelearn_core::activation::Activation;
use widelearn_core::kernels::{Kernel, Network};

use crate::error::to_py;

/// A kernel as Python spells it.
pub(crate) struct Spec(pub(crate) Kernel);

impl<'a, 'py> FromPyObject<'a, 'py> for Spec {
    type Error = PyErr;

    fn extract(spec: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(kernel(&spec.cast::<PyTuple>()?.to_owned(), 0)?))
    }
}

/// Levels of sums and products, at most.
const NESTED: usize = 100;

fn kernel(spec: &Bound<'_, PyTuple>, level: usize) -> PyResult<Kernel> {
    if level > NESTED {
        return Err(PyValueError::new_err(format!("kernels are nested more than {NESTED} levels deep")));
    }
    let name: String = spec.get_item(0)?.extract()?;
    let number = |i: usize| -> PyResult<f64> { spec.get_item(i)?.extract() };
    let part =
        |i: usize| -> PyResult<Box<Kernel>> { Ok(Box::new(kernel(spec.get_item(i)?.cast::<PyTuple>()?, level + 1)?)) };
    let network = || -> PyResult<Network> {
        Ok(Network {
            depth: spec.get_item(1)?.extract()?,
            activation: activation(&spec.get_item(2)?)?,
            weight_variance: number(3)?,
            bias_variance: number(4)?,
        })
    };
    Ok(match name.as_str() {
        "constant" => Kernel::Constant(number(1)?),
        "linear" => Kernel::Linear,
        "polynomial" => {
            Kernel::Polynomial { degree: spec.get_item(1)?.extract()?, gamma: number(2)?, coef0: number(3)? }
        }
        "rbf" => Kernel::Rbf { gamma: number(1)? },
        "laplace" => Kernel::Laplace { gamma: number(1)?, power: number(2)? },
        "manhattan" => Kernel::Manhattan { gamma: number(1)? },
        "matern" => Kernel::Matern { length_scale: number(1)?, nu: number(2)? },
        "arccos" => Kernel::ArcCosine { order: spec.get_item(1)?.extract()? },
        "nngp" => Kernel::Nngp(network()?),
        "ntk" => Kernel::Ntk(network()?),
        "finite_rf" | "finite_ntk" => Kernel::Finite {
            width: spec.get_item(1)?.extract()?,
            activation: activation(&spec.get_item(2)?)?,
            seed: spec.get_item(3)?.extract()?,
            tangent: name == "finite_ntk",
        },
        "taylor" => Kernel::Taylor { order: spec.get_item(1)?.extract()?, activation: activation(&spec.get_item(2)?)? },
        "dot_product" => Kernel::DotProduct(spec.get_item(1)?.extract()?),
        "sum" => Kernel::Sum(part(1)?, part(2)?),
        "product" => Kernel::Product(part(1)?, part(2)?),
        _ => return Err(PyValueError::new_err(format!("unknown kernel {name:?}"))),
    })
}

/// An activation as Python spells it: `(name, parameter)`.
pub(crate) fn activation(spec: &Bound<'_, PyAny>) -> PyResult<Activation> {
    let (name, parameter): (String, f64) = spec.extract()?;
    Activation::parse(&name, parameter).map_err(|e| to_py(spec.py(), &e))
}

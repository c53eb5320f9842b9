"""The tangent kernel of a two-layer net at any weights, as a kernel object."""

from dataclasses import dataclass
from typing import Any

from widelearn.kernels import Kernel, specs
from widelearn.nets.two_layer import TwoLayer


@dataclass(eq=False, repr=False)
class TangentKernel(Kernel):
    """Take the inner products of a two-layer net's gradients at the weights that it has, at its start or trained.

    For f(x) = Σ_r a_r σ(<w_r, x> - b_r) with c outputs, summed over them, k(x, x') = (<x, x'> + 1) Σ_r ‖a_r‖²
    σ'(z_r) σ'(z'_r) + c Σ_r σ(z_r) σ(z'_r): the parts <x, x'>, 1 and the second sum stem from W, b and a. Kernel ridge
    regression with it trains the linearised net.

    Parameters
    ----------
    net : TwoLayer
        The net, which is not copied: the kernel follows changes of its arrays. A fit takes a copy.
    parameters : str or tuple of str, default="Wba"
        Which of "W", "b" and "a" are trained.

    Raises
    ------
    ValueError
        If the activation has no slope, parameters are none of these, or rows have other columns than W.
    TypeError
        If `net` is no :class:`TwoLayer`.

    See Also
    --------
    widelearn.kernels.Empirical : The same of any model, from its Jacobian.
    widelearn.kernels.FiniteNTK : That of a random first layer: its weights, a = 1 / sqrt(N d), parameters="W".

    Notes
    -----
    Values and products come from the tile engine: no Jacobian, and for products no matrix. A Gram matrix of n rows
    costs n² (m + d) + 2 n m d flops, twice as many with both W or b and a, and 64 MiB beyond the matrix.

    References
    ----------
    Jacot, Gabriel & Hongler, "Neural tangent kernel", NeurIPS 2018, section 4. Montanari & Misiakiewicz, "Six lectures
    on linearized neural networks", 2023, chapter 1.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.nets import TangentKernel, TwoLayer
    >>> net = TwoLayer(np.eye(2), np.array([0.5, 0.5]), np.array([[1.0], [-2.0]]), "relu")
    >>> TangentKernel(net)(np.array([[1.0, 2.0]]))
    array([[32.5]])
    >>> TangentKernel(net, "a")(np.array([[1.0, 2.0]]))
    array([[2.5]])
    """

    net: Any
    parameters: Any = "Wba"
    _columns_alike = False

    @property
    def takes_sparse(self) -> bool:
        """Neurons are made of dense rows."""
        return False

    def spec(self, d: int) -> specs.Kernel:
        """Return what the core reads."""
        if not isinstance(self.net, TwoLayer):
            raise TypeError(f"net must be a widelearn.nets.TwoLayer, got {type(self.net).__name__}.")
        return self.net.tangent_spec(self.parameters)

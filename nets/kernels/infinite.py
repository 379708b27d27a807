"""The tangent kernel of infinitely wide networks."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from nets import _neural_tangents
from nets._checks import (
    ArrayLike,
    as_points,
    check_network,
    check_same_dimension,
    require_float64,
)
from nets.asi import Antisymmetric, Doubled
from nets.kernels.architecture import Affine, Architecture, architecture
from nets.kernels.gaussian import by_quadrature
from nets.kernels.kinks import kinks_kernel
from nets.networks import TwoLayerKinks

_TILE_VALUES = 2**20  # numbers of one array (n1, n2, h, w), or (n1, n2, h, h, w, w)
_COUNTS = (64, 128, 256, 512)
_RESOLVED = 1e-9

Step = Callable[..., Any]


def infinite_kernel(net: Any, x1: ArrayLike, x2: ArrayLike) -> Float[np.ndarray, "n1 n2"]:
    """Tangent kernel that `nets.tangent_kernel` has the closer the wider the hidden layers are.

    Read from the network itself: layers, factors, initial standard deviations and widths. What the
    parameters are does not matter, a trained network has the kernel it had when it was drawn.
    With z_l = f W * x_(l-1) + g b a layer, u and v the initial standard deviations of f W and of
    g b, N its fan_in and A the mean over the N inputs of an output::

        covariance  S_l = u^2 N A[T_(l-1)] + v^2,                    T_l = E sigma(z) sigma(z')
        kernel      K_l = f^2 N A[T_(l-1)] + g^2 + u^2 N A[D_(l-1) K_(l-1)],  D_l = E sigma' sigma'

    with (z, z') Gaussian of covariance S_l, and K of the last layer is returned (Jacot, Gabriel,
    Hongler 2018; Arora et al. 2019 for convolutions). Average pooling replaces T and D K by their
    means over the pairs of pixels of two squares. f and g are why the scalings have different
    kernels: the gradient is taken in W and b. The widths stay in as the factors N: where the
    kernel grows with the width ("standard") or shrinks with it ("mean-field"), it is the one at
    the widths of this network, to leading order. In "mean-field" scaling that is only the kernel
    at the start: it moves, at any width.

    By neural-tangents (Novak et al. 2020), "relu", "erf", "sin" and "gaussian" in closed form; it
    has no closed form for other activations, which are averaged by the trapezoidal rule until
    two of its grids agree to 1e-9. Equal to the closed forms to about 1e-11, but no better than
    1e-8 relative for "relu" at points that almost coincide.

    The kernel of `nets.two_layer_kinks` is the mean over w, r and l of the products of the
    gradients, in closed form but for the directions `r/|r|`, which are averaged by Gauss-Legendre
    rules until two of them agree to 1e-9; neural-tangents is not needed.

    Args:
        net: what nets.two_layer, nets.mlp or nets.cnn (with average pooling or none) has drawn,
            Gaussian, or nets.two_layer_kinks; or nets.antisymmetric of it, which has the same
            kernel, or nets.doubled, which has twice.
        x1, x2: points (n1, d) and (n2, d), or (n1,) and (n2,) when d = 1; images lie flat.

    Returns:
        K, (n1, n2), in float64. It is that of each output of the network; in the limit different
        outputs have nothing in common, their blocks are zero.

    Raises:
        ImportError: neural-tangents is missing, with what to type.
        RuntimeError: JAX is not set to float64.
        ValueError, TypeError: bad points, a network of another kind, max-pooling, parameters that
            were not Gaussian, an activation that is too rough for the trapezoidal rule, or points
            further out than uniform kinks are.
    """
    require_float64("nets.infinite_kernel")
    check_network(net)
    points1, points2 = as_points("x1", x1), as_points("x2", x2)
    check_same_dimension("x2", points2, points1)
    eqx.filter_eval_shape(net, points1)
    factor = 1.0
    while isinstance(net, Antisymmetric | Doubled):
        factor, net = factor * (2.0 if isinstance(net, Doubled) else 1.0), net.first
    points1, points2 = (points.astype(np.float64) for points in (points1, points2))
    if isinstance(net, TwoLayerKinks):
        return factor * kinks_kernel(net, points1, points2)
    described = architecture(net)
    if described.activation in _closed_forms():
        return factor * _tiled(described, None, points1, points2)
    coarse = _tiled(described, _COUNTS[0], points1, points2)
    for count in _COUNTS[1:]:
        fine = _tiled(described, count, points1, points2)
        if np.abs(fine - coarse).max() <= _RESOLVED * np.abs(fine).max():
            return factor * fine
        coarse = fine
    raise ValueError(
        f"activation {described.activation!r:.60} is too rough for its expectations to be "
        f"resolved by {_COUNTS[-1]} nodes in each direction; smaller initial standard deviations "
        f"help, and {', '.join(map(repr, _closed_forms()))} have a closed form"
    )


def _closed_forms() -> dict[Any, Any]:
    """Activations whose expectations neural-tangents has in closed form."""
    stax = _neural_tangents.load().stax
    return {
        "relu": stax.Relu,
        "erf": stax.Erf,
        "sin": stax.Sin,
        "gaussian": lambda: stax.Gaussian(1.0, -0.5),
    }


def _tiled(
    described: Architecture, count: int | None, x1: np.ndarray, x2: np.ndarray
) -> np.ndarray:
    """The kernel in tiles, so that memory stays bounded."""
    kernel = _kernel(described, count)
    image = described.image
    pixels = 1 if image is None else image[0] * image[1]
    pixels = pixels if described.pool == 1 else pixels**2
    side = max(1, int((_TILE_VALUES / pixels) ** 0.5))
    result = np.empty((len(x1), len(x2)))
    for i in range(0, len(x1), side):
        for j in range(0, len(x2), side):
            left, right = x1[i : i + side], x2[j : j + side]
            if image is not None:
                left, right = left.reshape(-1, *image), right.reshape(-1, *image)
            result[i : i + side, j : j + side] = kernel(left, right)
    return result


def _kernel(described: Architecture, count: int | None) -> Callable[[Any, Any], Any]:
    """(x1, x2) -> K for an architecture; `count` nodes where there is no closed form.

    Not compiled as a whole: a compiler contracts the `q1 q2 - q12^2` of "relu" to a fused product
    and difference, which leaves an angle of 1e-8 between a point and itself.
    """
    stax = _neural_tangents.load().stax
    if count is None:
        between = stax.serial(_closed_forms()[described.activation]())[2]
    else:
        between = by_quadrature(described.activation, count)
    square = (described.pool, described.pool)
    alone = described.pool == 1  # else pixels of different places meet in a mean

    def kernel(x1: Any, x2: Any) -> Any:
        first, *others = described.layers
        state = _linear(stax, first)(x1, x2, diagonal_batch=True, diagonal_spatial=alone)
        state = _affine(first, state)
        flat = first.kernel is None
        for layer in others:
            state = between(state)
            if not flat and not alone:
                state = stax.AvgPool(square, strides=square, padding="VALID")[2](state)
            if layer.kernel is None and not flat:
                state, flat = stax.Flatten()[2](state), True
            state = _affine(layer, _linear(stax, layer)(state))
        return state.ntk

    return kernel


def _linear(stax: Any, layer: Affine) -> Step:
    """The mean over the inputs of an output, as a layer with W of variance 1/N and no bias."""
    if layer.kernel is None:
        return stax.Dense(1, W_std=1.0, b_std=None)[2]
    shape = (layer.kernel, layer.kernel)
    return stax.Conv(1, shape, padding="VALID", W_std=1.0, b_std=None)[2]


def _affine(layer: Affine, state: Any) -> Any:
    """The layer itself, from the covariance A[T] and the kernel A[T] + A[D K] of `_linear`."""
    own = layer.weight_factor**2 * layer.fan_in
    through = layer.weight_std**2 * layer.fan_in

    def spread(covariance: Any) -> Any:
        return through * covariance + layer.bias_std**2

    return state.replace(
        nngp=spread(state.nngp),
        cov1=spread(state.cov1),
        cov2=spread(state.cov2),
        ntk=own * state.nngp + layer.bias_factor**2 + through * (state.ntk - state.nngp),
    )

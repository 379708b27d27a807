"""What the infinite width needs to know of a network: its layers, one after the other."""

import math
from typing import Any, NamedTuple

from nets.networks import CNN, MLP, TwoLayer
from nets.networks.activations import Activation


class Affine(NamedTuple):
    """`z = weight_factor (W * x) + bias_factor b`, the gradient taken in W and b.

    weight_std and bias_std are the initial standard deviations of factor times parameter; kernel
    is the side of a convolution's square kernel, None for a dense layer.
    """

    fan_in: int
    weight_factor: float
    bias_factor: float
    weight_std: float
    bias_std: float
    kernel: int | None = None


class Architecture(NamedTuple):
    """Affine layers with the activation between them, at images (h, w, channels) or points.

    Behind each convolution's activation stands the mean over squares of side pool.
    """

    layers: tuple[Affine, ...]
    activation: Activation
    image: tuple[int, int, int] | None = None
    pool: int = 1


def _affine(layer: Any, kernel: int | None = None) -> Affine:
    fan_in = math.prod(layer.weight.shape[-2 if kernel is None else -4 : -1])
    return Affine(
        fan_in,
        layer.weight_factor,
        layer.bias_factor,
        layer.weight_std,
        layer.bias_std,
        kernel,
    )


def architecture(net: Any) -> Architecture:
    """The layers of a network.

    Raises:
        TypeError: a network of another kind.
        ValueError: it has no kernel in the limit, or what it was drawn from is not known.
    """
    if not isinstance(net, TwoLayer | MLP | CNN):
        raise TypeError(
            "net must be drawn by nets.two_layer, nets.two_layer_kinks, nets.mlp or nets.cnn, or "
            "be nets.antisymmetric or nets.doubled of one, for its infinite-width kernel to be "
            f"known, got {net!r:.60}"
        )
    if isinstance(net, TwoLayer):
        return _two_layer(net)
    if net.distribution != "gaussian":
        raise ValueError(
            "net must be drawn with distribution='gaussian': with another one the first layer is "
            f"not Gaussian, however wide the network, got {net.distribution!r}"
        )
    dense = tuple(_affine(layer) for layer in net.layers)
    if isinstance(net, MLP):
        return Architecture(dense, net.activation)
    if net.pool != 1 and net.pooling != "average":
        raise ValueError(
            'net must be drawn with pooling="average", or with pool=1: no closed form of the '
            f"kernel behind max-pooling is known, got pooling={net.pooling!r} and pool={net.pool}"
        )
    convolutions = tuple(_affine(layer, layer.weight.shape[-4]) for layer in net.convolutions)
    return Architecture(convolutions + dense, net.activation, net.image, net.pool)


def _two_layer(net: TwoLayer) -> Architecture:
    if net.sigmas is None:
        raise ValueError(
            "net must know the standard deviations it was drawn with, sigmas=(sigma_a, sigma_w, "
            "sigma_b), such as nets.two_layer keeps, got None"
        )
    width, dim = net.w.shape[-2:]
    sigma_a, sigma_w, sigma_b = net.sigmas
    inner = Affine(dim, 1.0, 1.0, sigma_w, sigma_b)
    outer = Affine(width, net.prefactor, 0.0, net.prefactor * sigma_a, 0.0)
    return Architecture((inner, outer), net.activation)

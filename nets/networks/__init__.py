"""Networks: two-layer ones in both parametrisations, deep and convolutional ones."""

from nets._frozen import Frozen
from nets.networks.activations import ACTIVATIONS, kinked
from nets.networks.cnn import CNN, cnn
from nets.networks.kinks import TwoLayerKinks, two_layer_kinks
from nets.networks.layers import Convolution, Dense
from nets.networks.mlp import MLP, mlp
from nets.networks.two_layer import TwoLayer, two_layer

__all__ = [
    "ACTIVATIONS",
    "CNN",
    "MLP",
    "Convolution",
    "Dense",
    "Frozen",
    "TwoLayer",
    "TwoLayerKinks",
    "cnn",
    "kinked",
    "mlp",
    "two_layer",
    "two_layer_kinks",
]

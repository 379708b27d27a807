"""Practice: finite networks, their tangent kernels, and gradient flow with error control."""

from nets._fourier import Fourier, FourierStages
from nets.asi import Antisymmetric, Doubled, antisymmetric, doubled
from nets.chebyshev import Chebyshev
from nets.drift import kernel_drift, parameter_drift
from nets.ensemble import ensemble
from nets.exponential import ExponentialMidpoint
from nets.flow import gradient_flow
from nets.kernels import infinite_kernel, kernel_product, tangent_kernel
from nets.least_movement import LeastMovement, MovementStatus, least_movement
from nets.linearized import linearized_flow
from nets.losses import Loss, Weighted
from nets.networks import (
    CNN,
    MLP,
    Frozen,
    TwoLayer,
    TwoLayerKinks,
    cnn,
    mlp,
    two_layer,
    two_layer_kinks,
)
from nets.run import Run, Status
from nets.training import train

__all__ = [
    "CNN",
    "MLP",
    "Antisymmetric",
    "Chebyshev",
    "Doubled",
    "ExponentialMidpoint",
    "Fourier",
    "FourierStages",
    "Frozen",
    "LeastMovement",
    "Loss",
    "MovementStatus",
    "Run",
    "Status",
    "TwoLayer",
    "TwoLayerKinks",
    "Weighted",
    "antisymmetric",
    "cnn",
    "doubled",
    "ensemble",
    "gradient_flow",
    "infinite_kernel",
    "kernel_drift",
    "kernel_product",
    "least_movement",
    "linearized_flow",
    "mlp",
    "parameter_drift",
    "tangent_kernel",
    "train",
    "two_layer",
    "two_layer_kinks",
]

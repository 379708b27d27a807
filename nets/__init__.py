"""Practice: finite networks, their tangent kernels, and gradient flow with error control."""

from nets.asi import Antisymmetric, antisymmetric
from nets.chebyshev import Chebyshev
from nets.ensemble import ensemble
from nets.exponential import ExponentialMidpoint
from nets.flow import gradient_flow
from nets.kernels import tangent_kernel
from nets.least_movement import LeastMovement, MovementStatus, least_movement
from nets.linearized import linearized_flow
from nets.networks import TwoLayer, two_layer
from nets.run import Run, Status

__all__ = [
    "Antisymmetric",
    "Chebyshev",
    "ExponentialMidpoint",
    "LeastMovement",
    "MovementStatus",
    "Run",
    "Status",
    "TwoLayer",
    "antisymmetric",
    "ensemble",
    "gradient_flow",
    "least_movement",
    "linearized_flow",
    "tangent_kernel",
    "two_layer",
]

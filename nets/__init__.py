"""Practice: finite networks, their tangent kernels, and gradient flow with error control."""

from nets.asi import Antisymmetric, antisymmetric
from nets.chebyshev import Chebyshev
from nets.ensemble import ensemble
from nets.exponential import ExponentialMidpoint
from nets.flow import gradient_flow
from nets.kernels import tangent_kernel
from nets.linearized import linearized_flow
from nets.networks import TwoLayer, two_layer
from nets.run import Run, Status

__all__ = [
    "Antisymmetric",
    "Chebyshev",
    "ExponentialMidpoint",
    "Run",
    "Status",
    "TwoLayer",
    "antisymmetric",
    "ensemble",
    "gradient_flow",
    "linearized_flow",
    "tangent_kernel",
    "two_layer",
]

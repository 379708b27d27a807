"""The three theorems of the frequency principle, with their constants, along one trajectory.

`measure` takes the outputs of any source on a uniform grid and its tangent kernel: a network, an
LFP or an NTK flow. `bump` and `density` make the cut-off and the density of the theorems,
`exponent` fits how a ratio falls with frequency, or a constant grows under refinement.

Source: Luo, Ma, Xu, Zhang 2019, Theory of the Frequency Principle for General Deep Neural
Networks.
"""

from compare.stages.bounds import Bound
from compare.stages.intermediate import Intermediate
from compare.stages.measuring import Dissipation, Stages, measure
from compare.stages.rates import exponent
from compare.stages.weights import bump, density

__all__ = [
    "Bound",
    "Dissipation",
    "Intermediate",
    "Stages",
    "bump",
    "density",
    "exponent",
    "measure",
]

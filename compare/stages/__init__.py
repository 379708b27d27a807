"""The three theorems of the frequency principle, with their constants, along one trajectory.

`measure` takes the outputs of any source on a uniform grid and its tangent kernel: a network, an
LFP or an NTK flow. `changes` takes outputs alone, from recording to recording. `refine` measures
how the constants grow with the grid, `least_rayleigh` the worst case of the final stage. `bump`
and `density` make the cut-off and the density of the theorems, `exponent` fits how a ratio falls
with frequency.

Source: Luo, Ma, Xu, Zhang 2019, Theory of the Frequency Principle for General Deep Neural
Networks.
"""

from compare.stages.bounds import Bound
from compare.stages.changes import Changes, changes
from compare.stages.intermediate import Intermediate
from compare.stages.measuring import measure
from compare.stages.rates import exponent
from compare.stages.rayleigh import least_rayleigh
from compare.stages.records import Dissipation, Stages
from compare.stages.refining import Refinement, refine
from compare.stages.weights import bump, density

__all__ = [
    "Bound",
    "Changes",
    "Dissipation",
    "Intermediate",
    "Refinement",
    "Stages",
    "bump",
    "changes",
    "density",
    "exponent",
    "least_rayleigh",
    "measure",
    "refine",
]

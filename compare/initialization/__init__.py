"""What the random output of a fresh network leaves in what it learns, and how to be rid of it.

`decompose` splits any linear flow (Theorem 2), `expected_error` is the mean error over random
initial outputs (Theorem 3), exact from their covariance, `error_over_seeds` the same measured;
`ends_of_flow` and `ends_of_network` are the ends under several losses (Theorems 5 and 6);
`over_initializations` trains plain, antisymmetric and doubled networks side by side. The theorems
are those of Zhang, Xu, Luo, Ma 2020, A type of generalization error induced by initialization in
deep neural networks, in the numbering of Zhang's lecture on the frequency principle, FAU 2025.
"""

from compare.initialization.decomposition import Decomposition, decompose, tangent_kernel_of
from compare.initialization.errors import (
    ErrorOverSeeds,
    ExpectedError,
    error_over_seeds,
    expected_error,
)
from compare.initialization.expectation import additional_error, covariance_of
from compare.initialization.losses import Ends, NetworkEnds, ends_of_flow, ends_of_network
from compare.initialization.schemes import over_initializations

__all__ = [
    "Decomposition",
    "Ends",
    "ErrorOverSeeds",
    "ExpectedError",
    "NetworkEnds",
    "additional_error",
    "covariance_of",
    "decompose",
    "ends_of_flow",
    "ends_of_network",
    "error_over_seeds",
    "expected_error",
    "over_initializations",
    "tangent_kernel_of",
]

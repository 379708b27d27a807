"""Arrays of a network that are not trained."""

import equinox as eqx
from jaxtyping import Array, Float


class Frozen(eqx.Module):
    """An array of a network that is no parameter.

    It takes no part in tangent kernels, gradients and distances, and every training leaves it as
    it is. For networks of one's own: `directions: nets.Frozen`, used as `self.directions.value`.
    """

    value: Float[Array, "..."]

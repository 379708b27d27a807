"""Arrays of a network that are not trained.

Below `nets.networks`, so that the checks of input, which networks use, know of them too.
"""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float


class Frozen(eqx.Module):
    """An array of a network that is no parameter.

    It takes no part in tangent kernels, gradients and distances, and every training leaves it as
    it is. For networks of one's own: `directions: nets.Frozen`, used as `self.directions.value`.
    """

    value: Float[Array, "..."]


def split(net: Any) -> tuple[Any, Any]:
    """The network as (trained parameters, the rest); what is `Frozen` belongs to the rest."""
    trained = jax.tree.map(eqx.is_inexact_array, net, is_leaf=lambda node: isinstance(node, Frozen))
    return eqx.partition(net, trained)

"""The finite network that a law is the limit of."""

import jax

import lfp
import nets
from lfp import _checks as check


def check_two_layer(law: object) -> lfp.TwoLayer:
    """The law, if it is one of a two-layer network."""
    if not isinstance(law, lfp.TwoLayer):
        raise TypeError(f"law must be an lfp.TwoLayer, got {law!r}")
    return law


def antisymmetric_network(
    law: lfp.TwoLayer, key: jax.Array, *, dim: int, width: check.Integer
) -> nets.Antisymmetric:
    """An antisymmetric network of the law's initial distribution, width hidden units a copy.

    Raises:
        ValueError: the law has no counterpart among `nets.two_layer`: its activation is not
            named, its weights are not Gaussian, or w is not trained.
    """
    if not isinstance(law.activation, str) or law.weights != "gaussian" or not law.divergence:
        raise ValueError(
            "law must have a named activation, weights='gaussian' and divergence=True, as "
            f"nets.two_layer has, got {law}"
        )
    net = nets.two_layer(
        key,
        dim=dim,
        width=width,
        activation=law.activation,
        sigma_a=law.sigma_a,
        sigma_w=law.sigma_w,
        sigma_b=law.sigma_b,
    )
    return nets.antisymmetric(net)

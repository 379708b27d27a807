"""Gradients of a network's outputs, those of dense layers as the factors of outer products."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nets.asi import Antisymmetric, Doubled
from nets.networks import CNN, MLP, Convolution, Dense, TwoLayer


class Part(NamedTuple):
    """Gradients by some of the parameters: the outer products of `inputs_i` and `slopes_ia`."""

    inputs: Float[Array, "n k"] | None
    """None is the number 1: the slopes are the gradients."""
    slopes: Float[Array, "n c m"]


class _Tapped(Dense):
    """The layer with `move` added to its outputs, which notes its inputs at `place` of `seen`."""

    move: Float[Array, " outputs"]
    place: int = eqx.field(static=True)
    seen: dict[int, Array] = eqx.field(static=True)

    def __call__(self, x: Array) -> Array:
        self.seen[self.place] = x
        return super().__call__(x) + self.move


def rows(static: Any, parameters: Any, x: Array, dtype: Any) -> list[Part]:
    """All gradients at the points x, formed in the dtype of the parameters and given in `dtype`.

    A dense layer makes `weight_factor A @ weight + bias_factor bias` of its inputs A, so that the
    gradient of an output by both parameters is the outer product of `(weight_factor A,
    bias_factor)` and its derivative by what the layer makes. Both factors come from the network's
    own way to its outputs: A is seen there, and the derivative is that by a number added there.
    The gradient of a `TwoLayer` by w is the outer product of x and that by b. Only networks whose
    code is known to use these parameters in no other way are taken apart.
    """
    net = eqx.combine(parameters, static)
    known = _known(net)
    layers = _nodes(net, Dense) if known else []
    others = _without_products(parameters) if known else parameters

    def at(point: Array) -> tuple[list[Array], list[Array], Any]:
        def outputs(others: Any, moves: list[Array]) -> tuple[Array, list[Array]]:
            seen: dict[int, Array] = {}
            value = _tapped(eqx.combine(others, net), moves, seen)(point[None])[0]
            return value, [seen[place][0] for place in range(len(moves))]

        moves = [jnp.zeros_like(layer.bias) for layer in layers]
        value, pullback, inputs = jax.vjp(outputs, others, moves, has_aux=True)
        basis = jnp.eye(value.size, dtype=value.dtype).reshape(value.size, *value.shape)
        gradients, slopes = jax.vmap(pullback)(basis)
        return inputs, slopes, gradients

    def part(inputs: Array | None, slopes: Array, bias_factor: float = 1.0) -> Part:
        if inputs is not None:
            inputs = jnp.pad(inputs, ((0, 0), (0, 1)), constant_values=bias_factor).astype(dtype)
        return Part(inputs, slopes.reshape(*slopes.shape[:2], -1).astype(dtype))

    inputs, slopes, gradients = jax.vmap(at)(x)
    parts = [
        part(layer.weight_factor * given, of_layer, layer.bias_factor)
        for layer, given, of_layer in zip(layers, inputs, slopes, strict=True)
    ]
    for node in jax.tree.leaves(gradients, is_leaf=lambda node: isinstance(node, TwoLayer)):
        if known and isinstance(node, TwoLayer):
            parts += [part(x, node.b), part(None, node.a)]
        else:
            parts += [part(None, leaf) for leaf in jax.tree.leaves(node)]
    return parts


def _known(net: Any) -> bool:
    """Whether the network is one of ours, in all its parts: each layer is used once."""
    if type(net) in (Antisymmetric, Doubled):
        return _known(net.first) and _known(net.second)
    if type(net) in (MLP, CNN):
        layers = (*getattr(net, "convolutions", ()), *net.layers)
        return all(type(layer) in (Convolution, Dense) for layer in layers)
    return type(net) is TwoLayer


def _nodes(net: Any, kind: type) -> list[Any]:
    leaves = jax.tree.leaves(net, is_leaf=lambda node: isinstance(node, kind))
    return [leaf for leaf in leaves if isinstance(leaf, kind)]


def _without_products(parameters: Any) -> Any:
    """The parameters by which gradients are formed: None for those that have outer products."""

    def kept(node: Any) -> Any:
        if isinstance(node, Dense):
            return jax.tree.map(lambda _: None, node)
        return eqx.tree_at(lambda two: two.w, node, None) if isinstance(node, TwoLayer) else node

    return jax.tree.map(kept, parameters, is_leaf=lambda node: isinstance(node, Dense | TwoLayer))


def _tapped(net: Any, moves: list[Array], seen: dict[int, Array]) -> Any:
    """The network with its dense layers tapped, in the order of its tree."""
    places = iter(range(len(moves)))

    def tap(node: Any) -> Any:
        if not moves or not isinstance(node, Dense):
            return node
        place = next(places)
        return _Tapped(**vars(node), move=moves[place], place=place, seen=seen)

    return jax.tree.map(tap, net, is_leaf=lambda node: isinstance(node, Dense))

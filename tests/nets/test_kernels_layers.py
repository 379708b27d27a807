"""Kernels from the factors of dense layers' gradients, against whole gradients and other software.

A network of one's own has whole gradients, and `Own` makes one of any network.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import nets
from nets import _neural_tangents
from nets._frozen import split
from nets._gram import MEMORY, gram
from nets.networks.activations import activate

KEY = jax.random.key(5)
RNG = np.random.default_rng(5)
X1, X2 = RNG.normal(size=(5, 2)), RNG.normal(size=(3, 2))
TILES = 6_000  # bytes: the factors of some points


class Own(eqx.Module):
    net: Any

    def __call__(self, x):
        return self.net(x)


def apart(pair):
    """The pair with its second network moved away from the first."""
    second = jax.tree.map(lambda leaf: 0.7 * leaf + 0.1, pair.second)
    return eqx.tree_at(lambda pair: pair.second, pair, second)


def mlp(*widths, **settings):
    chosen = {"weight_std": 1.3, "bias_std": 0.4, "activation": "tanh", **settings}
    return nets.mlp(KEY, widths=widths, **chosen)


THREE = mlp(2, 4, 5, 3, scaling="ntk", weight_std=(0.8, 1.1, 1.7), bias_std=(0.5, 0.0, 2.0))
DENSE = {
    "depth 1": mlp(2, 1),
    "depth 1, three outputs": mlp(2, 3, scaling="ntk"),
    "depth 2, relu": mlp(2, 5, 1, activation="relu"),
    "depth 2, gaussian, mean-field": mlp(2, 5, 2, activation="gaussian", scaling="mean-field"),
    "depth 3, three outputs, ntk": THREE,
    "depth 3, erf, without biases": mlp(2, 4, 5, 1, activation="erf", scaling="ntk", bias_std=0.0),
    "depth 3, own activation": mlp(2, 3, 4, 1, activation=jnp.cos),
    "depth 4, sigmoid, mean-field": mlp(2, 4, 3, 5, 1, activation="sigmoid", scaling="mean-field"),
    "depth 5, softplus": mlp(2, 3, 4, 5, 4, 2, activation="softplus", scaling="ntk"),
    "depth 5, sin": mlp(2, 3, 4, 5, 4, 1, activation="sin"),
}
OTHERS = {
    "antisymmetric": apart(nets.antisymmetric(mlp(2, 4, 3))),
    "pair of a pair": apart(nets.antisymmetric(apart(nets.doubled(mlp(2, 4, 1))))),
    "two layers": nets.two_layer(KEY, dim=2, width=6, scale=1.7, activation="erf"),
    "pair of two layers": apart(nets.doubled(nets.two_layer(KEY, dim=2, width=6))),
    "convolutions": nets.cnn(
        KEY, image=(2, 1, 1), channels=(2,), kernel_size=1, pool=1, dense=(3,), outputs=2
    ),
}


def whole(net, x1, x2):
    """The kernel from whole gradients."""
    return np.asarray(nets.tangent_kernel(Own(net), x1, x2))


def by_layers(net, x):
    """Gradients (n, c, parameters) of a fully connected network, layer by layer backwards."""
    weights = [layer.weight_factor * np.asarray(layer.weight) for layer in net.layers]
    inputs, slopes = [x], []
    for layer, weight in zip(net.layers, weights, strict=True):
        z = inputs[-1] @ weight + layer.bias_factor * np.asarray(layer.bias)
        value, slope = jax.jvp(lambda z: activate(net.activation, z), (z,), (np.ones_like(z),))
        inputs.append(np.asarray(value))
        slopes.append(np.asarray(slope))
    outputs, gradients = weights[-1].shape[1], []
    derivative = np.broadcast_to(np.eye(outputs), (len(x), outputs, outputs))
    for i in reversed(range(len(weights))):
        layer = net.layers[i]
        by_weight = layer.weight_factor * np.einsum("nk,ncm->nckm", inputs[i], derivative)
        gradients += [by_weight.reshape(len(x), outputs, -1), layer.bias_factor * derivative]
        if i:
            derivative = derivative @ weights[i].T * slopes[i - 1][:, None, :]
    return np.concatenate(gradients, axis=2)


def expected_of(net, x1, x2):
    """The kernel by `by_layers`."""
    kernel = np.einsum("iap,jbp->ijab", by_layers(net, x1), by_layers(net, x2))
    return kernel if kernel.shape[2] > 1 else kernel[:, :, 0, 0]


def check(net, x1, x2, expected):
    kernel = nets.tangent_kernel(net, x1, x2)
    assert kernel.shape == expected.shape
    np.testing.assert_allclose(kernel, expected, rtol=1e-11, atol=1e-13 * np.abs(expected).max())


@pytest.mark.parametrize("name", DENSE)
def test_kernel_is_the_product_of_gradients_from_a_loop_over_layers(name):
    check(DENSE[name], X1, X2, expected_of(DENSE[name], X1, X2))


@pytest.mark.parametrize("name", OTHERS)
def test_kernel_is_that_of_whole_gradients(name):
    check(OTHERS[name], X1, X2, whole(OTHERS[name], X1, X2))


def test_kernel_of_points_given_twice_is_the_same_in_tiles():
    net, x = OTHERS["pair of two layers"], np.concatenate([X1, X2])
    expected = whole(net, x, x)
    for memory in (TILES, MEMORY):
        kernel = np.asarray(nets.tangent_kernel(net, x, x, memory=memory))
        np.testing.assert_allclose(kernel, expected, rtol=1e-12)


def test_kernel_of_one_point_is_the_square_of_its_gradient():
    net = DENSE["depth 2, relu"]
    square = np.sum(by_layers(net, X1[:1]) ** 2)
    np.testing.assert_allclose(nets.tangent_kernel(net, X1[:1], X1[:1]), [[square]], rtol=1e-12)


def test_kernel_in_float32_is_that_in_float64_up_to_rounding():
    small = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), THREE)
    kernel = nets.tangent_kernel(small, X1, X2)
    assert kernel.dtype == jnp.float32
    expected = expected_of(THREE, X1, X2)
    np.testing.assert_allclose(kernel, expected, atol=2e-6 * np.abs(expected).max())


def test_kernel_is_that_of_neural_tangents():
    parameters, static = split(THREE)

    def outputs(parameters, x):
        return eqx.combine(parameters, static)(x)

    theirs = _neural_tangents.load().empirical_ntk_fn(outputs, trace_axes=(), vmap_axes=0)
    expected = jax.jit(theirs)(jnp.asarray(X1), jnp.asarray(X2), parameters)
    check(THREE, X1, X2, np.asarray(expected))


def test_kernel_agrees_with_finite_differences():
    net, step, rows = mlp(1, 3, 2, 1, scaling="ntk"), 1e-6, []
    leaves, structure = jax.tree.flatten(net)
    x = np.array([-0.4, 0.3, 1.1])
    outputs = jax.jit(lambda leaves: jax.tree.unflatten(structure, leaves)(x))
    for i, leaf in enumerate(leaves):
        for unit in np.eye(leaf.size).reshape(-1, *leaf.shape):
            above, below = (
                outputs([*leaves[:i], leaf + sign * step * unit, *leaves[i + 1 :]])
                for sign in (1, -1)
            )
            rows.append((above - below) / (2 * step))
    expected = np.array(rows).T @ np.array(rows)
    np.testing.assert_allclose(nets.tangent_kernel(net, x, x), expected, rtol=1e-7)


@settings(deadline=None, max_examples=4)
@given(
    widths=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    scaling=st.sampled_from(["standard", "ntk", "mean-field"]),
    bias_std=st.sampled_from([0.0, 0.6]),
    seed=st.integers(0, 2**31),
)
@example(widths=[1], scaling="mean-field", bias_std=0.0, seed=0)
def test_kernel_of_any_widths_and_scaling(widths, scaling, bias_std, seed):
    net = mlp(*widths, 1, scaling=scaling, bias_std=bias_std)
    random = np.random.default_rng(seed)
    x1, x2 = random.normal(size=(3, widths[0])), random.normal(size=(2, widths[0]))
    check(net, x1, x2, expected_of(net, x1, x2))


class Twice(nets.MLP):
    """An even function: every layer is used twice."""

    def __call__(self, x):
        return super().__call__(x) + super().__call__(-x)


class Scaled(type(THREE.layers[0])):
    """A dense layer that multiplies what it makes."""

    def __call__(self, x):
        return 3 * super().__call__(x)


def test_networks_and_layers_of_ones_own_are_not_taken_apart():
    net = mlp(2, 3, 1)
    scaled = eqx.tree_at(lambda net: net.layers[1], net, Scaled(**vars(net.layers[1])))
    for other in (Twice(**vars(net)), nets.antisymmetric(scaled)):
        check(other, X1, X2, whole(other, X1, X2))


@pytest.mark.parametrize(
    "net",
    [mlp(40, 40, 40, 1), nets.antisymmetric(nets.two_layer(KEY, dim=40, width=80))],
    ids=["mlp", "pair of two layers"],
)
def test_gradients_by_weights_are_not_formed(net):
    x = jnp.zeros((20, 40))

    def bytes_of(net):
        parameters, static = split(net)
        kernel = jax.jit(lambda parameters, x: gram(static, parameters, x, None, dtype=x.dtype))
        return kernel.lower(parameters, x).compile().memory_analysis().temp_size_in_bytes

    gradients = 8 * len(x) * sum(leaf.size for leaf in jax.tree.leaves(net))
    assert bytes_of(net) < gradients / 4
    assert bytes_of(Own(net)) > gradients / 2

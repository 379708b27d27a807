"""The network computes what its formula says, from the distribution it promises."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

import nets

FORMULAS = {
    "relu": lambda z: max(z, 0.0),
    "tanh": math.tanh,
    "erf": erf,
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
    "softplus": lambda z: math.log1p(math.exp(z)),
    "gaussian": lambda z: math.exp(-z * z / 2),
    "sin": math.sin,
}


@pytest.mark.parametrize("activation", FORMULAS)
def test_output_is_the_sum_over_hidden_units(activation):
    net = nets.two_layer(
        jax.random.key(1), dim=2, width=5, activation=activation, sigma_b=1.0, dtype="float64"
    )
    x = np.random.default_rng(0).normal(size=(4, 2))
    a, w, b = (np.asarray(part) for part in (net.a, net.w, net.b))
    expected = [
        sum(a[j] * FORMULAS[activation](float(np.dot(w[j], point)) + b[j]) for j in range(len(a)))
        / math.sqrt(len(a))
        for point in x
    ]
    np.testing.assert_allclose(net(x), expected, rtol=1e-12)


def test_points_on_a_line_may_be_a_plain_list():
    net = nets.two_layer(jax.random.key(1), width=5)
    x = np.linspace(-1, 1, 4)
    np.testing.assert_array_equal(net(x), net(x[:, None]))


def test_parameters_have_the_standard_deviations_asked_for():
    net = nets.two_layer(
        jax.random.key(2), dim=3, width=20_000, sigma_a=0.5, sigma_w=2.0, sigma_b=7.0
    )
    for values, sigma in ((net.a, 0.5), (net.w, 2.0), (net.b, 7.0)):
        count = values.size
        assert abs(np.std(values) / sigma - 1) < 5 / math.sqrt(2 * count)
        assert abs(np.mean(values)) < 5 * sigma / math.sqrt(count)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_in_is_dtype_out(dtype):
    net = nets.antisymmetric(nets.two_layer(jax.random.key(1), width=5, dtype=dtype))
    x, y = np.linspace(-1, 1, 4), np.array([0.1, -0.2, 0.3, 0.0])
    assert net(x).dtype == dtype
    assert nets.tangent_kernel(net, x, x).dtype == dtype
    trained = nets.gradient_flow(net, x, y, [0.0]).net
    assert {leaf.dtype.name for leaf in jax.tree.leaves(trained)} == {dtype}


def test_old_and_new_keys_both_work():
    old, new = jax.random.PRNGKey(3), jax.random.key(3)
    np.testing.assert_array_equal(nets.two_layer(old, width=4).w, nets.two_layer(new, width=4).w)


def test_float32_network_draws_float32_parameters():
    assert nets.two_layer(jax.random.key(0), width=4, dtype=jnp.float32).a.dtype == jnp.float32

"""The network computes what its formula says, from the distribution it promises."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

import lfp
import nets
import nets.networks

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


WIDTH, ALPHA = 50, 3.0
SCALES = {"ntk": "1/sqrt(width)", "standard": "1", "mean-field": "1/width"}
PREFACTORS = {"ntk": WIDTH**-0.5, "standard": 1.0, "mean-field": 1 / WIDTH, ALPHA: 1 / ALPHA}


@pytest.mark.parametrize(("scale", "prefactor"), PREFACTORS.items())
def test_scale_is_the_prefactor_of_the_sum(scale, prefactor):
    net = nets.two_layer(jax.random.key(1), width=WIDTH, activation="tanh", scale=scale)
    x = np.linspace(-1, 1, 4)
    total = np.tanh(np.outer(x, net.w[:, 0]) + net.b) @ net.a
    np.testing.assert_allclose(net(x), prefactor * total, rtol=1e-12)
    assert net.prefactor == prefactor


@pytest.mark.parametrize("scale", PREFACTORS)
def test_kernel_of_another_prefactor_is_that_of_ours_times_the_factor_of_time(scale):
    x = np.linspace(-1, 1, 6)
    ours = nets.two_layer(jax.random.key(1), width=WIDTH)
    other = nets.two_layer(jax.random.key(1), width=WIDTH, scale=scale)
    if isinstance(scale, str):
        factor = lfp.time_factor(prefactor=SCALES[scale], width=WIDTH)
    else:
        factor = lfp.time_factor(output_scale=math.sqrt(WIDTH) / scale)
    np.testing.assert_allclose(
        nets.tangent_kernel(other, x, x), factor * nets.tangent_kernel(ours, x, x), rtol=1e-12
    )


def test_flow_with_another_prefactor_is_ours_on_its_own_time():
    """p f = c m^(-1/2) f, c = p m^(1/2), which trains like a lazy scale c, c^2 times as fast."""
    options = {"width": WIDTH, "activation": "tanh", "sigma_b": 2.0}
    ours = nets.two_layer(jax.random.key(2), **options)
    other = nets.two_layer(jax.random.key(2), scale=ALPHA, **options)
    x = np.linspace(-1, 1, 6)
    y, ts = np.sin(3 * x), np.array([0.0, 1.0, 10.0, 100.0])
    constant = math.sqrt(WIDTH) / ALPHA
    factor = lfp.time_factor(output_scale=constant)
    expected = nets.gradient_flow(ours, x, y, ts, lazy_scale=constant, rtol=1e-5)
    there = nets.gradient_flow(other, x, y, ts / factor, rtol=1e-5)
    assert np.abs(expected.fitted[-1] - expected.fitted[0]).max() > 0.5
    np.testing.assert_allclose(there.fitted, expected.fitted, atol=1e-4)
    moved = nets.gradient_flow(ours, x, y, ts, rtol=1e-5).fitted / PREFACTORS["ntk"]
    assert np.abs(there.fitted - moved).max() > 0.1, "the flow is not linear in the output"


def test_small_outer_weights_without_prefactor_are_the_same_network():
    """a ~ N(0, s^2/m) and p = 1 has m times the kernel of sigma_a = s/sqrt m and p = m^(-1/2)."""
    x, key, s = np.linspace(-1, 1, 5), jax.random.key(4), 1.7
    small = {"width": WIDTH, "sigma_a": s / math.sqrt(WIDTH)}
    plain = nets.two_layer(key, scale="standard", **small)
    np.testing.assert_allclose(plain(x), nets.two_layer(key, width=WIDTH, sigma_a=s)(x), rtol=1e-12)
    np.testing.assert_allclose(
        nets.tangent_kernel(plain, x, x),
        WIDTH * nets.tangent_kernel(nets.two_layer(key, **small), x, x),
        rtol=1e-12,
    )


def test_every_activation_of_the_theory_is_the_same_function_here():
    assert set(nets.networks.ACTIVATIONS) == set(lfp.laws.two_layer.ACTIVATIONS)
    z = np.linspace(-4, 4, 33)
    for name, record in lfp.activations.NAMED.items():
        values = nets.networks.ACTIVATIONS[name](jnp.asarray(z))
        np.testing.assert_allclose(values, record.value(z), rtol=1e-12, atol=1e-15)


def test_activation_may_be_a_function():
    x = np.linspace(-1, 1, 4)
    named = nets.two_layer(jax.random.key(1), width=5, activation="tanh")
    given = nets.two_layer(jax.random.key(1), width=5, activation=jnp.tanh)
    np.testing.assert_array_equal(given(x), named(x))
    np.testing.assert_array_equal(
        nets.tangent_kernel(given, x, x), nets.tangent_kernel(named, x, x)
    )
    run = nets.gradient_flow(nets.antisymmetric(given), x, x**2, [10.0])
    assert run.loss[0] < np.mean(x**4) / 4


def test_order_of_hidden_units_does_not_matter():
    net = nets.two_layer(jax.random.key(5), dim=2, width=30)
    order = np.random.default_rng(0).permutation(30)
    shuffled = jax.tree.map(lambda leaf: leaf[order], net)
    x = np.random.default_rng(1).normal(size=(5, 2))
    np.testing.assert_allclose(shuffled(x), net(x), rtol=1e-12)
    np.testing.assert_allclose(
        nets.tangent_kernel(shuffled, x, x), nets.tangent_kernel(net, x, x), rtol=1e-12
    )


def test_network_remembers_the_standard_deviations_it_was_drawn_with():
    net = nets.two_layer(jax.random.key(5), width=3, sigma_a=0.5, sigma_w=2.0, sigma_b=7.0)
    assert net.sigmas == (0.5, 2.0, 7.0)

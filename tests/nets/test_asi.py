"""Antisymmetric initialisation: zero output, the same kernel, and what it removes."""

import equinox as eqx
import jax
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import nets

SIGMAS = st.floats(0.1, 20.0)


@eqx.filter_jit
def compiled(net, x):
    return net(x)


@settings(deadline=None, max_examples=5)
@given(
    seed=st.integers(0, 2**31),
    width=st.sampled_from([1, 300]),
    dim=st.sampled_from([1, 3]),
    sigmas=st.tuples(SIGMAS, SIGMAS, SIGMAS),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_output_is_exactly_zero_and_the_kernel_unchanged(seed, width, dim, sigmas, dtype):
    sigma_a, sigma_w, sigma_b = sigmas
    net = nets.two_layer(
        jax.random.key(seed),
        dim=dim,
        width=width,
        sigma_a=sigma_a,
        sigma_w=sigma_w,
        sigma_b=sigma_b,
        dtype=dtype,
    )
    pair = nets.antisymmetric(net)
    x = np.random.default_rng(seed).uniform(-1, 1, (8, dim))
    assert (np.asarray(pair(x)) == 0.0).all()
    assert (np.asarray(compiled(pair, x)) == 0.0).all()
    if dtype == "float64":
        kernel = np.asarray(nets.tangent_kernel(net, x, x))
        difference = np.asarray(nets.tangent_kernel(pair, x, x)) - kernel
        assert np.abs(difference).max() <= 1e-12 * np.abs(kernel).max()


def test_flow_starts_at_exactly_zero():
    net = nets.antisymmetric(nets.two_layer(jax.random.key(5), width=300, sigma_b=8.0))
    x = np.linspace(-1, 1, 20)
    run = nets.gradient_flow(net, x, np.sin(3 * x), [0.0], probe=[0.3], lazy_scale=30.0)
    assert (run.fitted == 0.0).all()
    assert run.probe is not None
    assert (run.probe == 0.0).all()


def test_plain_minus_antisymmetric_is_the_initial_output_minus_its_interpolation():
    """Linear flow at equal times: h(.; h_ini) = h(.; 0) + h_ini - h(.; 0, X, h_ini(X))."""
    net = nets.two_layer(jax.random.key(6), width=100, sigma_b=3.0)
    pair = nets.antisymmetric(net)
    x, probe = np.linspace(-1, 1, 8), np.linspace(-1.2, 1.2, 3)
    y, ts = np.cos(4 * x), np.logspace(-2, 6, 9)
    plain = nets.linearized_flow(net, x, y, ts, probe=probe)
    paired = nets.linearized_flow(pair, x, y, ts, probe=probe)
    initial = nets.linearized_flow(pair, x, np.asarray(net(x)), ts, probe=probe)
    for name, start in (("fitted", net(x)), ("probe", net(probe))):
        expected = getattr(paired, name) + np.asarray(start) - getattr(initial, name)
        np.testing.assert_allclose(getattr(plain, name), expected, atol=1e-7)


def test_pair_leaves_the_network_it_was_made_from():
    net = nets.two_layer(jax.random.key(7), width=8)
    pair = nets.antisymmetric(net)
    np.testing.assert_array_equal(pair.first.a, net.a)
    np.testing.assert_array_equal(pair.second.w, net.w)
    assert pair.activation == "relu"

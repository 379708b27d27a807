"""Antisymmetric initialisation: zero output, the same kernel, and what it removes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nets
from nets._frozen import split

KEY = jax.random.key(8)
SIGMAS = st.floats(0.1, 20.0)


@eqx.filter_jit
def compiled(net, x):
    return net(x)


@pytest.mark.bits
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


@pytest.mark.bits
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


IMAGE = {"image": (4, 4, 1), "channels": (4,), "kernel_size": 2, "dense": (5,)}
DRAW = {
    "mlp": lambda **it: nets.mlp(KEY, widths=(16, 8, 6, 1), scaling="ntk", **it),
    "mlp, several outputs": lambda **it: nets.mlp(KEY, widths=(16, 8, 3), **it),
    "cnn": lambda **it: nets.cnn(KEY, **IMAGE, **it),
    "cnn, several outputs": lambda **it: nets.cnn(KEY, **IMAGE, outputs=3, **it),
    "average": lambda **it: nets.cnn(KEY, **IMAGE, pooling="average", **it),
    "average, several outputs": lambda **it: nets.cnn(
        KEY, **IMAGE, pooling="average", outputs=3, **it
    ),
    "kinks": lambda **it: nets.two_layer_kinks(KEY, dim=16, width=11, **it),
    "frozen": lambda **it: nets.two_layer_kinks(
        KEY, dim=16, width=11, frozen_directions=True, **it
    ),
    "two-layer": lambda **it: nets.two_layer(KEY, dim=16, width=11, **it),
    "standard": lambda **it: nets.two_layer(KEY, dim=16, width=11, scale="standard", **it),
    "mean-field": lambda **it: nets.two_layer(KEY, dim=16, width=11, scale="mean-field", **it),
    "1/alpha": lambda **it: nets.two_layer(KEY, dim=16, width=11, scale=2.0, **it),
}
SOME = ("mlp", "cnn", "two-layer")
POINTS = np.random.default_rng(2).normal(size=(5, 16))


@eqx.filter_jit
def outputs_and_kernels(networks):
    """Of several networks, by one program: compiling takes longer than all the rest."""

    def kernel(net):
        parameters, static = split(net)
        rows = jax.jacrev(lambda parameters: eqx.combine(parameters, static)(POINTS))(parameters)
        shape = net(POINTS).size, -1
        flat = jnp.concatenate([row.reshape(shape) for row in jax.tree.leaves(rows)], axis=1)
        return jnp.matmul(flat, flat.T, precision="highest")

    return [(net(POINTS), kernel(net)) for net in networks]


# float64 of all; float32 is what compiling takes once more
KINDS_AND_DTYPES = [
    pytest.param(kind, dtype, marks=[pytest.mark.slow] * (dtype == "float32" and kind not in SOME))
    for kind in DRAW
    for dtype in ("float32", "float64")
]


@pytest.mark.bits
@pytest.mark.parametrize(("kind", "dtype"), KINDS_AND_DTYPES)
def test_every_network_starts_at_zero_with_its_kernel_or_twice_it(kind, dtype):
    net = DRAW[kind](dtype=dtype)
    pairs = nets.antisymmetric(net), nets.doubled(net)
    (output, kernel), *found = outputs_and_kernels((net, *pairs))
    assert (np.asarray(output) != 0.0).all()
    rounding = 1e-5 if dtype == "float32" else 1e-13
    for pair, (zero, of_pair), factor in zip(pairs, found, (1.0, 2.0), strict=True):
        for values in (zero, pair(POINTS)):  # compiled, and operation by operation
            assert values.dtype == dtype
            np.testing.assert_array_equal(values, np.zeros(output.shape))
        assert np.abs(of_pair - factor * kernel).max() <= rounding * np.abs(kernel).max()
        assert pair.activation == net.activation


@pytest.mark.parametrize("make", [nets.antisymmetric, nets.doubled])
def test_tangent_kernel_of_a_pair_with_several_outputs(make):
    net = DRAW["average, several outputs"]()
    kernel = nets.tangent_kernel(net, POINTS, POINTS[:2])
    assert kernel.shape == (5, 2, 3, 3)
    factor = 2.0 if make is nets.doubled else 1.0
    found = nets.tangent_kernel(make(net), POINTS, POINTS[:2])
    np.testing.assert_allclose(found, factor * kernel, rtol=1e-11, atol=1e-12)


def test_doubled_network_is_the_antisymmetric_one_twice_as_fast():
    net = nets.two_layer(jax.random.key(9), width=60, activation="tanh", sigma_b=2.0)
    x, ts = np.linspace(-1, 1, 6), np.array([0.0, 1.0, 30.0, 1000.0])
    y = np.cos(3 * x)
    twice = nets.linearized_flow(nets.doubled(net), x, y, ts, probe=[0.3])
    once = nets.linearized_flow(nets.antisymmetric(net), x, y, 2 * ts, probe=[0.3])
    np.testing.assert_allclose(twice.fitted, once.fitted, atol=1e-9)
    np.testing.assert_allclose(twice.probe, once.probe, atol=1e-9)


def test_one_network_of_twice_the_width_has_the_kernel_of_the_antisymmetric_pair():
    """a' = -a under (2m)^(-1/2): the output cancels only up to rounding."""
    net = nets.two_layer(jax.random.key(10), width=40)
    wide = nets.TwoLayer(
        a=jnp.append(net.a, -net.a),
        w=jnp.append(net.w, net.w, axis=0),
        b=jnp.append(net.b, net.b),
        activation="relu",
    )
    x = np.linspace(-1, 1, 6)
    np.testing.assert_allclose(wide(x), 0.0, atol=1e-12)
    np.testing.assert_allclose(
        nets.tangent_kernel(wide, x, x),
        nets.tangent_kernel(nets.antisymmetric(net), x, x),
        rtol=1e-12,
    )


def test_doubled_refuses_what_is_no_network():
    with pytest.raises(TypeError, match="net must be a network"):
        nets.doubled(3.0)

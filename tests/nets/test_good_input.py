"""Every kind of number and array that is meant is taken, and means the same."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nets

KEY = jax.random.key(0)
NET = nets.two_layer(KEY, width=40, activation="tanh", sigma_b=1.0)
X, Y, TS = np.linspace(-1, 1, 8), np.arange(8) / 8, np.array([0.0, 2.0])

KINDS = {
    "list": list,
    "list of floats": lambda array: array.tolist(),
    "tuple": tuple,
    "tuple of floats": lambda array: tuple(array.tolist()),
    "jax": jnp.asarray,
    "float32": lambda array: array.astype(np.float32),
}
NUMBERS = [int, float, np.int64, np.int32, np.uint8, np.float32, np.float64, np.float16]


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_of_every_kind_are_taken(number):
    plain = nets.two_layer(KEY, width=4, sigma_a=2, sigma_w=2, sigma_b=2)
    two = number(2)
    net = nets.two_layer(KEY, width=4, sigma_a=two, sigma_w=two, sigma_b=two)
    np.testing.assert_array_equal(net.b, plain.b)
    run = nets.linearized_flow(NET, X, Y, TS, lazy_scale=two)
    np.testing.assert_array_equal(
        run.fitted, nets.linearized_flow(NET, X, Y, TS, lazy_scale=2.0).fitted
    )


@pytest.mark.parametrize("integer", [int, np.int64, np.int32, np.uint8])
def test_integers_of_every_kind_are_taken(integer):
    net = nets.two_layer(KEY, dim=integer(2), width=integer(3))
    assert net.w.shape == (3, 2)
    run = nets.gradient_flow(NET, X, Y, [0.0, 0.1], record="networks", rtol=np.float32(1e-3))
    np.testing.assert_array_equal(run.net_at(integer(1)).a, run.net_at(-1).a)


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_every_kind_are_taken(kind):
    def call(convert):
        x, y, ts, probe, xi = (convert(part) for part in (X, Y, TS, X[:3] + 0.5, X[:2] * 2))
        linear = nets.linearized_flow(NET, x, y, ts, probe=probe)
        trained = nets.gradient_flow(NET, x, y, ts, probe=probe, record="networks")
        return (
            NET(x),
            nets.antisymmetric(NET)(x),
            nets.tangent_kernel(NET, x, probe),
            linear.fitted,
            linear.probe,
            linear.spectrum(xi),
            trained.fitted,
            trained.probe,
            trained.kernels(probe),
        )

    for one, other in zip(call(KINDS[kind]), call(np.asarray), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5 if kind == "float32" else 1e-13)


def test_points_in_the_plane_may_be_nested_lists():
    net = nets.two_layer(KEY, dim=2, width=4)
    points = [[0.0, 1.0], [1, 0.5]]
    np.testing.assert_array_equal(net(points), net(np.array(points)))
    np.testing.assert_array_equal(net(tuple(map(tuple, points))), net(np.array(points)))
    kernel = nets.tangent_kernel(net, points, tuple(map(tuple, points)))
    np.testing.assert_array_equal(kernel, nets.tangent_kernel(net, np.array(points), points))


def test_keys_of_an_ensemble_may_be_an_array_a_list_or_a_tuple():
    def run(keys):
        return nets.ensemble(
            lambda key: nets.two_layer(key, width=4),
            keys,
            lambda net: nets.linearized_flow(net, X, Y, TS),
        ).fitted

    expected = run(jax.random.split(KEY, 2))
    np.testing.assert_array_equal(run(list(jax.random.split(KEY, 2))), expected)
    np.testing.assert_array_equal(run(tuple(jax.random.split(KEY, 2))), expected)
    np.testing.assert_array_equal(run(jax.random.split(jax.random.PRNGKey(0), 2)), expected)
    np.testing.assert_array_equal(
        run(np.asarray(jax.random.split(jax.random.PRNGKey(0), 2))), expected
    )


def test_network_may_be_called_and_drawn_inside_jit():
    @jax.jit
    def outputs(key, x):
        return nets.two_layer(key, width=4)(x)

    np.testing.assert_allclose(outputs(KEY, X), nets.two_layer(KEY, width=4)(X), rtol=1e-12)
    assert np.isnan(outputs(KEY, [np.nan])).all()

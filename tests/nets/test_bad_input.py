"""Bad input is refused at the entry point, in words that name it."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nets

KEY = jax.random.key(0)
NET = nets.two_layer(KEY, width=4)
PLANE = nets.two_layer(KEY, dim=2, width=4)
X, Y, TS = np.linspace(-1, 1, 5), np.ones(5), [0.0, 1.0]


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"activation": "swish"}, ValueError, "activation must be one of 'relu', 'tanh'.*'swish'"),
        ({"sigma_a": 0.0}, ValueError, "sigma_a must be positive and finite, got 0"),
        ({"sigma_w": -1}, ValueError, "sigma_w must be positive and finite, got -1"),
        ({"sigma_b": float("nan")}, ValueError, "sigma_b must be positive and finite, got nan"),
        ({"width": 0}, ValueError, "width must be at least 1, got 0"),
        ({"sigma_b": 10**400}, ValueError, "sigma_b must be positive and finite, got 1000"),
        ({"sigma_b": np.complex64(1)}, TypeError, "sigma_b must be a number, got .*1"),
        ({"sigma_b": True}, TypeError, "sigma_b must be a number, got True"),
        ({"width": True}, TypeError, "width must be an integer, got True"),
        ({"width": 2.0}, TypeError, "width"),
        ({"dim": 0}, ValueError, "dim must be at least 1, got 0"),
        ({"dtype": "foo"}, TypeError, "dtype must be a floating-point type, got 'foo'"),
        ({"dtype": "int32"}, TypeError, "dtype must be a floating-point type, got 'int32'"),
    ],
)
def test_network_options_out_of_range(options, error, match):
    with pytest.raises(error, match=match):
        nets.two_layer(KEY, **options)


DATA = [
    ((NET, [0.0, np.nan], [1.0, 2.0], TS), ValueError, "x must be finite, got nan"),
    ((NET, X, [1.0, np.inf, 0, 0, 0], TS), ValueError, "y must be finite, got inf"),
    ((NET, X, Y, [0.0, np.inf]), ValueError, "ts must be finite, got inf"),
    ((NET, [], [], TS), ValueError, "x must not be empty"),
    ((NET, X, Y, []), ValueError, "ts must not be empty"),
    ((NET, X, Y[:3], TS), ValueError, r"y must have shape \(5,\).*got \(3,\)"),
    ((NET, X, Y[:, None], TS), ValueError, r"y must have shape \(5,\).*got \(5, 1\)"),
    ((NET, X.reshape(5, 1, 1), Y, TS), ValueError, r"x must have shape \(n,\) or \(n, d\)"),
    ((NET, X, Y, [[0.0, 1.0]]), ValueError, r"ts must have shape \(T,\)"),
    ((NET, ["a", "b"], Y, TS), TypeError, "x must hold real numbers"),
    ((NET, "abc", Y, TS), TypeError, "x must hold real numbers"),
    ((NET, X, Y * 1j, TS), TypeError, "y must hold real numbers, got dtype complex128"),
    ((NET, [True, False], [1.0, 2.0], TS), TypeError, "x must hold real numbers, got dtype bool"),
    ((NET, X, Y > 0, TS), TypeError, "y must hold real numbers, got dtype bool"),
    ((NET, X, Y, [False, True]), TypeError, "ts must hold real numbers, got dtype bool"),
    ((NET, X, Y, [1.0, 0.5]), ValueError, "ts must be sorted, got 1.0 before 0.5"),
    ((NET, X, Y, [-1.0, 0.5]), ValueError, "ts must not be negative, got -1.0"),
    ((PLANE, X, Y, TS), ValueError, r"x must have shape \(n, 2\) for this network"),
    ((3.0, X, Y, TS), TypeError, "net must be a network"),
    ((np.sin, X, Y, TS), TypeError, "net must have floating-point parameters"),
]


@pytest.mark.parametrize("flow", [nets.gradient_flow, nets.linearized_flow])
@pytest.mark.parametrize(("arguments", "error", "match"), DATA)
def test_bad_data_times_and_networks(flow, arguments, error, match):
    with pytest.raises(error, match=match):
        flow(*arguments)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"lazy_scale": 0.0}, ValueError, "lazy_scale must be positive and finite, got 0"),
        ({"lazy_scale": True}, TypeError, "lazy_scale must be a number, got True"),
        ({"rtol": -1e-3}, ValueError, "rtol must be between 0 and 1, got -0.001"),
        ({"rtol": 5}, ValueError, "rtol must be between 0 and 1, got 5"),
        ({"rtol": 1.0}, ValueError, "rtol must be between 0 and 1, got 1.0"),
        ({"rtol": "fine"}, TypeError, "rtol"),
        ({"solver": "euler"}, ValueError, "solver must be one of 'exponential', 'chebyshev'"),
        ({"record": "all"}, ValueError, "record must be one of 'outputs', 'networks', got 'all'"),
        ({"probe": [np.nan]}, ValueError, "probe must be finite, got nan"),
        ({"probe": [[0.0, 1.0]]}, ValueError, "probe must have points of dimension 1"),
    ],
)
def test_bad_options_of_the_flow(options, error, match):
    with pytest.raises(error, match=match):
        nets.gradient_flow(NET, X, Y, TS, **options)


@pytest.mark.parametrize("net", [NET, nets.antisymmetric(NET)])
@pytest.mark.parametrize("x", ["abc", None, KEY, [1j], [True], [object()], [[1.0], [1.0, 2.0]]])
def test_network_refuses_what_holds_no_real_numbers(net, x):
    with pytest.raises(TypeError, match="x must hold real numbers"):
        net(x)


@pytest.mark.parametrize(
    ("key", "error", "match"),
    [
        (None, TypeError, "key must be a random key such as .*, got None"),
        (3, TypeError, "key must be a random key such as .*, got 3"),
        ("a", TypeError, "key must be a random key such as .*, got 'a'"),
        (np.ones(2), TypeError, "key must be a random key such as"),
        (jax.random.split(KEY, 2), ValueError, r"key must be a single .*, shape \(2,\)"),
        (jax.random.split(jax.random.PRNGKey(0)), ValueError, "key must be a single random key"),
    ],
)
def test_key_of_a_network(key, error, match):
    with pytest.raises(error, match=match):
        nets.two_layer(key)


def test_kernel_refuses_truth_values():
    for x1, x2, name in (([True, False], X, "x1"), (X, [True, False], "x2")):
        with pytest.raises(TypeError, match=f"{name} must hold real numbers, got dtype bool"):
            nets.tangent_kernel(NET, x1, x2)


def test_kernel_refuses_points_of_two_dimensions():
    with pytest.raises(ValueError, match="x2 must have points of dimension 1"):
        nets.tangent_kernel(NET, X, np.ones((3, 2)))


def test_broken_parameters_are_refused():
    broken = jax.tree.map(lambda leaf: leaf * jnp.nan, NET)
    for call in (nets.antisymmetric, lambda net: nets.tangent_kernel(net, X, X)):
        with pytest.raises(ValueError, match="net must have finite parameters"):
            call(broken)


def test_complex_parameters_are_refused():
    turned = jax.tree.map(lambda leaf: leaf.astype(jnp.complex64), NET)
    for call in (nets.antisymmetric, lambda net: nets.tangent_kernel(net, X, X)):
        with pytest.raises(TypeError, match="net must have real parameters, got dtype complex64"):
            call(turned)


def test_networks_that_were_not_recorded_cannot_be_had():
    run = nets.linearized_flow(NET, X, Y, TS)
    with pytest.raises(ValueError, match='pass record="networks"'):
        run.net_at(0)
    recorded = nets.gradient_flow(NET, X, Y, [0.0], record="networks")
    for i in (1, -2):
        with pytest.raises(ValueError, match=f"i must be from -1 to 0, .*, got {i}"):
            recorded.net_at(i)
    for i in (1.0, "a", True, None, np.True_):
        with pytest.raises(TypeError, match="i must be an integer, the index of a time, got"):
            recorded.net_at(i)
    with pytest.raises(ValueError, match="x must have points of dimension 1"):
        recorded.kernels([[0.0, 1.0]])


def test_spectrum_refuses_frequencies_of_another_dimension():
    run = nets.linearized_flow(NET, X, Y, TS)
    with pytest.raises(ValueError, match=r"xi must have shape \(F, 1\)"):
        run.spectrum([[0.0, 1.0]])


def make(key):
    return NET


def run(net):
    return nets.linearized_flow(net, X, Y, TS)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((make, [], run), ValueError, "keys must hold at least one key"),
        ((make, KEY, run), ValueError, "keys must be several random keys"),
        ((make, jax.random.PRNGKey(0), run), ValueError, "keys must be several random keys"),
        ((make, KEY.reshape(1, 1), run), ValueError, r"keys must lie along one axis.*\(1, 1\)"),
        ((make, None, run), TypeError, "keys must be random keys such as .*, got None"),
        ((make, "ab", run), TypeError, "keys must be random keys such as .*, got 'ab'"),
        ((make, [KEY, 2], run), TypeError, r"keys\[1\] must be a random key such as .*, got 2"),
        ((None, [KEY], run), TypeError, "make must be a function key -> network, got None"),
        ((make, [KEY], None), TypeError, "run must be a function network -> Run, got None"),
        ((make, [KEY], lambda net: 3.0), TypeError, "run must return a Run .*, got 3.0"),
    ],
)
def test_arguments_of_an_ensemble(arguments, error, match):
    with pytest.raises(error, match=match):
        nets.ensemble(*arguments)


def test_float32_jax_is_told_what_to_type():
    code = (
        "import jax, numpy as np, nets\n"
        "net = nets.two_layer(jax.random.key(0), width=4)\n"
        "assert net.a.dtype == np.float32\n"
        "nets.gradient_flow(net, [0.0, 1.0], [0.0, 1.0], [1.0])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode != 0
    assert 'jax.config.update("jax_enable_x64", True)' in done.stderr

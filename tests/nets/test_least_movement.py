"""The least movement of the parameters against least squares, descent and the theory side."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree

import lfp
import nets

X = np.linspace(-1, 1, 6)
Y = np.sin(5 * X) + X**2
PROBE = np.array([-1.1, 0.05, 0.7])
NET = nets.two_layer(jax.random.key(0), width=40, activation="tanh", sigma_b=2.0)
PAIR = nets.antisymmetric(NET)


def explicit(net, x):
    """Outputs f and the Jacobian J (n, parameters) written out, and theta_0 as one vector."""
    parameters, static = eqx.partition(net, eqx.is_inexact_array)
    theta, unravel = ravel_pytree(parameters)

    def outputs(theta):
        return eqx.combine(unravel(theta), static)(x)

    both = jax.jit(lambda theta: (outputs(theta), jax.jacrev(outputs)(theta)))(theta)
    return np.asarray(both[0]), np.asarray(both[1]), np.asarray(theta)


@functools.cache
def plain():
    return explicit(NET, X)


def vector(net):
    """The parameters as one vector, in the order of `explicit`."""
    return np.concatenate([np.asarray(leaf).ravel() for leaf in jax.tree.leaves(net)])


@pytest.mark.parametrize("net", [NET, PAIR], ids=["plain", "antisymmetric"])
def test_parameters_are_the_least_squares_solution_of_least_norm(net):
    outputs, jacobian, theta = explicit(net, np.concatenate([X, PROBE]))
    n = len(X)
    moved = np.linalg.lstsq(jacobian[:n], Y - outputs[:n])[0]
    limit = nets.least_movement(net, X, Y, probe=PROBE)
    np.testing.assert_allclose(vector(limit.net) - theta, moved, atol=1e-10 * np.abs(moved).max())
    assert limit.distance == pytest.approx(np.linalg.norm(moved), rel=1e-11)
    np.testing.assert_allclose(limit.probe, (outputs + jacobian @ moved)[n:], atol=1e-10)
    np.testing.assert_allclose(limit.fitted, Y, atol=1e-13)


def test_movement_is_as_accurate_as_from_the_jacobian_itself():
    x = np.linspace(-1, 1, 12)
    y = np.sin(5 * x)
    outputs, jacobian, theta = explicit(NET, x)
    q, r = np.linalg.qr(jacobian.T)
    moved = q @ np.linalg.solve(r.T, y - outputs)
    limit = nets.least_movement(NET, x, y)
    assert limit.status.condition > 1e10
    error = np.linalg.norm(vector(limit.net) - theta - moved) / np.linalg.norm(moved)
    assert error < 10 * np.finfo(float).eps * np.sqrt(limit.status.condition)
    np.testing.assert_allclose(limit.fitted, y, atol=1e-11)


def test_distance_is_the_quadratic_form_of_the_inverse_kernel():
    kernel = np.asarray(nets.tangent_kernel(NET, X, X))
    rest = Y - np.asarray(NET(X))
    distance = nets.least_movement(NET, X, Y).distance
    assert distance**2 == pytest.approx(rest @ np.linalg.solve(kernel, rest), rel=1e-9)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**31), size=st.floats(1e-3, 1e3))
def test_every_other_interpolating_movement_is_farther(seed, size):
    outputs, jacobian, theta = plain()
    rng = np.random.default_rng(seed)
    y = rng.normal(size=len(X))
    limit = nets.least_movement(NET, X, y)
    moved = vector(limit.net) - theta
    aside = size * rng.normal(size=len(theta))
    aside -= np.linalg.pinv(jacobian) @ (jacobian @ aside)
    other = moved + aside
    np.testing.assert_allclose(outputs + jacobian @ other, y, atol=1e-8 * (1 + size))
    # the two are orthogonal: nothing that leaves the outputs as they are shortens the way
    squares = limit.distance**2 + aside @ aside
    assert np.linalg.norm(other) == pytest.approx(np.sqrt(squares), rel=1e-9)
    assert np.linalg.norm(other) > limit.distance


def test_the_linearised_flow_ends_there():
    limit = nets.least_movement(NET, X, Y, probe=PROBE)
    ts = np.array([20.0, 22.0, 30.0, 1e3]) / limit.status.lambda_min
    run = nets.linearized_flow(NET, X, Y, ts, probe=PROBE)
    np.testing.assert_allclose(run.probe[-1], limit.probe, atol=1e-9)
    np.testing.assert_allclose(run.fitted[-1], limit.fitted, atol=1e-9)
    # at the rate of the slowest mode
    error = np.linalg.norm(run.probe[:2] - limit.probe, axis=1)
    assert error[1] / error[0] == pytest.approx(np.exp(-2.0), rel=1e-2)


@pytest.mark.parametrize("loss", ["mse", "logistic", "huber"])
def test_the_linearised_flow_of_any_loss_ends_there(loss):
    def kernel(x1, x2):
        return np.asarray(nets.tangent_kernel(NET, x1, x2))

    limit = nets.least_movement(NET, X, Y, probe=PROBE)
    last = [40 / limit.status.lambda_min]
    flow = lfp.solve(kernel, X, Y, last, loss=loss, initial=lambda x: np.asarray(NET(x)))
    np.testing.assert_allclose(flow(PROBE)[0], limit.probe, atol=1e-7)
    np.testing.assert_allclose(flow.fitted[0], limit.fitted, atol=1e-7)


def test_gradient_descent_on_the_linearised_network_ends_there():
    x, y = X[:4], Y[:4]
    parameters, static = eqx.partition(PAIR, eqx.is_inexact_array)
    limit = nets.least_movement(PAIR, x, y)

    def loss(moved):
        outputs, change = jax.jvp(lambda p: eqx.combine(p, static)(x), (parameters,), (moved,))
        return jnp.mean((outputs + change - y) ** 2) / 2

    rate = 1.9 / limit.status.lambda_max
    steps = int(30 * limit.status.condition / 1.9)

    @jax.jit
    def descend(moved):
        def step(_, moved):
            return jax.tree.map(lambda m, g: m - rate * g, moved, jax.grad(loss)(moved))

        return jax.lax.fori_loop(0, steps, step, moved)

    moved = vector(descend(jax.tree.map(jnp.zeros_like, parameters)))
    np.testing.assert_allclose(vector(limit.net) - vector(PAIR), moved, atol=1e-10)
    assert limit.distance == pytest.approx(np.linalg.norm(moved), rel=1e-9)


def test_the_trained_network_moves_as_little_in_the_lazy_limit():
    limit = nets.least_movement(PAIR, X[:4], Y[:4])
    ts = [30 / limit.status.lambda_min]
    errors = []
    for scale in (100.0, 1000.0):
        run = nets.gradient_flow(PAIR, X[:4], Y[:4], ts, lazy_scale=scale, rtol=1e-6)
        moved = scale * (vector(run.net) - vector(PAIR))
        errors.append(np.linalg.norm(moved - vector(limit.net) + vector(PAIR)) / limit.distance)
    assert errors[1] < 0.005
    assert errors[0] / errors[1] == pytest.approx(10.0, rel=0.05)


@pytest.mark.parametrize("ridge", [0.0, 1e-4, 0.1])
def test_distance_is_the_norm_of_the_interpolant_of_the_tangent_kernel(ridge):
    def kernel(x1, x2):
        return np.asarray(nets.tangent_kernel(NET, x1, x2))

    limit = nets.least_movement(NET, X, Y, ridge=ridge, probe=PROBE)
    theory = lfp.interpolate(kernel, X, Y, initial=lambda x: np.asarray(NET(x)), ridge=ridge)
    assert limit.distance == pytest.approx(theory.norm, rel=1e-9)
    np.testing.assert_allclose(limit.probe, theory(PROBE), atol=1e-8)
    np.testing.assert_allclose(limit.fitted, theory(X), atol=1e-8)


def test_distance_tends_to_the_norm_at_infinite_width():
    x, y = X[::2], Y[::2]
    norm = lfp.interpolate(lfp.TwoLayer(sigma_b=2.0).ntk, x, y).norm
    many = nets.two_layer(jax.random.key(0), width=20 * 1600, sigma_b=2.0)
    errors = []
    for width in (100, 1600):
        square = 0.0
        for first in range(0, 20 * width, width):
            part = slice(first, first + width)
            net = jax.tree.map(lambda leaf, part=part: np.asarray(leaf)[part], many)
            distance = nets.least_movement(net, x, y + np.asarray(net(x))).distance
            square += (distance / norm - 1) ** 2 / 20
        errors.append(np.sqrt(square))
    assert errors[1] < 0.05
    assert errors[0] / errors[1] == pytest.approx(np.sqrt(16), rel=0.3)


def test_both_halves_of_a_pair_move_and_share_the_distance():
    limit = nets.least_movement(PAIR, X, Y)
    first = vector(limit.net.first) - vector(NET)
    second = vector(limit.net.second) - vector(NET)
    np.testing.assert_allclose(first, -second, atol=1e-12)
    assert np.linalg.norm(first) == pytest.approx(limit.distance / np.sqrt(2), rel=1e-9)
    # alone the network starts from its own output, and ends as far away
    alone = nets.least_movement(NET, X, Y + np.asarray(NET(X)))
    assert alone.distance == pytest.approx(limit.distance, rel=1e-9)


def test_ridge_solves_the_penalised_least_squares():
    outputs, jacobian, theta = plain()
    ridge, n = 1e-3, len(X)
    stacked = np.concatenate([jacobian / np.sqrt(n), np.sqrt(ridge) * np.eye(len(theta))])
    right = np.concatenate([(Y - outputs) / np.sqrt(n), np.zeros(len(theta))])
    moved = np.linalg.lstsq(stacked, right)[0]
    limit = nets.least_movement(NET, X, Y, ridge=ridge)
    np.testing.assert_allclose(vector(limit.net) - theta, moved, atol=1e-12)
    missed = np.linalg.norm(outputs + jacobian @ moved - Y) / np.linalg.norm(outputs - Y)
    assert limit.status.residual == pytest.approx(missed, rel=1e-9)
    assert limit.status.lambda_min > ridge


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_more_ridge_moves_less_and_fits_worse(seed):
    y = np.random.default_rng(seed).normal(size=len(X))
    path = [nets.least_movement(NET, X, y, ridge=ridge) for ridge in [0.0, *np.logspace(-8, 2, 6)]]
    assert (np.diff([limit.distance for limit in path]) < 0).all()
    assert (np.diff([limit.status.residual for limit in path]) > 0).all()


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_fewer_samples_need_less_movement(seed):
    rng = np.random.default_rng(seed)
    y, kept = rng.normal(size=len(X)), rng.permutation(len(X))[:3]
    few = nets.least_movement(NET, X[kept], y[kept], probe=X)
    assert few.distance <= nets.least_movement(NET, X, y).distance * (1 + 1e-9)
    # samples that the few already give change nothing
    same = nets.least_movement(NET, X, few.probe)
    assert same.distance == pytest.approx(few.distance, rel=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("factor", [1e-300, 1e-200, 1e200, 1e300])
@pytest.mark.parametrize("ridge", [0.0, 1e-3])
def test_movement_is_homogeneous_at_the_ends_of_the_range_of_floats(ridge, factor):
    one, other = (
        nets.least_movement(PAIR, X, scale * Y, ridge=ridge, probe=PROBE) for scale in (1.0, factor)
    )
    assert other.distance == pytest.approx(factor * one.distance, rel=1e-9, abs=0)
    assert other.status.residual == pytest.approx(one.status.residual, rel=1e-6, abs=1e-12)
    np.testing.assert_allclose(other.fitted / factor, one.fitted, atol=1e-9)
    np.testing.assert_allclose(other.probe / factor, one.probe, atol=1e-9)
    assert other.status.message == ""


def test_movement_beyond_the_range_of_the_parameters_is_refused():
    small = jax.tree.map(lambda leaf: leaf.astype("float32"), NET)
    for net, y in ((small, 1e60 * Y), (NET, 1.7e308 * np.sign(Y))):
        with pytest.raises(ValueError, match=r"parameters.* beyond the range of their dtype"):
            nets.least_movement(net, X, y)
    limit = nets.least_movement(small, X, 1e60 * Y, throw=False)
    assert "beyond the range of their dtype" in limit.status.message
    np.testing.assert_allclose(limit.fitted, 1e60 * Y, rtol=1e-9)
    assert limit.distance == pytest.approx(1e60 * nets.least_movement(PAIR, X, Y).distance)


def test_values_of_the_network_itself_need_no_movement():
    limit = nets.least_movement(NET, X, np.asarray(NET(X)))
    assert limit.distance < 1e-12
    np.testing.assert_allclose(vector(limit.net), vector(NET), atol=1e-12)


def test_condition_is_that_of_the_kernel():
    kernel = np.asarray(nets.tangent_kernel(NET, X, X)) / len(X)
    status = nets.least_movement(NET, X, Y).status
    eigenvalues = np.linalg.eigvalsh(kernel)
    assert status.condition == pytest.approx(np.linalg.cond(kernel), rel=1e-8)
    assert status.lambda_min == pytest.approx(eigenvalues[0], rel=1e-8)
    assert status.lambda_max == pytest.approx(eigenvalues[-1], rel=1e-12)
    assert status.message == ""


def test_small_networks_are_moved_in_float64_and_returned_in_their_own_dtype():
    small = jax.tree.map(lambda leaf: leaf.astype("float32"), NET)
    limit, wide = (
        nets.least_movement(net, X, Y, probe=PROBE)
        for net in (small, jax.tree.map(lambda leaf: leaf.astype("float64"), small))
    )
    assert {leaf.dtype for leaf in jax.tree.leaves(limit.net)} == {np.dtype("float32")}
    assert limit.distance == wide.distance
    np.testing.assert_array_equal(limit.probe, wide.probe)
    np.testing.assert_allclose(vector(limit.net), vector(wide.net), rtol=1e-7)
    assert jax.tree.structure(limit.net) == jax.tree.structure(small)


def test_a_singular_kernel_is_refused_with_advice_or_left_to_the_pseudo_inverse():
    narrow = jax.tree.map(lambda leaf: leaf[:1], NET)
    with pytest.raises(
        ValueError,
        match=r"singular.*eigenvalues of K/n from .*relative residual 0\.\d+: raise ridge, "
        r"leave out points .*wider network",
    ):
        nets.least_movement(narrow, X, Y)
    limit = nets.least_movement(narrow, X, Y, throw=False)
    outputs, jacobian, theta = explicit(narrow, X)
    moved = np.linalg.pinv(jacobian, rcond=1e-7) @ (Y - outputs)
    np.testing.assert_allclose(vector(limit.net) - theta, moved, rtol=1e-8)
    missed = np.linalg.norm(outputs + jacobian @ moved - Y) / np.linalg.norm(outputs - Y)
    assert limit.status.residual == pytest.approx(missed, rel=1e-9)
    assert "numerically singular" in limit.status.message
    assert limit.status.condition > 1e14
    assert nets.least_movement(narrow, X, Y, ridge=1e-3).status.message == ""


def test_repeated_samples_are_fitted_half_way():
    x, y = X.copy(), Y.copy()
    x[5], y[5] = x[2], y[2] + 1
    with pytest.raises(ValueError, match="leave out points that nearly coincide"):
        nets.least_movement(NET, x, y)
    limit = nets.least_movement(NET, x, y, throw=False)
    np.testing.assert_allclose(limit.fitted[[2, 5]], y[2] + 0.5, atol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "match"),
    [
        ((NET, [0.0, np.nan], [1.0, 2.0]), {}, ValueError, "x must be finite, got nan"),
        ((NET, X, [*Y[:-1], np.inf]), {}, ValueError, "y must be finite, got inf"),
        ((NET, X, Y[:3]), {}, ValueError, r"y must have shape \(6,\).*got \(3,\)"),
        ((NET, [], []), {}, ValueError, "x must not be empty"),
        ((NET, X, Y > 0), {}, TypeError, "y must hold real numbers, got dtype bool"),
        ((NET, np.ones((6, 2)), Y), {}, ValueError, r"x must have shape \(n, 1\)"),
        ((3.0, X, Y), {}, TypeError, "net must be a network"),
        ((np.sin, X, Y), {}, TypeError, "net must have floating-point parameters"),
        ((NET, X, Y), {"ridge": -1.0}, ValueError, r"ridge must be at least 0, got -1\.0"),
        ((NET, X, Y), {"ridge": np.nan}, ValueError, "ridge must be at least 0, got nan"),
        ((NET, X, Y), {"ridge": True}, TypeError, "ridge must be a number, got True"),
        ((NET, X, Y), {"probe": [np.nan]}, ValueError, "probe must be finite, got nan"),
        (
            (NET, X, Y),
            {"probe": [[0.0, 1.0]]},
            ValueError,
            "probe must have points of dimension 1",
        ),
    ],
)
def test_bad_input(arguments, options, error, match):
    with pytest.raises(error, match=match):
        nets.least_movement(*arguments, **options)


def test_jax_in_float32_is_told_what_to_type():
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(RuntimeError, match=r"least_movement needs float64.*jax_enable_x64"):
            nets.least_movement(NET, X, Y)
    finally:
        jax.config.update("jax_enable_x64", True)

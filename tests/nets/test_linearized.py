"""The linearised flow against integrators and its own limits."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import nets

X = np.linspace(-1, 1, 8)
Y = np.sin(5 * X) + X**2
PROBE = np.array([-1.1, 0.05, 0.7])
NET = nets.two_layer(jax.random.key(0), width=40, activation="tanh", sigma_b=2.0)


def test_flow_is_the_matrix_exponential_of_the_kernel():
    kernel = np.asarray(nets.tangent_kernel(NET, X, X))
    ts = np.array([0.0, 0.1, 1.0, 30.0])
    run = nets.linearized_flow(NET, X, Y, ts)
    start = np.asarray(NET(X)) - Y
    expected = [Y + expm(-t * kernel / len(X)) @ start for t in ts]
    np.testing.assert_allclose(run.fitted, expected, atol=1e-11)
    np.testing.assert_allclose(run.loss, [np.mean((h - Y) ** 2) / 2 for h in expected], rtol=1e-9)


def test_probe_points_follow_the_same_differential_equation():
    points = np.concatenate([X, PROBE])
    kernel = np.asarray(nets.tangent_kernel(NET, points, X)) / len(X)
    ts = np.array([0.5, 5.0, 50.0])
    found = nets.linearized_flow(NET, X, Y, ts, probe=PROBE)
    solution = solve_ivp(
        lambda t, h: -kernel @ (h[: len(X)] - Y),
        (0, ts[-1]),
        np.asarray(NET(points)),
        t_eval=ts,
        method="Radau",
        rtol=1e-10,
        atol=1e-10,
    )
    assert found.probe is not None
    np.testing.assert_allclose(found.fitted, solution.y[: len(X)].T, atol=1e-7)
    np.testing.assert_allclose(found.probe, solution.y[len(X) :].T, atol=1e-7)


def test_flow_starts_at_the_initial_output_times_the_lazy_scale():
    run = nets.linearized_flow(NET, X, Y, [0.0], probe=PROBE, lazy_scale=4.0)
    np.testing.assert_allclose(run.fitted[0], 4 * np.asarray(NET(X)), atol=1e-13)
    assert run.probe is not None
    np.testing.assert_allclose(run.probe[0], 4 * np.asarray(NET(PROBE)), atol=1e-13)


def test_infinite_time_interpolates_samples():
    net = nets.antisymmetric(nets.two_layer(jax.random.key(1), width=400, sigma_b=1.5))
    x = X[::2]
    kernel = np.asarray(nets.tangent_kernel(net, x, x))
    across = np.asarray(nets.tangent_kernel(net, PROBE, x))
    run = nets.linearized_flow(net, x, Y[::2], [1e12], probe=PROBE)
    np.testing.assert_allclose(run.fitted[0], Y[::2], atol=1e-8)
    assert run.probe is not None
    np.testing.assert_allclose(run.probe[0], across @ np.linalg.solve(kernel, Y[::2]), atol=1e-8)


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 2**31), weights=st.tuples(st.floats(-5, 5), st.floats(-5, 5)))
def test_flow_is_linear_in_the_values(seed, weights):
    pair = nets.antisymmetric(NET)
    y1, y2 = np.random.default_rng(seed).normal(size=(2, len(X)))
    ts = [0.1, 10.0, 1e4]
    runs = [
        nets.linearized_flow(pair, X, y, ts, probe=PROBE)
        for y in (y1, y2, weights[0] * y1 + weights[1] * y2)
    ]
    for name in ("fitted", "probe"):
        one, two, both = (getattr(run, name) for run in runs)
        np.testing.assert_allclose(weights[0] * one + weights[1] * two, both, atol=1e-8)


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 2**31))
def test_loss_never_increases(seed):
    y = np.random.default_rng(seed).normal(size=len(X))
    loss = nets.linearized_flow(NET, X, y, np.logspace(-3, 8, 40)).loss
    assert (np.diff(loss) <= 1e-14 * loss[0]).all()


def test_spectrum_is_the_sampled_transform():
    run = nets.linearized_flow(NET, X, Y, [0.3, 2.0])
    xi = np.array([0.0, 0.5, 2.0])
    expected = [
        [sum(h[i] * np.exp(-2j * np.pi * k * X[i]) for i in range(len(X))) / len(X) for k in xi]
        for h in run.fitted
    ]
    np.testing.assert_allclose(run.spectrum(xi), expected, atol=1e-13)


@pytest.mark.parametrize("case", ["repeated", "more samples than parameters"])
def test_end_of_the_flow_is_the_least_movement_with_a_singular_kernel(case):
    """Eigenvalues of rounding are no rates, however long one waits."""
    net, x = NET, np.array([-0.5, 0.2, 0.2, 0.8])
    if case != "repeated":
        net, x = nets.two_layer(jax.random.key(5), width=1), np.linspace(-1, 1, 30)
    y = np.random.default_rng(0).normal(size=len(x))
    run = nets.linearized_flow(net, x, y, [1e20, 1e30, 1e300], probe=PROBE)
    end = nets.least_movement(net, x, y, probe=PROBE, throw=False)
    for fitted, probe in zip(run.fitted, run.probe, strict=True):
        np.testing.assert_allclose(fitted, end.fitted, atol=1e-6)
        np.testing.assert_allclose(probe, end.probe, atol=1e-4)

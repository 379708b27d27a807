"""Gradient flow and the linearised flow of losses other than the mean square."""

import itertools

import diffrax
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import nets

N = 6
X = np.linspace(-1, 1, N)
Y = np.sin(3 * X) + 0.3 * X
ONE = nets.mlp(jax.random.key(0), widths=(1, 12, 1), scaling="ntk", weight_std=1.0, bias_std=1.0)
TWO = nets.mlp(jax.random.key(1), widths=(1, 12, 2), scaling="ntk", weight_std=1.0, bias_std=1.0)
YY = np.stack([Y, np.cos(2 * X)], axis=1)
PROBE = np.array([-1.1, 0.23])
TS = np.array([0.0, 0.4, 2.0, 8.0])
XI = np.fft.fftfreq(N, 2 / (N - 1))
RHO = np.array([0.5, 1.5, 1.0, 0.0, 2.0, 1.0])
CHI = np.array([0.2, 1.0, 1.0, 1.0, 0.7, 0.1])
WAVES = np.exp(-2j * np.pi * np.outer(XI, X)) / N
WEIGHTS = 1 / (1 + np.abs(XI))


def huber(r):
    return jnp.where(jnp.abs(r) < 1, r**2 / 2, jnp.abs(r) - 0.5)


def in_fourier(u, weights):
    return 0.5 * jnp.sum(weights * jnp.abs(jnp.asarray(WAVES) @ u) ** 2)


def entropy(h):
    return -jnp.mean(jax.nn.log_softmax(h)[jnp.arange(N), jnp.asarray([0, 1, 1, 0, 1, 0])])


# name: network, spelling, values, and the same loss L(h, t) by hand
CASES = {
    "mse": (TWO, "mse", YY, lambda h, t: jnp.sum((h - YY) ** 2) / (2 * N)),
    "p": (ONE, 4, Y, lambda h, t: jnp.mean((h - Y) ** 4) / 4),
    "logistic": (TWO, "logistic", YY, lambda h, t: jnp.sum(jnp.log(jnp.cosh(h - YY))) / N),
    "huber": (ONE, "huber", 4 * Y, lambda h, t: jnp.mean(huber(h - 4 * Y))),
    "weighted": (
        ONE,
        nets.Weighted("mse", rho=RHO, chi=CHI),
        Y,
        lambda h, t: jnp.mean(RHO * (CHI * (h - Y)) ** 2) / 2,
    ),
    "cross-entropy": (TWO, "cross-entropy", [0, 1, 1, 0, 1, 0], lambda h, t: entropy(h)),
    "fourier": (
        ONE,
        nets.Fourier(XI, lambda t: WEIGHTS * (1 + jnp.sin(t))),
        Y,
        lambda h, t: in_fourier(h - Y, WEIGHTS * (1 + jnp.sin(t))),
    ),
    "not convex": (
        ONE,
        nets.Loss(lambda r: jnp.log1p(r**2) / 2, lambda r: r / (1 + r**2)),
        4 * Y,
        lambda h, t: jnp.mean(jnp.log1p((h - 4 * Y) ** 2)) / 2,
    ),
}


def solved(slope, start):
    """y(TS) of y' = slope(t, y), with an error far below the tests'."""
    flat, back = jax.flatten_util.ravel_pytree(start)
    compiled = jax.jit(lambda t, y: jax.flatten_util.ravel_pytree(slope(t, back(y)))[0])
    found = solve_ivp(
        lambda t, y: np.asarray(compiled(t, y)),
        (0, TS[-1]),
        np.asarray(flat),
        method="DOP853",
        t_eval=TS,
        rtol=1e-9,
        atol=1e-10,
    )
    return [back(y) for y in found.y.T]


def forward(net, theta, x):
    """The network by hand."""
    hidden = jnp.tanh(x[:, None] @ theta[0] + theta[1])
    outputs = hidden @ theta[2] / jnp.sqrt(12) + theta[3]
    return outputs if outputs.shape[1] > 1 else outputs[:, 0]


def parameters(net):
    first, second = net.layers
    return first.weight, first.bias, second.weight, second.bias


def by_hand(name):
    """Outputs at the samples and the probe points along the flow of the parameters."""
    net, _, _, loss = CASES[name]
    theta = parameters(net)
    np.testing.assert_allclose(forward(net, theta, X), net(X), atol=1e-14)

    def descend(t, theta):
        gradient = jax.grad(lambda theta: loss(forward(net, theta, jnp.asarray(X)), t))(theta)
        return jax.tree.map(jnp.negative, gradient)

    points = np.concatenate([X, PROBE])
    return np.array([forward(net, theta, points) for theta in solved(descend, theta)])


def size(name):
    return 1.0 if name == "cross-entropy" else np.sqrt(np.mean(np.square(CASES[name][2])))


FAST = [
    *((name, "exponential") for name in ("huber", "weighted", "cross-entropy", "fourier")),
    ("huber", "chebyshev"),
]


@pytest.mark.parametrize(
    ("name", "solver"),
    [
        pytest.param(*case, marks=[] if case in FAST else pytest.mark.slow)
        for case in itertools.product(CASES, ("exponential", "chebyshev"))
    ],
)
def test_flow_is_that_of_the_loss_by_hand(name, solver):
    net, loss, y, value = CASES[name]
    exact, errors = by_hand(name), []
    for rtol in (1e-3, 1e-6):
        run = nets.gradient_flow(net, X, y, TS, loss=loss, solver=solver, rtol=rtol, probe=PROBE)
        found = np.concatenate([run.fitted, run.probe], axis=1)
        errors.append(np.sqrt(np.mean((found - exact) ** 2)) / size(name))
        expected = [value(jnp.asarray(h), t) for h, t in zip(run.fitted, TS, strict=True)]
        np.testing.assert_allclose(run.loss, expected, rtol=1e-10, atol=1e-14)
    assert errors[0] < 3e-3
    assert errors[1] < errors[0] / 30  # rtol^(2/3) is a hundredth


@pytest.mark.parametrize("name", CASES)
def test_linearised_flow_is_that_of_the_loss_by_hand(name):
    net, loss, y, value = CASES[name]
    points = np.concatenate([X, PROBE])
    kernel, start = np.asarray(nets.tangent_kernel(net, points, X)), np.asarray(net(points))

    def descend(t, h):
        gradient = jax.grad(value)(h[:N], t)
        if gradient.ndim == 1:
            return -jnp.asarray(kernel) @ gradient
        return -jnp.einsum("ijab,jb->ia", kernel, gradient)

    exact = np.array(solved(descend, start))
    run = nets.linearized_flow(net, X, y, TS, loss=loss, probe=PROBE)
    found = np.concatenate([run.fitted, run.probe], axis=1)
    np.testing.assert_allclose(found, exact, atol=1e-4 * size(name))  # rtol^(2/3)
    expected = [value(jnp.asarray(h), t) for h, t in zip(run.fitted, TS, strict=True)]
    np.testing.assert_allclose(run.loss, expected, rtol=1e-10, atol=1e-14)


def test_linearised_flow_of_a_quadratic_loss_takes_steps_of_any_length():
    """Fixed weights: as exact at t = 1e5 as at 1, in steps that grow tenfold."""
    run = nets.linearized_flow(ONE, X, Y, [1.0, 1e5], loss=nets.Fourier(XI, np.ones(N)))
    exact = nets.linearized_flow(ONE, X, Y, [1.0, 1e5])
    np.testing.assert_allclose(run.fitted, exact.fitted, atol=1e-9)
    assert run.status.steps + run.status.rejected < 12


FLAT = {
    "huber": (5 * Y + 9, lambda h: jnp.mean(huber(h - 5 * Y - 9))),
    "logistic": (300 * Y, lambda h: jnp.mean(jnp.logaddexp(h - 300 * Y, 300 * Y - h))),
}


@pytest.mark.parametrize("name", [pytest.param("huber", marks=pytest.mark.slow), "logistic"])
def test_flow_begins_where_a_loss_has_no_curvature(name):
    """All residuals of Huber's loss beyond 1; log cosh so far out that 1 - tanh^2 is zero."""
    y, value = FLAT[name]
    assert np.abs(np.asarray(ONE(X)) - y).min() > 1
    kernel, start = np.asarray(nets.tangent_kernel(ONE, X, X)), np.asarray(ONE(X))
    exact = np.array(solved(lambda t, h: -jnp.asarray(kernel) @ jax.grad(value)(h), start))
    size = np.sqrt(np.mean(y**2))
    run = nets.linearized_flow(ONE, X, y, TS, loss=name)
    np.testing.assert_allclose(run.fitted, exact, atol=1e-4 * size)
    flows = [
        nets.gradient_flow(ONE, X, y, TS, loss=name, solver=solver, rtol=1e-4)
        for solver in ("exponential", "chebyshev")
    ]
    np.testing.assert_allclose(flows[0].fitted, flows[1].fitted, atol=1e-3 * size)
    assert (np.diff(flows[0].loss) < 0).all()
    assert flows[0].status.steps < 1000


def test_weights_that_come_and_go_between_two_times_are_met():
    """Frequencies count from t = 1 to 2 only: the flow is that of one unit of time."""
    on = nets.Fourier(XI, np.ones(N))
    pulse = nets.Fourier(XI, lambda t: jnp.where((t > 1) & (t < 2), 1.0, 0.0) * jnp.ones(N))
    run = nets.gradient_flow(ONE, X, Y, [0.5, 1.0, 2.0, 50.0], loss=pulse, rtol=1e-5)
    exact = nets.gradient_flow(ONE, X, Y, [1.0], loss=on, rtol=1e-6)
    np.testing.assert_allclose(run.fitted[1], ONE(X), atol=1e-12)
    np.testing.assert_allclose(run.fitted[2], exact.fitted[0], atol=1e-3)
    np.testing.assert_allclose(run.fitted[3], run.fitted[2], atol=1e-12)


@pytest.mark.parametrize("name", ["p", "weighted", "fourier"])
def test_losses_of_two_outputs_are_sums_over_them(name):
    _, loss, y, value = CASES[name]
    run = nets.linearized_flow(TWO, X, np.stack([y, y], axis=1), TS, loss=loss)
    kernel, start = np.asarray(nets.tangent_kernel(TWO, X, X)), np.asarray(TWO(X))

    def descend(t, h):
        slopes = jax.vmap(lambda column: jax.grad(value)(column, t), 1, 1)(h)
        return -jnp.einsum("ijab,jb->ia", kernel, slopes)

    exact = np.array(solved(descend, start))
    np.testing.assert_allclose(run.fitted, exact, atol=1e-4 * size(name))


def test_cubic_loss_of_two_outputs_decays_as_a_power_of_time():
    """p = 4 near the end: r' = -lambda r^3, so that the loss falls as t^-2."""
    ts = np.logspace(3, 5, 5)
    run = nets.gradient_flow(TWO, X[:2], 0.3 * YY[:2], ts, loss=4)
    slopes = np.diff(np.log(run.loss)) / np.diff(np.log(ts))
    np.testing.assert_allclose(slopes[-1], -2.0, atol=0.05)


@pytest.mark.parametrize(
    "solver",
    [
        diffrax.Tsit5(),
        pytest.param(diffrax.Kvaerno3(), marks=pytest.mark.slow),
        pytest.param(diffrax.Dopri8(), marks=pytest.mark.slow),
        pytest.param(diffrax.HalfSolver(diffrax.Heun()), marks=pytest.mark.slow),
    ],
)
def test_any_diffrax_solver_follows_the_same_flow(solver):
    ts = [0.0, 0.5, 3.0]
    exact = nets.gradient_flow(TWO, X, YY, ts, rtol=1e-6, probe=PROBE)
    run = nets.gradient_flow(TWO, X, YY, ts, rtol=1e-5, solver=solver, probe=PROBE)
    np.testing.assert_allclose(run.fitted, exact.fitted, atol=2e-4)
    np.testing.assert_allclose(run.probe, exact.probe, atol=2e-4)
    assert run.status.solver == type(solver).__name__
    attempts = run.status.steps + run.status.rejected
    stages = {"Tsit5": 6, "Dopri8": 13}.get(run.status.solver, np.nan)
    np.testing.assert_equal(run.status.gradients, stages * attempts)


@pytest.mark.slow
def test_lazy_scale_divides_any_loss_by_its_square():
    """alpha f with L/alpha^2, written out as a loss of f."""
    alpha, ts = 5.0, [0.5, 4.0]
    lazy = nets.gradient_flow(ONE, X, Y, ts, loss="logistic", lazy_scale=alpha, rtol=1e-4)
    scaled = nets.Loss(
        lambda r: jnp.log(jnp.cosh(alpha * r)) / alpha**2, lambda r: jnp.tanh(alpha * r) / alpha
    )
    plain = nets.gradient_flow(ONE, X, Y / alpha, ts, loss=scaled, rtol=1e-4)
    np.testing.assert_allclose(lazy.fitted, alpha * plain.fitted, rtol=1e-7)
    np.testing.assert_allclose(lazy.loss, alpha**2 * plain.loss, rtol=1e-7)


@pytest.mark.parametrize("name", ["p", "huber", "cross-entropy", "not convex"])
@settings(deadline=None, max_examples=4)
@given(seed=st.integers(0, 2**31))
def test_loss_never_increases(name, seed):
    net, loss, y, _ = CASES[name]
    if name != "cross-entropy":
        y = 3 * np.random.default_rng(seed).normal(size=N)
    else:
        y = np.random.default_rng(seed).integers(0, 2, size=N)
    found = nets.gradient_flow(net, X, y, np.logspace(-2, 2, 12), loss=loss).loss
    assert (np.diff(found) <= 1e-6 * found[0]).all()


def test_single_precision_network_of_two_outputs_keeps_its_dtype():
    narrow = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), TWO)
    runs = [
        nets.gradient_flow(net, X, YY, TS, loss="huber", probe=PROBE, record="networks", rtol=1e-5)
        for net in (narrow, TWO)
    ]
    run, exact = runs
    np.testing.assert_allclose(run.fitted, exact.fitted, atol=1e-4)
    assert run.net.layers[0].weight.dtype == run.net_at(1).layers[0].weight.dtype == jnp.float32
    assert run.spectrum(XI).shape == (len(TS), N, 2)


@pytest.mark.parametrize("engine", [nets.gradient_flow, nets.linearized_flow])
def test_losses_that_do_not_fit_are_refused(engine):
    with pytest.raises(ValueError, match=r"y must have shape \(6, 2\)"):
        engine(TWO, X, Y, TS)
    with pytest.raises(ValueError, match="loss must be at least 2"):
        engine(ONE, X, Y, TS, loss=1.5)
    with pytest.raises(ValueError, match=r"loss must not be nets.FourierStages.*nets.train"):
        engine(ONE, X, Y, TS, loss=nets.FourierStages(XI, np.ones((1, N)), [0]))
    with pytest.raises(ValueError, match="whole numbers from 0 to 1"):
        engine(TWO, X, [0, 1, 2, 0, 1, 0], TS, loss="cross-entropy")


def test_solvers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"solver must be one of 'exponential', 'chebyshev'"):
        nets.gradient_flow(ONE, X, Y, TS, solver="euler")
    with pytest.raises(TypeError, match=r"solver must be .* such as diffrax.Tsit5\(\)"):
        nets.gradient_flow(ONE, X, Y, TS, solver=diffrax.Tsit5)
    with pytest.raises(ValueError, match=r"solver must estimate its error.*got Euler"):
        nets.gradient_flow(ONE, X, Y, TS, solver=diffrax.Euler())
    with pytest.raises(ValueError, match=r"solver must integrate one diffrax.ODETerm, got KenCarp"):
        nets.gradient_flow(ONE, X, Y, TS, solver=diffrax.KenCarp4())

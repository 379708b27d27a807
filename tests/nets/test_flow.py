"""Gradient flow as users call it."""

import itertools
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nets
import nets._integrate
from nets._solvers import as_solver, choose_solver

X = np.linspace(-1, 1, 8)
Y = np.sin(3 * X) + 0.3 * X
PROBE = np.array([-1.05, 0.11, 0.6])
NET = nets.two_layer(jax.random.key(0), width=40, activation="tanh", sigma_b=1.0)
PAIR = nets.antisymmetric(NET)
RELU = nets.two_layer(jax.random.key(1), width=100, sigma_b=3.0)
SOLVERS = ("exponential", "chebyshev")


@jax.jit
def descend(a, w, b, rate, steps):
    """Plain gradient descent on 1/(2n) sum r^2, written out by hand."""

    def loss(theta):
        a, w, b = theta
        outputs = jnp.tanh(X[:, None] * w[:, 0] + b) @ a / jnp.sqrt(len(a))
        return jnp.mean((outputs - Y) ** 2) / 2

    def step(_, theta):
        return jax.tree.map(lambda leaf, slope: leaf - rate * slope, theta, jax.grad(loss)(theta))

    return jax.lax.fori_loop(0, steps, step, (a, w, b))


@pytest.mark.parametrize("solver", SOLVERS)
def test_time_is_learning_rate_times_steps_of_gradient_descent(solver):
    """Richardson's extrapolation of two small rates removes the first order of descent."""
    end, outputs = 3.0, []
    for steps in (2000, 4000):
        a, w, b = descend(NET.a, NET.w, NET.b, end / steps, steps)
        outputs.append(np.tanh(np.outer(X, w[:, 0]) + np.asarray(b)) @ a / np.sqrt(len(a)))
    expected = 2 * outputs[1] - outputs[0]
    run = nets.gradient_flow(NET, X, Y, [end], solver=solver, rtol=1e-5)
    np.testing.assert_allclose(run.fitted[0], expected, atol=2e-4)


@pytest.mark.bits
@pytest.mark.parametrize("solver", SOLVERS)
def test_recordings_do_not_depend_on_each_other(solver):
    ts = np.array([0.0, 0.7, 3.0, 20.0])
    options = {"solver": solver, "rtol": 1e-4, "probe": PROBE}
    few = nets.gradient_flow(NET, X, Y, ts, **options)
    many = nets.gradient_flow(NET, X, Y, np.sort(np.append(ts, np.linspace(0, 20, 41))), **options)
    at = np.searchsorted(many.ts, ts)
    np.testing.assert_array_equal(few.fitted, many.fitted[at])
    assert few.probe is not None
    assert many.probe is not None
    np.testing.assert_array_equal(few.probe, many.probe[at])
    np.testing.assert_allclose(few.fitted[0], NET(X), atol=1e-14)
    np.testing.assert_allclose(few.fitted[-1], few.net(X), atol=1e-13)


@pytest.mark.slow
def test_large_lazy_scale_tends_to_the_linearised_flow_as_its_inverse():
    """Antisymmetric: the parameters move by O(1/alpha), and so do kernel and outputs."""
    ts = [1.0, 10.0, 100.0]
    exact = nets.linearized_flow(PAIR, X, Y, ts, probe=PROBE)
    errors = []
    for alpha in (10.0, 40.0, 160.0):
        run = nets.gradient_flow(PAIR, X, Y, ts, lazy_scale=alpha, rtol=1e-7, probe=PROBE)
        errors.append(np.linalg.norm(run.fitted - exact.fitted))
    slopes = np.diff(np.log(errors)) / np.log(4)
    assert (slopes < -0.9).all()
    assert (slopes > -2.2).all()
    assert errors[-1] < 0.02


def test_lazy_scale_is_training_on_smaller_values():
    ts = [1.0, 10.0]
    lazy = nets.gradient_flow(NET, X, Y, ts, lazy_scale=7.0, probe=PROBE)
    small = nets.gradient_flow(NET, X, Y / 7, ts, probe=PROBE)
    np.testing.assert_allclose(lazy.fitted, 7 * small.fitted, rtol=1e-9)
    np.testing.assert_allclose(lazy.probe, 7 * np.asarray(small.probe), rtol=1e-9)
    np.testing.assert_allclose(lazy.loss, np.mean((lazy.fitted - Y) ** 2, axis=1) / 2)


@pytest.mark.parametrize("solver", SOLVERS)
def test_flow_of_two_times_is_the_one_flow_of_their_sum(solver):
    options = {"solver": solver, "rtol": 1e-7, "probe": PROBE}
    first = nets.gradient_flow(NET, X, Y, [1.3], **options)
    second = nets.gradient_flow(first.net, X, Y, [2.9], **options)
    whole = nets.gradient_flow(NET, X, Y, [4.2], **options)
    assert np.abs(whole.fitted - first.fitted).max() > 0.01
    np.testing.assert_allclose(second.fitted, whole.fitted, atol=2e-5)
    np.testing.assert_allclose(second.probe, whole.probe, atol=2e-5)


@pytest.mark.parametrize("solver", SOLVERS)
def test_first_time_may_be_far_shorter_than_a_step(solver):
    run = nets.gradient_flow(NET, X, Y, [1e-12], solver=solver)
    assert run.status.steps == 1
    assert run.status.time == 1e-12
    np.testing.assert_allclose(run.fitted[0], NET(X), atol=1e-11)


@pytest.mark.parametrize("solver", SOLVERS)
def test_last_time_may_be_a_hair_beyond_a_step(solver, monkeypatch):
    ends, advance = [], nets._integrate.advance

    def note_end(*arguments):
        ends.append(float(arguments[2].time + arguments[2].step))
        return advance(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(nets._integrate, "advance", note_end)
        patch.setattr(nets._integrate, "_FIRST", 1)
        patch.setattr(nets._integrate, "_SECONDS", 0.0)
        nets.gradient_flow(NET, X, Y, [1e3], solver=solver)
    # accepted, for the next one ends later; and a last time there cuts off no attempt before it
    step_end = next(
        end
        for i, (end, after) in enumerate(itertools.pairwise(ends))
        if max(ends[: i + 1]) == end < after
    )
    for beyond in (1e-10, 1e-12, np.finfo(np.float64).eps):
        last = step_end * (1 + beyond)
        assert last > step_end
        run = nets.gradient_flow(NET, X, Y, [step_end, last], solver=solver)
        assert run.status.reason == "completed"
        assert run.status.time == last
        np.testing.assert_allclose(run.fitted[1], run.fitted[0], atol=1e-8)


@pytest.mark.parametrize("solver", SOLVERS)
@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**31))
def test_loss_never_increases(solver, seed):
    y = np.random.default_rng(seed).normal(size=len(X))
    loss = nets.gradient_flow(NET, X, y, np.logspace(-2, 2, 15), solver=solver).loss
    assert (np.diff(loss) <= 1e-6 * loss[0]).all()


@settings(deadline=None, max_examples=5)
@given(order=st.permutations(range(len(X))))
def test_permutation_of_samples_permutes_the_outputs(order):
    ts, order = [0.5, 20.0], np.array(order)
    one = nets.gradient_flow(PAIR, X, Y, ts, probe=PROBE, rtol=1e-4)
    two = nets.gradient_flow(PAIR, X[order], Y[order], ts, probe=PROBE, rtol=1e-4)
    np.testing.assert_allclose(two.fitted, one.fitted[:, order], atol=1e-6)
    np.testing.assert_allclose(two.probe, one.probe, atol=1e-6)


def test_both_solvers_agree_on_relu():
    ts = np.logspace(-1, 0.7, 5)
    runs = [
        nets.gradient_flow(RELU, X, Y, ts, solver=solver, lazy_scale=10.0, rtol=1e-3)
        for solver in SOLVERS
    ]
    difference = np.sqrt(np.mean((runs[0].fitted - runs[1].fitted) ** 2, axis=1))
    assert difference.max() < 1e-2 * np.sqrt(np.mean(Y**2))


class Foreign(eqx.Module):
    """Somebody's network, with names of ours for things of its own."""

    activation: Any
    weight: jax.Array = eqx.field(default_factory=lambda: jnp.ones(1))
    pooling: str = "max"

    def __call__(self, x):
        return x @ self.weight


def test_solver_is_chosen_by_samples_kinks_and_tolerance():
    image = {"image": (4, 4, 1), "channels": (2,), "dense": (), "kernel_size": 1}
    own = [jax.nn.leaky_relu, jnp.abs, jax.nn.gelu, lambda z: z]
    fine = [
        choose_solver(net, 100, 1e-5)
        for net in (
            NET,
            RELU,
            nets.antisymmetric(RELU),
            nets.cnn(jax.random.key(0), **image, activation="tanh"),
            nets.cnn(jax.random.key(0), **image, activation="tanh", pool=1),
            nets.cnn(jax.random.key(0), **image, activation="tanh", pooling="average"),
            *(nets.mlp(jax.random.key(0), widths=(1, 2, 1), activation=chosen) for chosen in own),
            nets.two_layer_kinks(jax.random.key(0), width=2),
            nets.Doubled(NET, RELU),
            lambda x: x,
            *(Foreign(activation) for activation in ("swish", "relu", [], jnp.ones(3))),
            nets.antisymmetric(Foreign("swish")),
        )
    ]
    expected = [False, True, True, True, False, False, True, True, False, False, True, True]
    expected += [False] * 6
    assert fine == ["chebyshev" if kinks else "exponential" for kinks in expected]
    assert choose_solver(RELU, 100, 1e-3) == "exponential"
    assert choose_solver(NET, 5000, 1e-3) == "chebyshev"


class Own(nets.Chebyshev):
    """A solver that somebody made of ours."""


def test_solvers_made_of_others_are_taken_with_their_own_name():
    given = Own()
    assert as_solver(given, 1e-5) == (given, "Own")
    assert as_solver(nets.Chebyshev(), 1e-5)[1] == "chebyshev"
    for within in (diffrax.Euler(), nets.Chebyshev()):
        half = diffrax.HalfSolver(within)
        assert as_solver(half, 1e-5) == (half, "HalfSolver")


def test_root_finder_of_an_implicit_solver_gets_the_tolerance_of_the_steps():
    for wrapped in (lambda it: it, lambda it: diffrax.HalfSolver(diffrax.HalfSolver(it))):
        found, _ = as_solver(wrapped(diffrax.Kvaerno3()), 1e-5)
        while isinstance(found, diffrax.HalfSolver):
            found = found.solver
        assert (found.root_finder.rtol, found.root_finder.atol) == (1e-5, 1e-5)
    exact = diffrax.Kvaerno3(root_finder=diffrax.VeryChord(rtol=1e-9, atol=1e-8))
    found, _ = as_solver(diffrax.HalfSolver(exact), 1e-5)
    assert (found.solver.root_finder.rtol, found.solver.root_finder.atol) == (1e-9, 1e-8)


def test_recorded_networks_are_those_of_the_recorded_outputs():
    ts = [0.0, 1.0, 10.0]
    run = nets.gradient_flow(PAIR, X, Y, ts, record="networks")
    for i in range(len(ts)):
        np.testing.assert_allclose(run.net_at(i)(X), run.fitted[i], atol=1e-13)
    kernels = run.kernels(PROBE)
    assert kernels.shape == (3, 3, 3)
    np.testing.assert_allclose(kernels[0], nets.tangent_kernel(PAIR, PROBE, PROBE), rtol=1e-12)
    np.testing.assert_allclose(kernels[2], nets.tangent_kernel(run.net, PROBE, PROBE), rtol=1e-12)


@pytest.mark.slow
def test_float32_network_follows_the_float64_flow():
    narrow = nets.antisymmetric(jax.tree.map(lambda leaf: leaf.astype(jnp.float32), NET))
    exact = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), narrow)
    ts = [0.1, 10.0, 1000.0]
    runs = [nets.gradient_flow(net, X, Y, ts, lazy_scale=30.0) for net in (narrow, exact)]
    np.testing.assert_allclose(runs[0].fitted, runs[1].fitted, atol=1e-3)
    assert runs[0].net.first.w.dtype == jnp.float32


def test_progress_bar_counts_the_recorded_times(capsys):
    nets.gradient_flow(NET, X, Y, [0.0, 0.1, 0.2], progress=True)
    assert "3/3" in capsys.readouterr().err


def test_status_tells_what_was_spent():
    status = nets.gradient_flow(NET, X, Y, [0.0, 5.0], solver="chebyshev").status
    assert status.reason == "completed"
    assert status.time == 5.0
    assert status.gradients > 2 * status.steps > 0
    assert status.jacobians == 0
    kernel = np.asarray(nets.tangent_kernel(NET, X, X)) / len(X)
    assert abs(status.spectral_radius / np.linalg.eigvalsh(kernel)[-1] - 1) < 0.5


class Wall(eqx.Module):
    """Output sqrt(a): pulled to -1 it reaches a = 0 in finite time, where the flow ends."""

    a: jax.Array

    def __call__(self, x):
        return jnp.sqrt(self.a) * jnp.ones(len(x))


@pytest.mark.parametrize("solver", SOLVERS)
def test_flow_that_ends_is_raised_with_advice(solver):
    with pytest.raises(RuntimeError, match=r"stopped at t = .* of 9:.*lazy_scale"):
        nets.gradient_flow(Wall(a=jnp.ones(())), X, -np.ones(8), [9.0], solver=solver)


@pytest.mark.parametrize("solver", SOLVERS)
def test_flow_that_ends_keeps_the_last_good_state(solver):
    """a' = -(sqrt a + 1)/(2 sqrt a); with s = sqrt a, t = F(1) - F(s), as below."""

    def primitive(s):
        return 4 * (s**2 / 2 - s + np.log1p(s))

    wall = Wall(a=jnp.ones(()))
    ts = [0.0, 0.6, 9.0]
    run = nets.gradient_flow(
        wall, X, -np.ones(8), ts, solver=solver, throw=False, record="networks"
    )
    assert "miss the tolerance" in run.status.reason
    assert abs(run.status.time - primitive(1)) < 0.005
    s = run.fitted[1, 0]
    assert abs(primitive(1) - primitive(s) - 0.6) < 0.002
    assert np.isnan(run.fitted[2]).all()
    assert np.isnan(run.net_at(2).a)
    assert np.isfinite(run.net(X)).all()
    kernels = run.kernels([0.0, 0.5])  # (d sqrt(a)/da)^2 = 1/(4 a)
    np.testing.assert_allclose(kernels[1], np.full((2, 2), 0.25 / s**2), rtol=1e-9)
    assert np.isnan(kernels[2]).all()


def test_output_that_is_not_finite_at_the_start_is_reported():
    run = nets.gradient_flow(Wall(a=-jnp.ones(())), X, Y, [1.0], throw=False)
    assert "not finite at t = 0" in run.status.reason


def test_steps_are_compiled_once(monkeypatch):
    """A number of another kind in the first moment would compile the loop twice."""
    traced, added, advance = [], [], nets._integrate.advance

    class Watched(eqx.Module):
        a: jax.Array

        def __call__(self, x):
            traced.append(0)
            return jnp.tanh(x[:, 0] * self.a)

    def watched(*arguments):
        before = len(traced)
        found = advance(*arguments)
        added.append(len(traced) - before)
        return found

    monkeypatch.setattr(nets._integrate, "advance", watched)
    nets.gradient_flow(Watched(a=jnp.ones(())), X, Y, [0.1, 10.0, 1e3, 1e5])
    assert len(added) >= 3
    assert added[0] > 0
    assert not any(added[1:])


def test_rounding_beyond_the_tolerance_is_warned_of():
    """The two halves of a pair round by 1e-7 each; times the lazy scale that is more than rtol."""
    narrow = nets.antisymmetric(jax.tree.map(lambda leaf: leaf.astype(jnp.float32), NET))
    with pytest.warns(UserWarning, match="outputs in float32 are rounded by .* allowed in a step"):
        nets.gradient_flow(narrow, X, Y, [1e-9], lazy_scale=1e5)


def test_exponential_rule_asks_for_the_problem_of_a_network():
    term = diffrax.ODETerm(lambda t, y, args: -y)
    with pytest.raises(TypeError, match="ExponentialMidpoint must have the problem of nets"):
        nets.ExponentialMidpoint().init(term, 0.0, 1.0, jnp.ones(2), None)

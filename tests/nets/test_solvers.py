"""The two integrators: their order, their stability, and diffrax's own loop around them."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nets
from nets._problem import pose
from nets.chebyshev import _advance, stages
from nets.losses import as_objective

X = np.linspace(-1, 1, 8)
Y = np.sin(3 * X) + 0.3 * X
NET = nets.two_layer(jax.random.key(0), width=40, activation="tanh", sigma_b=1.0)
PROBLEM, THETA = pose(NET, X[:, None], as_objective("mse", X[:, None], Y, NET(X)), None)
END = 4.0


@pytest.fixture(scope="module")
def reference():
    """Outputs at END by an explicit method of order 8 at a tight tolerance."""
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(PROBLEM),
        diffrax.Dopri8(),
        0.0,
        END,
        None,
        THETA,
        stepsize_controller=diffrax.PIDController(rtol=1e-11, atol=1e-12),
        max_steps=10_000,
    )
    return np.asarray(PROBLEM.outputs(jax.tree.map(lambda leaf: leaf[-1], solution.ys)))


def outputs_after_fixed_steps(solver, counts):
    term = diffrax.ODETerm(PROBLEM)

    @jax.jit
    def advance(theta, count):
        state = solver.init(term, 0.0, END, theta, None)

        def step(i, carry):
            theta, state = carry
            start = i * END / count
            theta, _, _, state, _ = solver.step(
                term, start, start + END / count, theta, None, state, jnp.asarray(False)
            )
            return theta, state

        return PROBLEM.outputs(jax.lax.fori_loop(0, count, step, (theta, state))[0])

    return [np.asarray(advance(THETA, count)) for count in counts]


@pytest.mark.parametrize("solver", [nets.ExponentialMidpoint(), nets.Chebyshev()])
def test_error_falls_as_the_square_of_the_step(solver, reference):
    outputs = outputs_after_fixed_steps(solver, (20, 40, 80))
    errors = [np.linalg.norm(found - reference) for found in outputs]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[-1] < 1e-3
    np.testing.assert_allclose(orders, 2.0, atol=0.25)


@pytest.mark.parametrize("solver", ["exponential", "chebyshev"])
def test_adaptive_flow_approaches_the_reference_with_its_tolerance(solver, reference):
    errors = []
    for rtol in (1e-2, 1e-5):
        run = nets.gradient_flow(NET, X, Y, [0.0, END / 3, END], solver=solver, rtol=rtol)
        assert run.status.solver == solver
        size = np.sqrt(np.mean(Y**2))
        errors.append(np.sqrt(np.mean((run.fitted[-1] - reference) ** 2)) / size)
        assert errors[-1] <= rtol ** (2 / 3)  # rtol bounds each of the O(rtol^-1/3) steps
    assert errors[1] < errors[0] / 20


def test_chebyshev_is_a_diffrax_solver():
    """The heat equation: spectral radius 4/dx^2, exact solution known."""
    count = 64
    modes = jnp.arange(1, count + 1) * jnp.pi / (count + 1)
    start = jnp.sin(modes) + 0.5 * jnp.sin(3 * modes)
    scale = (count + 1) ** 2 / jnp.pi**2

    def heat(t, u, args):
        padded = jnp.pad(u, 1)
        return scale * (padded[2:] - 2 * u + padded[:-2])

    ts = jnp.linspace(0.0, 1.0, 5)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(heat),
        nets.Chebyshev(),
        0.0,
        1.0,
        1e-3,
        start,
        saveat=diffrax.SaveAt(ts=ts),
        stepsize_controller=diffrax.PIDController(rtol=1e-7, atol=1e-7),
    )
    rates = [4 * scale * np.sin(k * np.pi / (2 * (count + 1))) ** 2 for k in (1, 3)]
    expected = [
        np.exp(-rates[0] * t) * np.sin(modes) + 0.5 * np.exp(-rates[1] * t) * np.sin(3 * modes)
        for t in ts
    ]
    np.testing.assert_allclose(solution.ys, expected, atol=1e-5)  # 1e-7 a step, many steps


@pytest.mark.parametrize("count", [2, 3, 4, 7, 40])
def test_chebyshev_polynomial_has_order_two_with_any_number_of_stages(count):
    """y' = -y gives R(-h) = exp(-h) + O(h^3); y' = t is integrated exactly."""
    errors = []
    for h in (0.2, 0.1):
        y1 = _advance(lambda t, y: -y, 0.0, h, jnp.ones(()), -jnp.ones(()), jnp.asarray(count))
        errors.append(abs(float(y1) - np.exp(-h)))
    assert abs(np.log2(errors[0] / errors[1]) - 3) < 0.2
    start, slope = jnp.zeros(()), jnp.asarray(1.0)
    y1 = _advance(lambda t, y: t * jnp.ones(()), 1.0, 2.0, start, slope, jnp.asarray(count))
    assert abs(float(y1) - 4.0) < 1e-12


@pytest.mark.parametrize("steps", [10.0, 1e3, 1e5])
def test_chebyshev_step_is_stable_over_the_whole_spectrum(steps):
    """On y' = -lambda y, |R(h lambda)| <= 1 up to h rho, with about (h rho / 0.65)^(1/2) stages."""
    rates = jnp.linspace(0.0, 1.0, 400)
    solver, term = nets.Chebyshev(), diffrax.ODETerm(lambda t, y, args: -rates * y)
    start = jnp.ones_like(rates)
    state = solver.init(term, 0.0, steps, start, None)
    end, _, _, after, _ = solver.step(term, 0.0, steps, start, None, state, jnp.asarray(False))
    assert float(jnp.abs(end).max()) <= 1 + 1e-10  # rounding grows as stages squared
    assert float(jnp.abs(end[200:]).max()) < 0.96  # damped to about 1 - (2/13)/3
    used = int(after.gradients - state.gradients)
    assert used == int(stages(jnp.asarray(steps), 1.2 * state.spectral_radius))
    assert used <= 2 + np.sqrt(1.2 * steps / 0.64)


def test_exponential_step_is_exact_for_a_linear_network():
    """Only `a` is trained: the tangent kernel stays, and one step of any length is the flow."""
    frozen = np.asarray(NET.w)[:, 0], np.asarray(NET.b)

    class Linear(eqx.Module):
        a: jax.Array

        def __call__(self, x):
            return jnp.tanh(x.reshape(-1, 1) * frozen[0] + frozen[1]) @ self.a

    net = Linear(a=NET.a)
    ts = [0.01, 1.0, 1e3]
    exact = nets.linearized_flow(net, X, Y, ts, probe=[0.33])
    run = nets.gradient_flow(net, X, Y, ts, rtol=1e-2, solver="exponential", probe=[0.33])
    np.testing.assert_allclose(run.fitted, exact.fitted, atol=1e-9)
    np.testing.assert_allclose(run.probe, exact.probe, atol=1e-7)
    assert run.status.rejected == 0


def test_interpolation_joins_the_ends_of_an_exponential_step():
    solver, term = nets.ExponentialMidpoint(), diffrax.ODETerm(PROBLEM)

    @eqx.filter_jit
    def one_step():
        state = solver.init(term, 0.0, 1.0, THETA, None)
        end, _, dense, _, _ = solver.step(term, 0.0, 0.5, THETA, None, state, False)
        return end, solver.interpolation_cls(t0=0.0, t1=0.5, **dense)

    end, within = one_step()
    for time, theta in ((0.0, THETA), (0.5, end)):
        for one, other in zip(
            jax.tree.leaves(within.evaluate(time)), jax.tree.leaves(theta), strict=True
        ):
            np.testing.assert_allclose(one, other, atol=1e-14)

"""Exponential midpoint rule on the tangent kernel: steps limited by drift, not by stiffness."""

from collections.abc import Callable
from typing import Any, ClassVar

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nets._problem import LeastSquares


class Linearisation(eqx.Module):
    """Outputs near one theta: residual r, and K/n = V diag(rates) V^T of the tangent kernel."""

    residual: Float[Array, " n"]
    rates: Float[Array, " n"]
    modes: Float[Array, "n n"]


class Counts(eqx.Module):
    """State carried from step to step: the linearisation at its start, and what it all cost."""

    start: Linearisation
    gradients: Array
    jacobians: Array

    @property
    def spectral_radius(self) -> Array:
        """Largest eigenvalue of K/n."""
        return self.start.rates[-1]


def linearise(problem: LeastSquares, theta: Any) -> Linearisation:
    """Residual and eigenvectors of K/n at theta."""
    rates, modes = jnp.linalg.eigh(problem.gram(theta) / len(problem.target))
    residual = problem.outputs(theta) - problem.target
    return Linearisation(residual, jnp.maximum(rates, 0.0), modes)


def _coefficients(near: Linearisation, residual: Array, time: Any) -> Array:
    """`c = phi(time K/n) time r / n`, so that theta moves by `-J^T c`; phi(z) = (1 - e^-z)/z."""
    rates = jnp.where(near.rates > 0, near.rates, 1.0)
    moved = jnp.where(near.rates > 0, -jnp.expm1(-time * rates) / rates, time)
    return near.modes @ (moved * (near.modes.T @ residual)) / len(residual)


def _move(problem: LeastSquares, theta: Any, at: Any, coefficients: Array) -> Any:
    """`theta - J(at)^T coefficients`."""
    _, pullback = jax.vjp(problem.outputs, at)
    return jax.tree.map(jnp.subtract, theta, pullback(coefficients)[0])


def _seen_from(problem: LeastSquares, near: Linearisation, at: Any, theta: Any) -> Array:
    """Residual at theta in the linearisation made at `at`."""
    change = jax.tree.map(jnp.subtract, theta, at)
    return near.residual + jax.jvp(problem.outputs, (at,), (change,))[1]


class ExponentialInterpolation(diffrax.AbstractLocalInterpolation):
    """theta inside a step: the flow of the linearisation at its midpoint, followed for t - t0.

    Exact at both ends, and of second order in between, like the steps themselves.
    """

    t0: Any  # pyright: ignore[reportIncompatibleVariableOverride]
    t1: Any  # pyright: ignore[reportIncompatibleVariableOverride]
    problem: LeastSquares
    theta: Any
    middle: Any
    near: Linearisation

    def evaluate(self, t0: Any, t1: Any | None = None, left: bool = True) -> Any:
        """theta at time t0, or its change from t0 to t1."""
        if t1 is not None:
            return jax.tree.map(jnp.subtract, self.evaluate(t1), self.evaluate(t0))
        coefficients = _coefficients(self.near, self.near.residual, t0 - self.t0)
        return _move(self.problem, self.theta, self.middle, coefficients)


class ExponentialMidpoint(diffrax.AbstractSolver):
    """Exponential midpoint rule for the gradient flow of a least-squares problem.

    The outputs are linearised at theta_0, with Jacobian J, residual r, `K = J J^T`, and theta
    moves for half the step, exactly within this linearisation, to theta_m; there the outputs are
    linearised again and theta moves from theta_0 for the whole step h:

        theta_m = theta_0 - J^T   phi(h/2 K/n) (h/2) r / n
        theta_1 = theta_0 - J_m^T phi(h K_m/n)  h  r_m / n
        r_m     = r(theta_m) + J_m (theta_0 - theta_m)

    with `phi(z) = (1 - e^-z)/z`. The idea of exponential Rosenbrock methods (Hochbruck, Ostermann
    2010, Exponential integrators, section 2.4), with the Gauss-Newton part of the Hessian in place
    of all of it: functions of the P x P matrix `J^T J` become functions of the n x n matrix K.
    Order 2 whatever Jacobian is used; a linear network is integrated exactly with any step. The
    error estimate is the difference from the trapezoidal companion, the mean of the two steps of
    first order with the Jacobians at both ends: it falls as h^3 and is about three times the error
    where the network is smooth. It costs no Jacobian, for the one at theta_1 begins the next step.
    The difference from the step with the first Jacobian alone, of order h^2, was seen to need up
    to four times as many Jacobians for the same error.

    Each step needs two Jacobians with n x n eigendecompositions, so n should be at most a few
    thousand. The vector field must be the least-squares problem of `nets.gradient_flow`.
    """

    term_structure: ClassVar[Any] = diffrax.ODETerm
    interpolation_cls: ClassVar[Callable[..., ExponentialInterpolation]] = ExponentialInterpolation

    def order(self, terms: Any) -> int:
        """Second order for any Jacobian."""
        return 2

    def error_order(self, terms: Any) -> int:
        """The estimate falls as h^3."""
        return 3

    def init(self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any) -> Counts:
        """Linearise at the start."""
        start = linearise(terms.vector_field, y0)
        return Counts(start=start, gradients=jnp.zeros((), int), jacobians=jnp.ones((), int))

    def step(
        self,
        terms: Any,
        t0: Any,
        t1: Any,
        y0: Any,
        args: Any,
        solver_state: Counts,
        made_jump: Any,
    ) -> tuple[Any, Any, dict[str, Any], Counts, diffrax.RESULTS]:
        """One step from t0 to t1, as diffrax asks for it."""
        problem, step, start = terms.vector_field, t1 - t0, solver_state.start
        half = _coefficients(start, start.residual, step / 2)
        middle = _move(problem, y0, y0, half)
        near = linearise(problem, middle)
        near = Linearisation(_seen_from(problem, near, middle, y0), near.rates, near.modes)
        y1 = _move(problem, y0, middle, _coefficients(near, near.residual, step))
        first = _move(problem, y0, y0, _coefficients(start, start.residual, step))
        end = linearise(problem, y1)
        last = _move(problem, y0, y1, _coefficients(end, _seen_from(problem, end, y1, y0), step))
        error = jax.tree.map(lambda y, a, b: y - (a + b) / 2, y1, first, last)
        state = Counts(
            start=end,
            gradients=solver_state.gradients + 4,
            jacobians=solver_state.jacobians + 2,
        )
        dense = {"problem": problem, "theta": y0, "middle": middle, "near": near}
        return y1, error, dense, state, diffrax.RESULTS.successful

    def func(self, terms: Any, t0: Any, y0: Any, args: Any) -> Any:
        """The vector field, `-grad L`."""
        return terms.vf(t0, y0, args)

"""Exponential midpoint rule on the tangent kernel: steps limited by drift, not by stiffness."""

from collections.abc import Callable
from typing import Any, ClassVar

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nets._objectives import Objective

_FLOOR, _LEAST = 1e-10, 1e-30
"""Least curvature, beside the largest one and of all; see `root_of_curvature`."""
_HIGHEST = jax.lax.Precision.HIGHEST


class Linearisation(eqx.Module):
    """The flow near one theta: `c' = g - H K c`, c the integral of dL/dh, -J^T c what theta moves.

    g = dL/dh, `H = B B^T` = d^2L/dh^2 and `B^T K B = V diag(rates) V^T`, so that
    `H K = (B V) diag(rates) (B^-T V)^T`.
    """

    gradient: Float[Array, " N"]
    rates: Float[Array, " N"]
    left: Float[Array, "N N"]
    """`B V`."""
    right: Float[Array, "N N"]
    """`B^-T V`."""

    def weights(self, time: Any) -> Float[Array, " N"]:
        """`c(time) = time phi(time H K) g`, `phi(z) = (1 - e^-z)/z`."""
        z = time * self.rates
        safe = jnp.where(z > 1e-8, z, 1.0)  # below, the quotient would lose what is subnormal
        grown = time * jnp.where(z > 1e-8, -jnp.expm1(-safe) / safe, 1 - z / 2)
        return product(self.left, grown * product(self.right.T, self.gradient))

    def seen_from(self, change: Float[Array, " N"]) -> "Linearisation":
        """The same flow, begun where the outputs differ by `change`: `g + H change`."""
        gradient = self.gradient + product(self.left, product(self.left.T, change))
        return Linearisation(gradient, self.rates, self.left, self.right)


class Counts(eqx.Module):
    """State carried from step to step: the linearisation at its start, and what it all cost."""

    start: Linearisation
    gradients: Array
    jacobians: Array

    @property
    def spectral_radius(self) -> Array:
        """Largest eigenvalue of `B^T K B`, that of K/n for "mse"."""
        return self.start.rates[-1]


def product(matrix: Array, other: Array) -> Array:
    """Matrix product in full precision on any device."""
    return jnp.matmul(matrix, other, precision=_HIGHEST)


def root_of_curvature(objective: Objective, outputs: Array, t: Any) -> Array:
    """B with `B B^T = d^2L/dh^2`, (N,) where it is diagonal, else lower triangular (N, N).

    Curvatures below 1e-10 of the largest (of residuals that a loss does not see, or sees with a
    slope that stays) are raised to it, and to 1e-30 where there is none at all, so that B^-1
    exists. The rule has order 2 with any H: only the steps that H allows change, and by no more
    than 1e-10 of the fastest rate.
    """
    if objective.diagonal:
        curvature = objective.curvature(outputs, t, jnp.ones_like(outputs)).ravel()
        floor = jnp.maximum(_FLOOR * jnp.max(curvature), _LEAST)
        return jnp.sqrt(jnp.maximum(curvature, floor))
    basis = jnp.eye(outputs.size, dtype=outputs.dtype).reshape(-1, *outputs.shape)
    columns = jax.vmap(lambda unit: objective.curvature(outputs, t, unit).ravel())(basis)
    floor = jnp.maximum(_FLOOR * jnp.max(jnp.diag(columns)), _LEAST)
    return jnp.linalg.cholesky((columns + columns.T) / 2 + floor * jnp.eye(outputs.size))


def linearise(problem: Any, theta: Any, t: Any) -> Linearisation:
    """Gradient, curvature and tangent kernel at theta and t."""
    outputs, kernel = problem.outputs(theta), problem.gram(theta)
    gradient = problem.objective.gradient(outputs, t).ravel()
    root = root_of_curvature(problem.objective, outputs, t)
    if root.ndim == 1:
        rates, modes = jnp.linalg.eigh(root[:, None] * kernel * root)
        left, right = root[:, None] * modes, modes / root[:, None]
    else:
        rates, modes = jnp.linalg.eigh(product(root.T, product(kernel, root)))
        left = product(root, modes)
        right = jax.scipy.linalg.solve_triangular(root, modes, lower=True, trans="T")
    return Linearisation(gradient, jnp.maximum(rates, 0.0), left, right)


class ExponentialInterpolation(diffrax.AbstractLocalInterpolation):
    """theta inside a step: the flow of the linearisation at its midpoint, followed for t - t0.

    Exact at both ends, and of second order in between, like the steps themselves.
    """

    t0: Any  # pyright: ignore[reportIncompatibleVariableOverride]
    t1: Any  # pyright: ignore[reportIncompatibleVariableOverride]
    problem: Any
    theta: Any
    middle: Any
    near: Linearisation

    def evaluate(self, t0: Any, t1: Any | None = None, left: bool = True) -> Any:
        """theta at time t0, or its change from t0 to t1."""
        if t1 is not None:
            return jax.tree.map(jnp.subtract, self.evaluate(t1), self.evaluate(t0))
        return self.problem.moved(self.theta, self.middle, self.near.weights(t0 - self.t0))


class ExponentialMidpoint(diffrax.AbstractAdaptiveSolver):
    """Exponential midpoint rule for the gradient flow of a loss L(h, t) of n or n c outputs h.

    The outputs are linearised at theta_0, with Jacobian J, `K = J J^T`, g = dL/dh and
    H = d^2L/dh^2, and theta moves for half the step, exactly within this linearisation, to
    theta_m; there the outputs are linearised again and theta moves from theta_0 for the whole
    step s:

        theta_m = theta_0 - J^T   phi(s/2 H K)    (s/2) g
        theta_1 = theta_0 - J_m^T phi(s H_m K_m)   s    g'
        g'      = g(theta_m) + H_m J_m (theta_0 - theta_m)

    with `phi(z) = (1 - e^-z)/z`; g and H are those of t_0, g_m and H_m those of t_0 + s/2. For the
    mean square `H = I/n` and g is the residual over n. The idea of exponential Rosenbrock methods
    (Hochbruck, Ostermann 2010, Exponential integrators, section 2.4), with the Gauss-Newton part
    of the Hessian in place of all of it: functions of the P x P matrix `J^T H J` become functions
    of the n x n matrix `H K`, computed from the eigenvectors of `B^T K B`, `H = B B^T`. Where the
    loss is not convex, negative curvatures count as 0. Order 2 whatever Jacobian and curvature are
    used; a linear network with a quadratic loss is integrated exactly with any step. The error
    estimate is the difference from the trapezoidal companion, the mean of the two steps of
    first order with the Jacobians at both ends: it falls as s^3 and is about three times the error
    where the network is smooth. It costs no Jacobian, for the one at theta_1 begins the next step.
    The difference from the step with the first Jacobian alone, of order s^2, was seen to need up
    to four times as many Jacobians for the same error.

    Each step needs two Jacobians with eigendecompositions as large as the outputs, so these should
    be at most a few thousand. The vector field must be the problem of `nets.gradient_flow`.
    """

    term_structure: ClassVar[Any] = diffrax.ODETerm
    interpolation_cls: ClassVar[Callable[..., ExponentialInterpolation]] = ExponentialInterpolation

    def order(self, terms: Any) -> int:
        """Second order for any Jacobian."""
        return 2

    def error_order(self, terms: Any) -> int:
        """The estimate falls as s^3."""
        return 3

    def init(self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any) -> Counts:
        """Linearise at the start."""
        field = getattr(terms, "vector_field", None)
        if not all(hasattr(field, name) for name in ("objective", "gram", "moved", "difference")):
            raise TypeError(
                "ExponentialMidpoint must have the problem of nets.gradient_flow as its vector "
                f"field, got {field!r:.60}"
            )
        start = linearise(field, y0, t0)
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
        middle = problem.moved(y0, y0, start.weights(step / 2))
        near = linearise(problem, middle, t0 + step / 2)
        near = near.seen_from(problem.difference(middle, y0))
        y1 = problem.moved(y0, middle, near.weights(step))
        end = linearise(problem, y1, t1)
        first = problem.moved(y0, y0, start.weights(step))
        back = end.seen_from(problem.difference(y1, y0))
        last = problem.moved(y0, y1, back.weights(step))
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

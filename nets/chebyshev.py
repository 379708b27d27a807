"""Stabilised Runge-Kutta-Chebyshev: explicit steps whose length grows as stages squared."""

from collections.abc import Callable
from typing import Any, ClassVar

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from equinox.internal import ω
from jaxtyping import Array

_DAMPING = 2 / 13
_STEPS_PER_ESTIMATE = 25
_SAFETY = 1.2
_MAX_STAGES = 20_000


class ChebyshevState(eqx.Module):
    """Slope at the start of the step, the estimate of the spectral radius, and the cost so far."""

    slope: Any
    direction: Any
    spectral_radius: Array
    age: Array
    gradients: Array
    jacobians: Array


def stages(step: Any, spectral_radius: Any) -> Array:
    """Smallest number of stages s >= 2 for which `step` is stable, `step rho <= 0.65 s^2` about.

    A step that would need more than 20,000, or whose spectral radius is not finite, gets 2: it
    fails, and is repeated shorter, instead of costing more than all steps before it.
    """
    count = 1 + jnp.floor(jnp.sqrt(1 + 1.54 * step * spectral_radius))
    return jnp.maximum(2, jnp.where(count <= _MAX_STAGES, count, 2)).astype(int)


def _norm(tree: Any) -> Array:
    return jnp.sqrt(sum((jnp.sum(leaf**2) for leaf in jax.tree.leaves(tree)), jnp.zeros(())))


class Chebyshev(diffrax.AbstractAdaptiveSolver):
    """RKC2, the second-order Runge-Kutta-Chebyshev method of Sommeijer, Shampine and Verwer.

    Sommeijer, Shampine, Verwer 1998, RKC: an explicit solver for parabolic PDEs, J. Comput. Appl.
    Math. 88, eqs. 2.2-2.8, with their error estimate `0.8 (y_n - y_n+1) + 0.4 h (F_n + F_n+1)`
    (eq. 2.9) and damping 2/13. With s stages, of one vector field each, the real interval of
    stability is about `0.65 s^2`: the stages of a step are chosen from h times the spectral radius
    of the Jacobian, so that stiffness costs its square root only. For vector fields whose Jacobian
    has (nearly) real, negative eigenvalues, such as gradient flows.

    The spectral radius comes from power iterations with Jacobian-vector products, begun along the
    slope, afterwards along the last direction, to 1 %, times 1.2; renewed every 25 steps and after
    a jump. Differences from the 1998 code: products are exact instead of difference quotients, and
    in between the dense output is diffrax's cubic Hermite.
    """

    term_structure: ClassVar[Any] = diffrax.ODETerm
    interpolation_cls: ClassVar[Callable[..., Any]] = (
        diffrax.ThirdOrderHermitePolynomialInterpolation
    )

    def order(self, terms: Any) -> int:
        """Second order for any number of stages."""
        return 2

    def error_order(self, terms: Any) -> int:
        """The estimate falls as h^3."""
        return 3

    def init(self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any) -> ChebyshevState:
        """Slope and spectral radius at the start."""
        slope = terms.vf(t0, y0, args)
        fresh = ChebyshevState(
            slope=slope,
            direction=slope,
            spectral_radius=jnp.zeros(()),
            age=jnp.zeros((), int),
            gradients=jnp.ones((), int),
            jacobians=jnp.zeros((), int),
        )
        return self._measure(terms, t0, y0, args, fresh)

    def step(
        self,
        terms: Any,
        t0: Any,
        t1: Any,
        y0: Any,
        args: Any,
        solver_state: ChebyshevState,
        made_jump: Any,
    ) -> tuple[Any, Any, dict[str, Any], ChebyshevState, diffrax.RESULTS]:
        """One step from t0 to t1, as diffrax asks for it."""
        state = jax.lax.cond(
            jnp.asarray(made_jump) | (solver_state.age >= _STEPS_PER_ESTIMATE),
            lambda state: self._measure(terms, t0, y0, args, state),
            lambda state: state,
            solver_state,
        )
        step = t1 - t0
        count = stages(step, _SAFETY * state.spectral_radius)
        y1 = _advance(lambda t, y: terms.vf(t, y, args), t0, step, y0, state.slope, count)
        slope = terms.vf(t1, y1, args)
        error = (0.8 * (y0**ω - y1**ω) + 0.4 * step * (state.slope**ω + slope**ω)).ω
        dense = {
            "y0": y0,
            "y1": y1,
            "k0": (step * state.slope**ω).ω,
            "k1": (step * slope**ω).ω,
        }
        state = ChebyshevState(
            slope=slope,
            direction=state.direction,
            spectral_radius=state.spectral_radius,
            age=state.age + 1,
            gradients=state.gradients + count,
            jacobians=state.jacobians,
        )
        return y1, error, dense, state, diffrax.RESULTS.successful

    def func(self, terms: Any, t0: Any, y0: Any, args: Any) -> Any:
        """The vector field."""
        return terms.vf(t0, y0, args)

    def _measure(self, terms: Any, t: Any, y: Any, args: Any, state: Any) -> ChebyshevState:
        """Power iterations along the linearised vector field."""

        def more(carry: tuple[Any, Array, Array, Array]) -> Array:
            _, radius, before, count = carry
            return (count < 50) & (jnp.abs(radius - before) > 0.01 * radius)

        def multiply(carry: tuple[Any, Array, Array, Array]) -> tuple[Any, Array, Array, Array]:
            direction, before, _, count = carry
            length = _norm(direction)
            unit = (direction**ω / jnp.where(length > 0, length, 1.0)).ω
            _, image = jax.jvp(lambda y: terms.vf(t, y, args), (y,), (unit,))
            return image, _norm(image), before, count + 1

        first = multiply((state.direction, jnp.zeros(()), jnp.zeros(()), jnp.zeros((), int)))
        direction, radius, _, count = jax.lax.while_loop(more, multiply, first)
        return ChebyshevState(
            slope=state.slope,
            direction=direction,
            spectral_radius=radius,
            age=jnp.zeros((), int),
            gradients=state.gradients + 2 * count,
            jacobians=state.jacobians,
        )


class _Stage(eqx.Module):
    """Two neighbouring stages: y, its time, b_j, and T_j, T_j', T_j'' at w_0."""

    y_before: Any
    y: Any
    node_before: Array
    node: Array
    b_before: Array
    b: Array
    value_before: Array
    value: Array
    first_before: Array
    first: Array
    second_before: Array
    second: Array


def _advance(
    vector_field: Callable[[Any, Any], Any], t0: Any, step: Any, y0: Any, slope: Any, count: Array
) -> Any:
    """The s stages: T_j, T_j', T_j'' at w_0 come from their recurrences along the way."""
    w0 = 1 + _DAMPING / count**2
    root = jnp.sqrt(w0**2 - 1)
    angle = count * jnp.log(w0 + root)
    w1 = jnp.sinh(angle) * root**2 / (jnp.cosh(angle) * count * root - w0 * jnp.sinh(angle))
    b = 1 / (4 * w0**2)  # T_2''/T_2'^2, shared by b_0, b_1, b_2
    weight = w1 * b
    y = (y0**ω + step * weight * slope**ω).ω
    zero, one = jnp.zeros_like(w0), jnp.ones_like(w0)
    start = _Stage(y0, y, zero, weight, b, b, one, w0, zero, one, zero, zero)

    def stage(j: Array, last: _Stage) -> _Stage:
        value = 2 * w0 * last.value - last.value_before
        first = 2 * w0 * last.first - last.first_before + 2 * last.value
        second = 2 * w0 * last.second - last.second_before + 4 * last.first
        b = second / first**2
        a = 1 - last.value * last.b
        mu, nu = 2 * w0 * b / last.b, -b / last.b_before
        weight = 2 * w1 * b / last.b
        fresh = vector_field(t0 + step * last.node, last.y)
        y = (
            (1 - mu - nu) * y0**ω
            + mu * last.y**ω
            + nu * last.y_before**ω
            + step * weight * (fresh**ω - a * slope**ω)
        ).ω
        node = mu * last.node + nu * last.node_before + weight * (1 - a)
        return _Stage(
            *(last.y, y, last.node, node, last.b, b),
            *(last.value, value, last.first, first, last.second, second),
        )

    return jax.lax.fori_loop(2, count + 1, stage, start).y

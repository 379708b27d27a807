"""Where the flow of a linearised network ends: the parameters that move least."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nets._checks import (
    ArrayLike,
    Number,
    as_number,
    as_points,
    as_values,
    check_network,
    check_outputs,
    check_same_dimension,
    require_float64,
)
from nets._frozen import split
from nets._problem import evaluate, to_float64
from nets.linearized import linearise

_SOLVES = 3
"""The first and two refinements: with the kernel's eigenvectors alone rounding enters multiplied
by the condition number of the kernel, refined by that of the Jacobian, its square root (seen at a
condition of 4e12, error of the movement: 3e-6, 9e-11, 2e-11, where QR of the Jacobian has 7e-11).
"""


@dataclass(frozen=True)
class MovementStatus:
    """How well the least movement is determined."""

    condition: float
    """Condition number of K/n + ridge; infinite for a singular kernel."""
    lambda_max: float
    """Largest eigenvalue of K/n + ridge."""
    lambda_min: float
    """Smallest eigenvalue of K/n + ridge."""
    residual: float
    """`|fitted - y| / |f(x) - y|`, with the outputs before the movement below."""
    message: str
    """What is wrong and what helps; empty when nothing is."""


@dataclass(frozen=True)
class LeastMovement:
    """The end of the flow of a linearised network."""

    x: Float[np.ndarray, "n d"]
    """Samples."""
    fitted: Float[np.ndarray, " n"]
    """Outputs of the linearised network at the samples, from the moved parameters."""
    probe: Float[np.ndarray, " m"] | None
    """Its outputs at the probe points, where there are any."""
    distance: float
    """`|theta - theta_0|` over every trained parameter."""
    net: Any
    """The network at theta, in its own dtype. Its own outputs are those of the linearised network
    up to second order in the movement only."""
    status: MovementStatus
    """How well the movement is determined."""


@eqx.filter_jit
def _push(static: Any, theta: Any, x: Array, movement: Any) -> tuple[Array, Array]:
    """Outputs at x, and `J movement`, how they change."""
    return jax.jvp(lambda theta: evaluate(static, theta, x), (theta,), (movement,))


@eqx.filter_jit
def _pull(static: Any, theta: Any, x: Array, weights: Array) -> Any:
    """`J^T weights`."""
    return jax.vjp(lambda theta: evaluate(static, theta, x), theta)[1](weights)[0]


def least_movement(
    net: Any,
    x: ArrayLike,
    y: ArrayLike,
    *,
    ridge: Number = 0.0,
    probe: ArrayLike | None = None,
    throw: bool = True,
) -> LeastMovement:
    """The linearised network that fits the samples with the least movement of its parameters::

        min |theta - theta_0|   subject to   f(x_i, theta_0) + J_i (theta - theta_0) = y_i

    with J the Jacobian of the outputs at the samples. This is where `linearized_flow` ends for
    t -> infinity, whatever the loss (Zhang, lecture on the frequency principle, FAU 2025, Theorem
    5; Zhang, Xu, Luo, Ma 2020): `theta = theta_0 + J^T K^-1 (y - f(x, theta_0))`, `K = J J^T` the
    tangent kernel, at the distance `sqrt((y - f)^T K^-1 (y - f))`. That is the norm of the
    interpolant of y - f in the kernel's function space, so that the linearised network is the
    minimum-norm interpolant of K (Theorem 6).

    All of it in float64, with the parameters as they are; from the eigenvectors of K/n, refined
    with products of J and J^T, so that the movement is as accurate as from a QR factorisation of
    J, which is never formed for more than a block of samples. With a singular kernel and
    throw=False it is the end of the flow all the same: the pseudo-inverse in place of the inverse.

    Args:
        net: a network with one output.
        x: samples (n, d), or (n,) when d = 1.
        y: values (n,).
        ridge: weight, zero or more, in the unit of K/n; above zero
            `1/(2n) sum r^2 + (ridge/2) |theta - theta_0|^2` is minimised, for noisy values or
            points that nearly coincide.
        probe: further points (m, d) where outputs are wanted.
        throw: raise when the kernel is numerically singular, or the movement beyond the range of
            the parameters' dtype; otherwise see `status.message`.

    Returns:
        A LeastMovement.

    Raises:
        ValueError, TypeError: bad data, network or option; ridge = 0 and a kernel that is
            singular in float64; a movement beyond the range of the parameters' dtype.
        RuntimeError: JAX runs without float64.
    """
    require_float64("least_movement")
    check_network(net)
    points = as_points("x", x)
    check_outputs(net, points)
    values = as_values("y", y, len(points))
    weight = as_number("ridge", ridge, allowed="at least 0", valid=lambda v: v >= 0)
    extra = None if probe is None else as_points("probe", probe)
    if extra is not None:
        check_same_dimension("probe", extra, points)
    parameters, static = split(net)
    theta = to_float64(parameters)
    at = jnp.asarray(points, jnp.float64)
    rates, modes, outputs = (np.asarray(part) for part in linearise(static, theta, at, None))
    rates = rates + weight
    used = rates > len(rates) * np.finfo(float).eps * rates[-1]
    inverse = np.divide(1.0, rates, out=np.zeros_like(rates), where=used)
    # all is linear in y - f: in a unit, a power of two, whose square is a float
    _, exponent = np.frexp(np.abs(values - outputs).max())
    rest = np.ldexp(values - outputs, -exponent)
    coefficients, change = np.zeros_like(values), np.zeros_like(values)
    movement = jax.tree.map(lambda leaf: np.zeros(leaf.shape), theta)
    for _ in range(_SOLVES):
        left = rest - change - len(values) * weight * coefficients
        step = modes @ (inverse * (modes.T @ left)) / len(values)
        coefficients = coefficients + step
        movement = jax.tree.map(np.add, movement, _pull(static, theta, at, jnp.asarray(step)))
        change = np.asarray(_push(static, theta, at, movement)[1])
    least, largest = float(rates[0]), float(rates[-1])
    residual = float(np.linalg.norm(rest - change) / (np.linalg.norm(rest) or 1.0))
    length = np.sqrt(sum(np.sum(step**2) for step in jax.tree.leaves(movement)))
    outside = None
    with np.errstate(over="ignore"):  # told below
        distance = float(np.ldexp(length, exponent))
        fitted = outputs + np.ldexp(change, exponent)
        if extra is not None:
            parts = _push(static, theta, jnp.asarray(extra, jnp.float64), movement)
            outside = np.asarray(parts[0]) + np.ldexp(np.asarray(parts[1]), exponent)
        moved = jax.tree.map(
            lambda leaf, start, step: jnp.asarray(
                np.asarray(start) + np.ldexp(step, exponent), leaf.dtype
            ),
            parameters,
            theta,
            movement,
        )
    message = ""
    if not used.all():
        message = (
            f"the tangent kernel is numerically singular on these samples (eigenvalues of K/n from "
            f"{least:.3g} to {largest:.3g}), and what it can fit leaves the relative residual "
            f"{residual:.3g}: raise ridge, leave out points that nearly coincide, or take a wider "
            f"network"
        )
    elif not all(np.isfinite(part).all() for part in jax.tree.leaves((moved, outside, distance))):
        message = (
            "the moved parameters, their distance or the outputs at the probe points are beyond "
            "the range of their dtype: scale y down"
        )
    if message and throw:
        raise ValueError(message)
    return LeastMovement(
        x=points,
        fitted=fitted,
        probe=outside,
        distance=distance,
        net=eqx.combine(moved, static),
        status=MovementStatus(
            condition=largest / least if least > 0 else np.inf,
            lambda_max=largest,
            lambda_min=least,
            residual=residual,
            message=message,
        ),
    )

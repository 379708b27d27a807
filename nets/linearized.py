"""The exact flow of a network linearised at its parameters."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from nets._checks import ArrayLike, Number, as_positive, as_problem
from nets._problem import evaluate, gram, split, to_float64
from nets.losses import check_loss, mean_square
from nets.run import Run, Status


@eqx.filter_jit
def linearise(static: Any, theta: Any, x: Array, probe: Array | None) -> tuple[Array, ...]:
    """Eigenvalues and eigenvectors of K/n and the outputs at x; K(probe, x)/n and those there."""
    kernel = gram(static, theta, x, None, jnp.float64)
    rates, modes = jnp.linalg.eigh(kernel / len(x))
    outputs = evaluate(static, theta, x)
    if probe is None:
        return rates, modes, outputs
    cross = gram(static, theta, probe, x, jnp.float64) / len(x)
    return rates, modes, outputs, cross, evaluate(static, theta, probe)


def linearized_flow(
    net: Any,
    x: ArrayLike,
    y: ArrayLike,
    ts: ArrayLike,
    *,
    loss: Any = "mse",
    lazy_scale: Number = 1.0,
    probe: ArrayLike | None = None,
) -> Run:
    """Exact gradient flow of the network linearised at its parameters.

    `h' = -(1/n) K (h - y)` with the tangent kernel K of `net`, solved with the eigenvectors of
    K/n at any time: `h(t) = y + exp(-t K/n) (h(0) - y)`, and at a probe point x'
    `h(x', t) = h(x', 0) - (1/n) K(x', X) phi(t) (h(0) - y)`, `phi(t) = (1 - exp(-t K/n))/(K/n)`
    (Lee et al. 2019, Wide neural networks of any depth evolve as linear models, eqs. 9-11). The
    time t is learning rate times steps for the loss `1/(2n) sum r^2`. All of it in float64, with
    the parameters as they are.

    Args:
        net: a network with one output.
        x: samples (n, d), or (n,) when d = 1.
        y: values (n,).
        ts: times (T,), sorted, zero or later.
        loss: "mse".
        lazy_scale: alpha; the outputs are alpha f and the loss is divided by alpha^2, which leaves
            the kernel as it is: only the initial output grows.
        probe: further points (m, d) where outputs are wanted.

    Returns:
        A Run with `fitted` (T, n), `probe` (T, m) and `loss` (T,); its `net` is the network as it
        was given, around which it is linearised.

    Raises:
        ValueError, TypeError: bad data, times, network or option.
        RuntimeError: JAX runs without float64.
    """
    points, values, times, extra = as_problem("linearized_flow", net, x, y, ts, probe)
    check_loss(loss)
    alpha = as_positive("lazy_scale", lazy_scale)
    parameters, static = split(net)
    parts = linearise(
        static,
        to_float64(parameters),
        jnp.asarray(points, jnp.float64),
        None if extra is None else jnp.asarray(extra, jnp.float64),
    )
    rates, modes, outputs = (np.asarray(part) for part in parts[:3])
    rates = np.maximum(rates, 0.0)
    start = modes.T @ (alpha * outputs - values)
    decay = np.exp(-np.multiply.outer(times, rates))
    fitted = values + (decay * start) @ modes.T
    probed = None
    if extra is not None:
        cross, outside = (np.asarray(part) for part in parts[3:])
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = -np.expm1(-np.multiply.outer(times, rates)) / rates
        moved = np.where(rates > 0, moved, times[:, None])
        probed = alpha * outside - (moved * start) @ (cross @ modes).T
    return Run(
        ts=times,
        x=points,
        fitted=fitted,
        probe=probed,
        loss=mean_square(fitted, values),
        net=net,
        networks=None,
        status=Status(
            solver="eigenvectors",
            reason="completed",
            time=float(times[-1]),
            steps=0,
            rejected=0,
            gradients=0,
            jacobians=1,
            spectral_radius=float(rates[-1]),
        ),
    )

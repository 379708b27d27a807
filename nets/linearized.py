"""The flow of a network linearised at its parameters."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nets._checks import ArrayLike, Number, as_fraction, as_positive
from nets._frozen import split
from nets._gram import gram
from nets._integrate import integrate
from nets._objectives import Objective
from nets._problem import as_problem, evaluate, square, to_float64
from nets._threads import one_blas_thread
from nets.exponential import ExponentialMidpoint, product
from nets.flow import status_of
from nets.losses import is_mean_square, loss_along, objective_of_flow
from nets.run import Run, Status

_EPS = np.finfo(np.float64).eps


@eqx.filter_jit
def linearise(static: Any, theta: Any, x: Array, probe: Array | None) -> tuple[Array, ...]:
    """Eigenvalues and eigenvectors of K/n and the outputs at x; K(probe, x)/n and those there.

    For c outputs K is the matrix (n c, n c), and the eigenvectors belong to outputs in one row.
    """
    rates, modes = jnp.linalg.eigh(_kernel(static, theta, x, None) / len(x))
    outputs = evaluate(static, theta, x)
    if probe is None:
        return rates, modes, outputs
    cross = _kernel(static, theta, probe, x) / len(x)
    return rates, modes, outputs, cross, evaluate(static, theta, probe)


def _kernel(static: Any, theta: Any, x1: Array, x2: Array | None) -> Array:
    return square(gram(static, theta, x1, x2, dtype=jnp.float64))


class Linear(eqx.Module):
    """`h = h_0 - K c`, `c' = dL/dh`: any loss of a linear network, in its n or n c coefficients.

    As a problem for the integrators it stands for gradient flow in the parameters, which move by
    `-J^T c`; nothing of their size is touched.
    """

    kernel: Float[Array, "N N"]
    start: Array
    across: Float[Array, "M N"] | None
    outside: Array | None
    objective: Objective

    def outputs(self, c: Array) -> Array:
        """Outputs at the samples."""
        return self.start - product(self.kernel, c).reshape(self.start.shape)

    def probed(self, c: Array) -> Array | None:
        """Outputs at the probe points, if there are any."""
        if self.across is None or self.outside is None:
            return None
        return self.outside - product(self.across, c).reshape(self.outside.shape)

    def __call__(self, t: Any, c: Array, args: Any) -> Array:
        """`dL/dh`."""
        return self.objective.gradient(self.outputs(c), t).ravel()

    def gram(self, c: Array) -> Array:
        """K, the same everywhere."""
        return self.kernel

    def moved(self, c: Array, at: Array, weights: Array) -> Array:
        """A parameter change of `-J^T weights`."""
        return c + weights

    def difference(self, at: Array, c: Array) -> Array:
        """Change of the outputs from `at` to c."""
        return product(self.kernel, at - c)


@eqx.filter_jit
def _pose(static: Any, theta: Any, x: Array, probe: Array | None, alpha: Array) -> tuple[Any, ...]:
    """K(x, x), outputs at x, K(probe, x), outputs there, the outputs multiplied by alpha."""
    found = _kernel(static, theta, x, None), alpha * evaluate(static, theta, x)
    if probe is None:
        return *found, None, None
    return *found, _kernel(static, theta, probe, x), alpha * evaluate(static, theta, probe)


def linearized_flow(
    net: Any,
    x: ArrayLike,
    y: ArrayLike,
    ts: ArrayLike,
    *,
    loss: Any = "mse",
    lazy_scale: Number = 1.0,
    rtol: Number = 1e-6,
    probe: ArrayLike | None = None,
    throw: bool = True,
) -> Run:
    """Gradient flow of the network linearised at its parameters, `h' = -K dL/dh`.

    K is the tangent kernel of `net`, and stays. For the loss "mse" the flow
    `h' = -(1/n) K (h - y)` is solved exactly with the eigenvectors of K/n at any time:
    `h(t) = y + exp(-t K/n) (h(0) - y)`, and at a probe point x'
    `h(x', t) = h(x', 0) - (1/n) K(x', X) phi(t) (h(0) - y)`, `phi(t) = (1 - exp(-t K/n))/(K/n)`
    (Lee et al. 2019, Wide neural networks of any depth evolve as linear models, eqs. 9-11).
    Eigenvalues below n eps of the largest are beyond float64 and count as zero: what belongs to
    them stays where it is. Any
    other loss is integrated by `nets.ExponentialMidpoint`, exactly where it is quadratic, with
    error control as in `nets.gradient_flow` where it is not. t is the same as there. All of it in
    float64, with the parameters as they are.

    Args:
        net: a network, of one or several outputs.
        x: samples (n, d), or (n,) when d = 1.
        y: values (n,), or (n, c) for c outputs; for "cross-entropy" see `nets.train`.
        ts: times (T,), sorted, zero or later.
        loss: as for `nets.gradient_flow`.
        lazy_scale: alpha; the outputs are alpha f and the loss is divided by alpha^2, which leaves
            the kernel as it is: only the initial output grows.
        rtol: tolerance of one step, between 0 and 1, for losses other than "mse".
        probe: further points (m, d) where outputs are wanted.
        throw: raise when the integration fails; otherwise `run.status.reason` tells, and outputs
            from then on are NaN.

    Returns:
        A Run with `fitted` (T, n), `probe` (T, m), or (T, n, c) and (T, m, c), and `loss` (T,); its
        `net` is the network as it was given, around which it is linearised.

    Raises:
        ValueError, TypeError: bad data, times, network or option; a loss that does not fit.
        RuntimeError: JAX runs without float64, or (throw) the integration failed.
    """
    points, times, extra, outputs = as_problem("linearized_flow", net, x, ts, probe)
    alpha, tolerance = as_positive("lazy_scale", lazy_scale), as_fraction("rtol", rtol)
    objective = objective_of_flow(loss, points, y, alpha * outputs)
    parameters, static = split(net)
    given = (
        static,
        to_float64(parameters),
        jnp.asarray(points, jnp.float64),
        None if extra is None else jnp.asarray(extra, jnp.float64),
    )
    if is_mean_square(objective):
        values = np.asarray(objective.target)
        fitted, probed, status = _exact(linearise(*given), values, times, alpha)
    else:
        kernel, start, across, outside = _pose(*given, jnp.asarray(alpha))
        problem = Linear(kernel, start, across, outside, objective)
        solver = ExponentialMidpoint()
        with one_blas_thread():
            course = integrate(
                solver,
                problem,
                jnp.zeros(len(problem.kernel)),
                times,
                tolerance=tolerance,
                keep=False,
                progress=False,
            )
        if throw and course.reason != "completed":
            raise RuntimeError(
                f"linearized_flow stopped at t = {float(course.now.time):.6g} of {times[-1]:.6g}: "
                f"{course.reason}. Check the scale of y and the loss, or pass throw=False to get "
                "the run up to there"
            )
        fitted, probed, status = (
            course.fitted,
            course.probe,
            status_of(course, solver, "exponential"),
        )
    return Run(
        ts=times,
        x=points,
        fitted=fitted,
        probe=probed,
        loss=loss_along(objective, fitted, times),
        net=net,
        networks=None,
        status=status,
    )


def _exact(
    parts: tuple[Array, ...], values: np.ndarray, times: np.ndarray, alpha: float
) -> tuple[np.ndarray, np.ndarray | None, Status]:
    """Outputs at the samples and the probe points by the eigenvectors of K/n, for "mse"."""
    rates, modes, outputs = (np.asarray(part) for part in parts[:3])
    # a smaller eigenvalue is rounding: at a time long enough it would decay, or grow, all the same
    unknown = rates <= (least := len(rates) * _EPS * rates[-1])
    rates = np.where(unknown, 0.0, rates)
    start = modes.T @ (alpha * outputs - values).ravel()
    decay = np.exp(-np.multiply.outer(times, rates))
    fitted = values + ((decay * start) @ modes.T).reshape(-1, *values.shape)
    probed = None
    if len(parts) > 3:
        cross, outside = (np.asarray(part) for part in parts[3:])
        share = cross @ modes
        share[(np.abs(share) <= 10 * len(rates) * _EPS * np.abs(cross).max()) & unknown] = 0
        floored = np.where(unknown, least or 1.0, rates)
        moved = -np.expm1(-np.multiply.outer(times, floored)) / floored
        probed = alpha * outside - ((moved * start) @ share.T).reshape(-1, *outside.shape)
    status = Status(
        solver="eigenvectors",
        reason="completed",
        time=float(times[-1]),
        steps=0,
        rejected=0,
        gradients=0,
        jacobians=1,
        spectral_radius=float(rates[-1]),
    )
    return fitted, probed, status

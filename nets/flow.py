"""Gradient flow of a finite network, with error control measured in its outputs."""

from typing import Any

import jax
import jax.numpy as jnp

from nets._checks import ArrayLike, Number, as_fraction, as_positive, one_of
from nets._integrate import Course, integrate
from nets._problem import as_problem, pose
from nets._solvers import as_solver, choose_solver
from nets._threads import one_blas_thread
from nets.losses import loss_along, objective_of_flow, scaled, size_of_target
from nets.run import Run, Status

_RECORDS = ("outputs", "networks")


def gradient_flow(
    net: Any,
    x: ArrayLike,
    y: ArrayLike,
    ts: ArrayLike,
    *,
    loss: Any = "mse",
    lazy_scale: Number = 1.0,
    rtol: Number = 1e-3,
    solver: Any = None,
    probe: ArrayLike | None = None,
    record: str = "outputs",
    progress: bool = False,
    throw: bool = True,
) -> Run:
    """Train by gradient flow, `theta' = -grad L`, `L = 1/(2n) sum_i (f(x_i) - y_i)^2`.

    The outputs then follow `h'(x) = -(1/n) sum_i K(x, x_i) (h(x_i) - y_i)` with the tangent kernel
    K of the moment: t is the learning rate times the number of steps of plain gradient descent, in
    the limit of small steps. The flow is stiff (its rates span many decades), so it is integrated
    by one of

    - "exponential": the exponential midpoint rule on the n x n tangent kernel. Its steps are
      limited by how fast the kernel changes; two Jacobians and eigendecompositions each;
    - "chebyshev": stabilised Runge-Kutta-Chebyshev (Sommeijer, Shampine, Verwer 1998). Only
      gradients, about the square root of the number that gradient descent needs.

    None takes "exponential" up to 2000 samples, unless rtol < 1e-4 with ReLU, whose kinks make the
    kernel drift in jumps, and "chebyshev" otherwise. `run.status.solver` says which it was.

    Both take steps whose estimated error in the outputs at the samples, root mean square and
    multiplied by lazy_scale, is at most rtol times the root mean square of y (of the initial
    output when y = 0). The scale is that of y also while the initial output is much larger than
    y: the fit of y comes out at the accuracy asked for, an output of several hundred times y on
    the way to it is resolved just as finely. Over the whole flow the error was seen to be 0.1
    to 1 times rtol; on smooth networks it falls as rtol^(2/3).

    Outputs at ts come from the dense output of the solver (cubic Hermite for "chebyshev", the
    linearised flow within the step for "exponential") and are those of an actual network. theta
    is kept in float64 and rounded to the dtype of the network for each evaluation; kernels are
    summed in float64.

    Args:
        net: a network with one output.
        x: samples (n, d), or (n,) when d = 1.
        y: values (n,).
        ts: times (T,), sorted, zero or later; the flow starts at t = 0.
        loss: "mse".
        lazy_scale: alpha; alpha f is trained with the loss divided by alpha^2 (Chizat, Oyallon,
            Bach 2019, On lazy training), which is f trained on y/alpha and multiplied by alpha, on
            the same t.
        rtol: tolerance of one step, between 0 and 1, see above.
        solver: "exponential", "chebyshev" or None.
        probe: further points (m, d) where outputs are recorded.
        record: "outputs", or "networks" to keep the parameters at every time as well.
        progress: show a bar, one unit a recorded time.
        throw: raise when the integration fails; otherwise `run.status.reason` tells, outputs from
            then on are NaN, and `run.net` is the last good network.

    Returns:
        A Run with `fitted` (T, n), `probe` (T, m), `loss` (T,), `net` in the dtype of `net`, and
        the cost in `status`.

    Raises:
        ValueError, TypeError: bad data, times, network or option.
        RuntimeError: JAX runs without float64, or (throw) the integration failed.
    """
    points, times, extra, outputs = as_problem("gradient_flow", net, x, ts, probe)
    alpha, tolerance = as_positive("lazy_scale", lazy_scale), as_fraction("rtol", rtol)
    one_of("record", record, _RECORDS)
    objective = objective_of_flow(loss, points, y, alpha * outputs)
    if solver is None:
        solver = choose_solver(net, outputs.size, tolerance)
    chosen, name = as_solver(solver, tolerance)

    problem, theta = pose(net, points, scaled(objective, alpha, jnp.float64), extra)
    with one_blas_thread():
        course = integrate(
            chosen,
            problem,
            theta,
            times,
            tolerance=tolerance,
            scale=size_of_target(objective) / alpha,
            keep=record == "networks",
            progress=progress,
        )
    if throw and course.reason != "completed":
        raise RuntimeError(
            f"gradient_flow stopped at t = {course.time:.6g} of {times[-1]:.6g}: {course.reason}. "
            "Check the scale of y and of the parameters, try a larger lazy_scale, another solver "
            f'than "{name}", or pass throw=False to get the run up to there'
        )
    fitted = alpha * course.fitted
    return Run(
        ts=times,
        x=points,
        fitted=fitted,
        probe=None if course.probe is None else alpha * course.probe,
        loss=loss_along(objective, fitted, times),
        net=problem.network(course.theta),
        networks=jax.tree.map(lambda *leaves: jnp.stack(leaves), *course.networks)
        if record == "networks"
        else None,
        status=status_of(course, name),
    )


def status_of(course: Course, solver: str) -> Status:
    """What an integration cost and why it ended."""
    return Status(
        solver=solver,
        reason=course.reason,
        time=course.time,
        steps=course.steps,
        rejected=course.rejected,
        gradients=course.gradients,
        jacobians=course.jacobians,
        spectral_radius=course.spectral_radius,
    )

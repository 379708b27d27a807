"""Gradient flow of a finite network, with error control measured in its outputs."""

import os
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from nets._checkpoint import Checkpoint
from nets._checks import ArrayLike, Number, as_fraction, as_positive, one_of
from nets._integrate import Course, integrate
from nets._problem import as_problem, functions_of, outputs_at, pose
from nets._solvers import as_solver, choose_solver
from nets._steps import evaluations
from nets._threads import one_blas_thread
from nets.asi import Pair
from nets.losses import loss_along, objective_of_flow, scaled
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
    checkpoint: str | os.PathLike[str] | None = None,
) -> Run:
    """Train by gradient flow, `theta' = -grad L`, L a loss of the outputs at the samples.

    The outputs then follow `h'(x) = -sum_i K(x, x_i) dL/dh_i` with the tangent kernel K of the
    moment, for "mse" `h'(x) = -(1/n) sum_i K(x, x_i) (h(x_i) - y_i)`: t is the learning rate times
    the number of steps of plain gradient descent, in the limit of small steps. The flow is stiff
    (its rates span many decades), so it is integrated by one of

    - "exponential": the exponential midpoint rule on the tangent kernel, as large as the outputs,
      and the curvature of the loss. Its steps are limited by how fast the two change; two
      Jacobians and eigendecompositions each. See `nets.ExponentialMidpoint`;
    - "chebyshev": stabilised Runge-Kutta-Chebyshev (Sommeijer, Shampine, Verwer 1998). Only
      gradients, about the square root of the number that gradient descent needs. See
      `nets.Chebyshev`;
    - any solver of diffrax that estimates its error, such as `diffrax.Tsit5()`. Implicit ones
      solve with the Jacobian of all parameters, unless they are given another linear solver.

    None takes "exponential" up to 500 outputs at the samples, unless rtol < 1e-4 with ReLU, whose
    kinks make the kernel drift in jumps, and "chebyshev" otherwise. `run.status.solver` says which
    it was.

    All take steps whose estimated error in the outputs at the samples, root mean square and
    multiplied by lazy_scale, is at most rtol times the root mean square of y (of the initial
    output when y = 0; 1 for "cross-entropy"). The scale is that of y also while the initial output
    is much larger than y: the fit of y comes out at the accuracy asked for, an output of several
    hundred times y on the way to it is resolved just as finely. Over the whole flow the error was
    seen to be 0.1 to 1 times rtol; on smooth networks it falls as rtol^(2/3).

    Outputs at ts come from the dense output of the solver (cubic Hermite for "chebyshev", the
    linearised flow within the step for "exponential") and are those of an actual network. theta
    is kept in float64 and rounded to the dtype of the network for each evaluation; kernels are
    summed in float64.

    Args:
        net: a network, of one or several outputs.
        x: samples (n, d), or (n,) when d = 1.
        y: values (n,), or (n, c) for c outputs; for "cross-entropy" see `nets.train`.
        ts: times (T,), sorted, zero or later; the flow starts at t = 0.
        loss: any loss of `nets.train` but `nets.FourierStages`. Weights of `nets.Fourier` may be
            functions of the time t here: steps then end at every time of ts, which should have the
            times where the weights change at once.
        lazy_scale: alpha; alpha f is trained with the loss divided by alpha^2 (Chizat, Oyallon,
            Bach 2019, On lazy training), which for "mse" is f trained on y/alpha and multiplied by
            alpha, on the same t.
        rtol: tolerance of one step, between 0 and 1, see above.
        solver: "exponential", "chebyshev", a solver of diffrax, or None.
        probe: further points (m, d) where outputs are recorded.
        record: "outputs", or "networks" to keep the parameters at every time as well.
        progress: show a bar, one unit a recorded time.
        throw: raise when the integration fails; otherwise `run.status.reason` tells, outputs from
            then on are NaN, and `run.net` is the last good network.
        checkpoint: path of a file that is written about every ten seconds and at the end, or of a
            folder in which the run names its file by what it is given, so that the runs of an
            ensemble may share it. The same call goes on from there, on the same machine with the
            same numbers bit for bit (on a GPU if XLA_FLAGS has
            `--xla_gpu_deterministic_ops=true`). What has ended comes back, or is raised, at once.

    Returns:
        A Run with `fitted` (T, n), `probe` (T, m), or (T, n, c) and (T, m, c), `loss` (T,) without
        the 1/alpha^2, `net` in the dtype of `net`, and the cost in `status`.

    Raises:
        ValueError, TypeError: bad data, times, network or option; a loss that does not fit the
            outputs; a solver without error estimate; a checkpoint of another run, or a damaged
            one.
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
    if problem.dtypes[0] != "float64":
        _warn_of_rounding(net, points, alpha, tolerance * float(objective.scale))
    saved = None
    if checkpoint is not None:
        given = {
            "x": points,
            "y": np.asarray(y),
            "probe": extra,
            "ts": times,
            "rtol": tolerance,
            "lazy_scale": alpha,
            "record": record,
            "solver": name if isinstance(solver, str) else eqx.tree_pformat(chosen),
        }
        functions = functions_of(net, objective, problem.x, outputs)
        saved = Checkpoint(checkpoint, "nets.gradient_flow", given | functions)
    with one_blas_thread():
        course = integrate(
            chosen,
            problem,
            theta,
            times,
            tolerance=tolerance,
            keep=record == "networks",
            progress=progress,
            saved=saved,
        )
    if throw and course.reason != "completed":
        raise RuntimeError(
            f"gradient_flow stopped at t = {float(course.now.time):.6g} of {times[-1]:.6g}: "
            f"{course.reason}. Check the scale of y and of the parameters, try another solver than "
            f'"{name}", a larger lazy_scale if the network is in float64, or pass throw=False to '
            "get the run up to there"
        )
    fitted = alpha * course.fitted
    return Run(
        ts=times,
        x=points,
        fitted=fitted,
        probe=None if course.probe is None else alpha * course.probe,
        loss=loss_along(objective, fitted, times),
        net=problem.network(course.now.theta),
        networks=jax.tree.map(jnp.asarray, course.networks),
        status=status_of(course, chosen, name),
    )


def _warn_of_rounding(net: Any, points: np.ndarray, alpha: float, allowed: float) -> None:
    """Warn where outputs below float64 round by more than the error allowed in a step."""
    one = net.first if isinstance(net, Pair) else net  # which round before they are subtracted
    outputs = outputs_at(one, points)
    rounding = alpha * float(jnp.finfo(outputs.dtype).eps * jnp.abs(outputs).max())
    if rounding > allowed > 0:
        warnings.warn(
            f"outputs in {outputs.dtype} are rounded by {rounding:.1g} after lazy_scale, more than "
            f"the error of {allowed:.1g} allowed in a step: expect many rejected steps. Use a "
            "network in float64, or a smaller lazy_scale",
            stacklevel=3,
        )


def status_of(course: Course, solver: Any, name: str) -> Status:
    """What an integration cost and why it ended."""
    now = course.now
    steps, rejected = int(now.steps), int(now.rejected)
    each = evaluations(solver)
    return Status(
        solver=name,
        reason=course.reason,
        time=float(now.time),
        steps=steps,
        rejected=rejected,
        gradients=int(now.gradients) if each is None else each * (steps + rejected),
        jacobians=int(now.jacobians),
        spectral_radius=float(now.spectral_radius),
    )

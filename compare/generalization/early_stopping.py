"""When to stop training on noisy data: the time predicted by a kernel's flow, and the measured."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from compare.generalization.eigenflow import eigenflow
from compare.spectra import _checks as spectra_check
from compare.spectra._checks import Real
from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.choice import Kernel
from lfp.predictions import time_of_least
from lfp.solvers.dense import rounding_error
from lfp.status import drowned

LEAST = 3  # times that a parabola needs
MOST = 1e150  # noise whose square is finite


@dataclass(frozen=True)
class EarlyStopping:
    """The expected risk along a flow on noisy data, and the time at which it is least.

    Attributes:
        ts: times, shape (T,).
        bias: squared, what the flow without noise still lacks, in the unit of y^2, shape (T,).
        variance: what the noise has put into the outputs, in the unit of y^2, shape (T,).
        best_time: where their sum is least; 0 if nothing is worth learning, as where f is zero; NaN
            if not within ts.
        message: what is wrong and what helps, as where best_time is NaN; empty otherwise.
    """

    ts: np.ndarray
    bias: np.ndarray
    variance: np.ndarray
    best_time: float
    message: str

    @property
    def risk(self) -> np.ndarray:
        """`bias + variance`, shape (T,)."""
        return self.bias + self.variance


def early_stopping(
    law: Kernel,
    x: ArrayLike,
    ts: ArrayLike,
    *,
    noise: Real,
    points: ArrayLike,
    target: Callable[..., ArrayLike] | None = None,
    spectrum: tuple[ArrayLike, ArrayLike] | ArrayLike | None = None,
    throw: bool = True,
) -> EarlyStopping:
    """The expected risk along the flow on `y_i = f(x_i) + e_i`, before any network is trained.

    The flow from zero is linear in y, `h(x', t) = S_t(x') y`, so with independent errors of mean 0
    and variance noise^2::

        risk(t) = < E (h(x', t) - f(x'))^2 > = bias^2(t) + variance(t),
        bias^2(t) = < (S_t(x') f(X) - f(x'))^2 >,    variance(t) = noise^2 < |S_t(x')|^2 >

    <> being the mean over the points x'. In the eigenbasis of K(X, X)/n, with
    `phi_t(lambda) = (1 - exp(-lambda t))/lambda` and `G_j = K(., X) v_j/n`::

        variance(t) = noise^2 sum_j phi_t(lambda_j)^2 <G_j(x')^2>

    At the samples themselves this is `(noise^2/n) sum_j (1 - exp(-lambda_j t))^2` beside
    `bias^2 = (1/n) sum_j exp(-2 lambda_j t) (v_j.f(X))^2`. Early, the bias falls linearly in t and
    the variance grows as t^2, so a little training always helps where f is not zero; late, the bias
    tends to the error of the interpolant of f and the variance to that of the interpolant of pure
    noise. The best time lies where the frequencies whose power is below that of the noise begin to
    be learned. `lfp.Flow.stopping_time` estimates it from noisy data, without f.

    Args:
        law: a law, whose LFP kernel is used, or a kernel such as `law.ntk`, as in `lfp.solve`.
        x: samples, shape (n, d), or (n,) when d = 1.
        ts: sorted times, shape (T,), at least 3, around the best one.
        noise: standard deviation of the errors, not negative, its square finite.
        points: x', where the risk is looked at, shape (m, d) or (m,); the samples for the in-sample
            risk, points drawn from their distribution for the population's.
        target: f, called with x of shape (m, d), or (m,) when d = 1, returning (m,).
        spectrum: in place of a target, frequencies xi, shape (F,) or (F, d), in cycles per unit of
            x, and amplitudes a, shape (F,): the bias is the mean over the random functions
            `f(x) = sum_k sqrt2 a_k cos(2 pi xi_k.x + p_k)`, p_k uniform and independent, each wave
            of mean square a_k^2.
        throw: raise where the best time is not within ts, or rounding hides the rates at the last
            of them; otherwise the best time is NaN, and `message` says what to do.

    Returns:
        An `EarlyStopping`.

    Raises:
        ValueError: neither or both of target and spectrum; noise < 0; fewer than 3 times; a kernel
            that is indefinite on the samples; shapes that do not match; times so late that
            rounding hides what is learned then, or no minimum within ts (throw).
        TypeError: if an argument is of the wrong kind.

    Source: for gradient descent, P. Bühlmann and B. Yu, Boosting with the L2 loss, J. Am. Stat.
    Assoc. 98, 2003 (bias and variance in the eigenbasis, at the samples).
    """
    at = check.points("x", x)
    places = check.points("points", points)
    check.same_dimension("x", at, "points", places)
    times = check.time_points("ts", ts)
    if len(times) < LEAST:
        raise ValueError(f"ts must hold at least {LEAST} times, got {len(times)}")
    noise = check.number(
        "noise", noise, allowed=f"at least 0 and at most {MOST:g}", valid=lambda v: 0 <= v <= MOST
    )
    if (target is None) == (spectrum is None):
        raise ValueError("give either target or spectrum, and not both")
    if spectrum is None:
        here, there = (check.outputs_of("target", target, p)[:, None] for p in (at, places))
    else:
        here, there = (_waves(spectrum, p) for p in (at, places))
    flow = eigenflow(law, at, places)
    bias = flow.distances(here, there, times)
    variance = noise**2 * flow.amplification(times)
    best = float(best_times(times, bias + variance))
    power = np.sum((flow.vectors.T @ here) ** 2, axis=1) + noise**2
    last = float(times[-1])
    message = drowned(flow.rates, rounding_error(flow.rates, power, last), last)
    if not message and not np.isfinite(best):
        message = _advice(times, bias + variance, noise)
    if message and throw:
        raise ValueError(message)
    return EarlyStopping(times, bias, variance, np.nan if message else best, message)


def risk_along(outputs: ArrayLike, values: ArrayLike) -> Float[np.ndarray, "*batch T"]:
    """Mean square distance of recorded outputs from the noise-free target, at each time.

    Args:
        outputs: at some points, shape (..., T, m); `run.probe` of a network or an ensemble.
        values: f at these points, shape (m,).

    Returns:
        Shape (..., T), in the unit of y^2; NaN where a training failed.

    Raises:
        ValueError: if the shapes do not match or values are not finite.
        TypeError: if they do not hold real numbers.
    """
    recorded = spectra_check.numbers("outputs", outputs)
    goal = spectra_check.finite("values", values, real=True)
    if recorded.dtype.kind == "c":
        raise TypeError(f"outputs must hold real numbers, got dtype {recorded.dtype}")
    if goal.ndim != 1 or recorded.ndim < 2 or recorded.shape[-1:] != goal.shape:
        raise ValueError(
            "outputs must have shape (..., T, m) and values (m,) with the same m, got "
            f"{recorded.shape} and {goal.shape}"
        )
    return np.mean((recorded - goal) ** 2, axis=-1)


def best_times(ts: ArrayLike, risk: ArrayLike) -> Float[np.ndarray, "*batch"]:
    """Times at which risks are least, by a parabola in log t through three recordings.

    Args:
        ts: sorted times, shape (T,).
        risk: shape (..., T).

    Returns:
        Shape (...); NaN where the least risk is at the last time, or at the first one if that is
        later than 0: nothing is extrapolated. NaN also where a risk is not finite, as after a
        failed or diverged training.

    Raises:
        ValueError: if the shapes do not match, or times are not sorted or negative.
        TypeError: if risk does not hold real numbers.
    """
    times = check.time_points("ts", ts)
    risks = spectra_check.numbers("risk", risk)
    if risks.dtype.kind == "c":
        raise TypeError(f"risk must hold real numbers, got dtype {risks.dtype}")
    if risks.shape[-1:] != times.shape:
        raise ValueError(f"risk must have shape (..., {len(times)}) like ts, got {risks.shape}")
    rows = risks.reshape(-1, len(times))
    best = [time_of_least(times, row) if np.isfinite(row).all() else np.nan for row in rows]
    return np.reshape(best, risks.shape[:-1])


def _waves(spectrum: tuple[ArrayLike, ArrayLike] | ArrayLike, at: np.ndarray) -> np.ndarray:
    """`a_k cos` and `a_k sin` at positions (m, d): (m, 2 F), whose squares add up over phases."""
    if not isinstance(spectrum, tuple | list) or len(spectrum) != 2:
        raise ValueError(
            f"spectrum must be a pair of frequencies and amplitudes, got {spectrum!r:.60}"
        )
    frequencies, amplitudes = spectrum
    xi = check.points("spectrum[0]", frequencies)
    size = check.real_array("spectrum[1]", amplitudes, ndim=(1,))
    check.same_dimension("x", at, "spectrum[0]", xi)
    if len(size) != len(xi):
        raise ValueError(
            f"spectrum must have as many amplitudes as frequencies, got {len(size)} and {len(xi)}"
        )
    angle = 2 * np.pi * (at @ xi.T)
    return np.concatenate([size * np.cos(angle), size * np.sin(angle)], axis=1)


def _advice(ts: np.ndarray, risk: np.ndarray, noise: float) -> str:
    """What to do where the least risk is at the end of the times."""
    if np.ptp(risk) == 0:
        return "the risk is the same at all of ts: there is neither noise nor anything to learn"
    if np.argmin(risk) == 0:
        return (
            f"the risk is least at the first of ts, t = {ts[0]:.3g}, and grows from there: begin "
            "earlier, or at 0, the best time where there is nothing to learn"
        )
    rule = "" if noise > 0 else ", as it does without noise, where training should never stop"
    return (
        f"the risk still falls at the last of ts, t = {ts[-1]:.3g}{rule}: look at later times, or "
        "stop at the last one"
    )

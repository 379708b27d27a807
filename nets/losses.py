"""The loss that is minimised, one spelling everywhere."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nets._checks import ArrayLike, as_number, one_of
from nets._fourier import Fourier, FourierStages, in_fourier
from nets._loss_checks import (
    as_bump,
    as_density,
    as_probabilities,
    as_targets,
    check_record,
    derivative,
)
from nets._objectives import CrossEntropy, Elementwise, Lazy, Objective, Pointwise, Targeted

WORDS = ("mse", "logistic", "huber", "cross-entropy")


@dataclass(frozen=True)
class Loss:
    """A loss `L = (1/n) sum_i l(h(x_i) - y_i)` by elementwise functions of the residual.

    The functions take and give JAX arrays, and the same functions compile once. l must have one
    minimum, at 0. Where it is not convex, methods that need l'' >= 0 take 0 for it.

    Attributes:
        value: l, from residuals of any shape to the same shape.
        slope: l'.
        curvature: l''; None differentiates `slope`.

    Source: the class is that of Luo, Ma, Xu, Zhang 2019, Assumption 5, with kinks allowed in l'.
    """

    value: Elementwise
    slope: Elementwise
    curvature: Elementwise | None = None


@dataclass(frozen=True)
class Weighted:
    """A loss with a density and a bump function: `L = (1/n) sum_i rho_i l(chi_i (h_i - y_i))`.

    In the Fourier domain, `L = 1/2 sum_k w_k |u^_k|^2` with `u = sqrt(rho) chi (h - y)`; with
    "cross-entropy" there is no residual, hence no chi.

    Attributes:
        loss: any loss but another Weighted.
        rho: density (n,) of the samples, zero or more, with mean 1; None for 1.
        chi: bump function (n,) at the samples; None for 1.

    Source: Luo, Ma, Xu, Zhang 2019, eqs. 10 and 11 (their L for the mse is without the 1/2, so
    that their time is half of ours).
    """

    loss: Any = "mse"
    rho: ArrayLike | None = None
    chi: ArrayLike | None = None


def objective_of_flow(loss: Any, x: np.ndarray, y: ArrayLike, outputs: Any) -> Targeted:
    """The loss of a flow in time, see `as_objective`: no stages, which recordings would decide."""
    inner = loss.loss if isinstance(loss, Weighted) else loss
    if isinstance(inner, FourierStages):
        raise ValueError(
            "loss must not be nets.FourierStages here: a flow has no recordings that end a stage. "
            "Use nets.Fourier with weights as a function of t, or nets.train"
        )
    return as_objective(loss, x, y, outputs)


def is_mean_square(objective: Objective) -> bool:
    """Whether this is "mse" without weights, which linear flows solve in closed form."""
    if not isinstance(objective, Pointwise):
        return False
    weighted = objective.rho is not None or objective.chi is not None
    return objective.loss is SQUARE.value and not weighted


def loss_along(objective: Objective, outputs: np.ndarray, ts: np.ndarray) -> np.ndarray:
    """The loss (T,) of recorded outputs (T, n) or (T, n, c)."""
    return np.array(jax.vmap(objective.value)(jnp.asarray(outputs), jnp.asarray(ts)))


def as_objective(loss: Any, x: np.ndarray, y: ArrayLike, outputs: Any) -> Targeted:
    """The loss of the outputs at the samples, in any spelling, with r = h - y of one sample::

        "mse"           l(r) = r^2/2
        a number p      l(r) = |r|^p/p, p >= 2; 2 is "mse"
        "logistic"      l(r) = log cosh r
        "huber"         l(r) = r^2/2 up to |r| = 1, |r| - 1/2 beyond
        "cross-entropy" -log softmax(h) at the class y, or sum_c -y_c log softmax(h)_c;
                        one output: log(1 + exp h) - y h
        a Loss          a record of l and l' (anything with `value` and `slope`)
        a Fourier, FourierStages or Weighted

    L is the mean over the samples and the sum over the outputs. "logistic" is the loss of robust
    regression, not that of classification.

    Args:
        loss: one of the above.
        x: samples (n, d).
        y: values, in the shape of the outputs; for "cross-entropy" classes (n,), 0 to c - 1, or
            probabilities (n, c), and for one output numbers (n,) from 0 to 1.
        outputs: h at the samples, (n,) or (n, c); the loss is in its dtype.

    Raises:
        ValueError: a number below 2; an unknown word; values or weights that do not fit the
            outputs; a record whose functions contradict each other.
        TypeError: another kind of object.
    """
    rho = chi = None
    if isinstance(loss, Weighted):
        rho, chi = as_density(loss.rho, len(x)), as_bump(loss.chi, len(x))
        loss = loss.loss
        if isinstance(loss, Weighted):
            raise ValueError("loss must be weighted once: put rho and chi into one nets.Weighted")
    outputs = jnp.asarray(outputs)

    def cast(values: Any) -> Any:
        return None if values is None else jnp.asarray(values, outputs.dtype)

    if isinstance(loss, str) and one_of("loss", loss, WORDS) == "cross-entropy":
        if chi is not None:
            raise ValueError('chi must be None for the loss "cross-entropy": it has no residual')
        return CrossEntropy(cast(as_probabilities(y, outputs.shape)), cast(rho))
    target = cast(as_targets(y, outputs.shape))
    if isinstance(loss, Fourier | FourierStages):
        factor = np.ones(len(x))
        factor = factor if rho is None else factor * np.sqrt(rho)
        factor = factor if chi is None else factor * chi
        return in_fourier(loss, x, target, factor)
    record = _as_record(loss)
    second = derivative(record.slope) if record.curvature is None else record.curvature
    if not isinstance(loss, str | int | float | np.number):
        check_record(record, second, np.asarray(outputs - target))
    return Pointwise(target, record.value, record.slope, second, cast(rho), cast(chi))


def scaled(objective: Objective, alpha: float, dtype: Any) -> Objective:
    """`L(alpha f)/alpha^2`."""
    return objective if alpha == 1 else Lazy(objective, jnp.asarray(alpha, dtype))


def _as_record(loss: Any) -> Loss:
    if isinstance(loss, str):
        return {"mse": power(2.0), "logistic": LOGISTIC, "huber": HUBER}[loss]
    if isinstance(loss, int | float | np.number) and not isinstance(loss, bool):
        allowed = "at least 2: below, its slope is not Lipschitz at 0"
        return power(as_number("loss", loss, allowed=allowed, valid=lambda p: p >= 2))
    found = [getattr(loss, name, None) for name in ("value", "slope", "curvature")]
    value, slope, curvature = found
    if not (callable(value) and callable(slope) and (curvature is None or callable(curvature))):
        words = ", ".join(map(repr, WORDS))
        raise TypeError(
            f"loss must be {words}, a number, a nets.Loss of functions, nets.Fourier, "
            f"nets.FourierStages or nets.Weighted, got {loss!r:.60}"
        )
    return Loss(value, slope, curvature)


@lru_cache
def power(p: float) -> Loss:
    """`|r|^p/p`; the same functions for the same p, so that they compile once."""
    if p == 2:
        return SQUARE
    return Loss(
        lambda r: jnp.abs(r) ** p / p,
        lambda r: jnp.sign(r) * jnp.abs(r) ** (p - 1),
        lambda r: (p - 1) * jnp.abs(r) ** (p - 2),
    )


def _log_cosh(r: Any) -> Any:
    # neither overflows for large residuals nor loses digits for small ones
    size = jnp.abs(r)
    small = jnp.log1p(2 * jnp.sinh(jnp.minimum(size, 1.0) / 2) ** 2)
    return jnp.where(size < 1, small, size + jnp.log1p(jnp.exp(-2 * size)) - math.log(2))


def _huber(r: Any) -> Any:
    size = jnp.abs(r)
    inner = jnp.minimum(size, 1.0)
    return inner * (size - inner / 2)


SQUARE = Loss(lambda r: r**2 / 2, lambda r: r, jnp.ones_like)
LOGISTIC = Loss(_log_cosh, jnp.tanh, lambda r: 1 - jnp.tanh(r) ** 2)
HUBER = Loss(_huber, lambda r: jnp.clip(r, -1.0, 1.0), lambda r: (jnp.abs(r) <= 1).astype(r.dtype))

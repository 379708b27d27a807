"""The mean square in the Fourier domain, each frequency with a weight that may change."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nets._checks import ArrayLike, Integer, Number, as_fraction, as_real, as_size
from nets._loss_checks import traced_shape
from nets._objectives import InFourier, InFourierByStages


@dataclass(frozen=True)
class Fourier:
    """`L = 1/2 sum_k w_k(t) |h^_k - f^_k|^2`, f the values, summed over the outputs.

    `h^_k = (1/n) sum_j h_j exp(-2 pi i xi_k . x_j)`, and f^_k likewise: with all weights 1 on all
    n frequencies of a uniform grid (`np.fft.fftfreq`) this is "mse", and t is the same time.

    Attributes:
        xi: frequencies, (F,) for d = 1 or (F, d), in cycles per unit of x. Real outputs have the
            same power at xi and -xi: a weight on one of them is half of it on both.
        weights: w, (F,), zero or more, or a function of t giving (F,), in JAX: t is the number of
            steps done in `nets.train`, the time in a flow.

    Source: Xu, Zhang, Xiao 2019, eq. 4, with a factor 1/2 and h^ divided by n.
    """

    xi: ArrayLike
    weights: ArrayLike | Callable[[Any], Any]


@dataclass(frozen=True)
class FourierStages:
    """`nets.Fourier` with the weights of one stage after the other, for `nets.train`.

    The next stage begins at the first recording where the relative error of the outputs at the
    peak of this one, `|h^ - f^|/|f^|`, is below `tolerance`, or after `patience` recordings. The
    last stage stays. Low to high frequencies is `weights[i] = (xi <= xi[peaks[i]])` with rising
    peaks, high to low `weights[i] = (xi >= xi[peaks[i]])` with falling ones.

    Attributes:
        xi: frequencies, (F,) for d = 1 or (F, d), in cycles per unit of x.
        weights: (S, F), zero or more, one row for each stage.
        peaks: (S,), the index in xi of the frequency that ends each stage.
        tolerance: relative error at the peak, between 0 and 1.
        patience: number of recordings after which a stage ends anyway; None for no such end.

    Source: Xu, Zhang, Xiao 2019, section 3.2 (10 %, and 5000 recordings from high to low).
    """

    xi: ArrayLike
    weights: ArrayLike
    peaks: ArrayLike
    tolerance: Number = 0.1
    patience: Integer | None = None


def in_fourier(
    loss: Fourier | FourierStages, x: np.ndarray, target: jax.Array, factor: np.ndarray
) -> InFourier:
    """The loss of the outputs; `factor` (n,) multiplies residuals before the transform."""
    xi = _frequencies(loss.xi, x.shape[1])
    # in float64: phases of thousands of cycles keep their digits
    phase = 2 * np.pi * (xi @ x.T.astype(np.float64))
    waves = np.stack([np.cos(phase), -np.sin(phase)]) * factor / len(x)
    waves = jnp.asarray(waves, target.dtype)
    if isinstance(loss, Fourier):
        return InFourier(target, waves, _weights(loss.weights, len(xi), target.dtype))
    weights = _rows_of_weights(loss.weights, len(xi))
    return InFourierByStages(
        target,
        waves,
        jnp.asarray(weights, target.dtype),
        jnp.asarray(_peaks(loss.peaks, len(weights), len(xi)), jnp.int32),
        jnp.asarray(as_fraction("tolerance", loss.tolerance), target.dtype),
        jnp.asarray(
            np.iinfo(np.int32).max if loss.patience is None else as_size("patience", loss.patience),
            jnp.int32,
        ),
        jnp.zeros((), jnp.int32),
        jnp.zeros((), jnp.int32),
    )


def _frequencies(value: ArrayLike, dim: int) -> np.ndarray:
    xi = as_real("xi", value).astype(np.float64)
    if xi.ndim == 1:
        xi = xi[:, None]
    if xi.ndim != 2 or xi.shape[1] != dim:
        raise ValueError(
            f"xi must have shape (F, {dim}), the dimension of x, got {np.shape(value)}"
        )
    return xi


def _weights(value: Any, count: int, dtype: Any) -> Any:
    """The weights as an array, or the function of t after a look at t = 0."""
    zero = jnp.zeros((), dtype)
    first: Any = value(zero) if callable(value) else value
    weights = as_real("weights", first)
    if weights.shape != (count,):
        raise ValueError(
            f"weights must have shape ({count},), one for each frequency, got {weights.shape}"
        )
    _check_sign(weights)
    if not callable(value):
        return jnp.asarray(weights, dtype)
    traced_shape("weights", lambda t: jnp.asarray(value(t)), zero)
    return value


def _rows_of_weights(value: ArrayLike, count: int) -> np.ndarray:
    weights = as_real("weights", value)
    if weights.ndim != 2 or weights.shape[1] != count:
        raise ValueError(
            f"weights must have shape (S, {count}), a row for each stage, got {weights.shape}"
        )
    _check_sign(weights)
    return weights


def _check_sign(weights: np.ndarray) -> None:
    if weights.min() < 0:
        raise ValueError(f"weights must not be negative, got {weights.min()}")


def _peaks(value: ArrayLike, stages: int, count: int) -> np.ndarray:
    peaks = np.asarray(value)
    if peaks.dtype.kind not in "iu":
        raise TypeError(f"peaks must hold integers, indices in xi, got dtype {peaks.dtype}")
    if peaks.shape != (stages,):
        raise ValueError(f"peaks must have shape ({stages},), one a stage, got {peaks.shape}")
    if peaks.min() < 0 or peaks.max() >= count:
        worst = peaks.min() if peaks.min() < 0 else peaks.max()
        raise ValueError(f"peaks must be indices in xi, from 0 to {count - 1}, got {worst}")
    return peaks

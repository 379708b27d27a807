"""Energies, rates and gradients frequency by frequency, from the tangent kernel alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float

from compare.stages.setting import Setting
from lfp import _checks as check
from lfp._checks import ArrayLike


@dataclass(frozen=True)
class Rates:
    """One trajectory in Fourier space; k and -k are counted together, `(T, K)`.

    `u^_k = (1/n) sum_j s_j u_j exp(-2 pi i xi_k x_j)` with `s = sqrt(rho)`, or s = 1, and
    `q_k = |u^_k|^2`, whose sum is the loss `(1/n) sum_j s_j^2 u_j^2`.

    Attributes:
        power: q_k.
        rate: dq_k/dt.
        gradient: `|grad q_k|` with respect to the parameters.
        sensitivity: `|grad h^_k|^2`.
        speed: `|dh^_k/dt|^2`.
    """

    power: Float[np.ndarray, "T K"]
    rate: Float[np.ndarray, "T K"]
    gradient: Float[np.ndarray, "T K"]
    sensitivity: Float[np.ndarray, "T K"]
    speed: Float[np.ndarray, "T K"]


def diagonals(
    kernel: Float[np.ndarray, "n n"], weight: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " K"], Complex[np.ndarray, " K"]]:
    """`e_k* K e_k` and `e_k^T K e_k` for `e_k = weight exp(-2 pi i jk/n)`, k = 0 .. n // 2.

    Both depend on the sums of K along its diagonals and antidiagonals only, wrapped around.
    """
    weighted = weight[:, None] * kernel * weight
    shift, row = np.arange(len(weight))[:, None], np.arange(len(weight))
    along = weighted[row, (row + shift) % len(weight)].sum(axis=1)
    across = weighted[row, (shift - row) % len(weight)].sum(axis=1)
    return np.fft.rfft(along).real, np.fft.rfft(across)


def flow_of(setting: Setting) -> tuple[Float[np.ndarray, "T n"], Float[np.ndarray, " T"]]:
    """`du/dt = -chi K chi g` and `|grad L~|`, with `g = rho l'(u)/n` and `|grad L~|^2 = -g.u'`."""
    n = len(setting.chi)
    pull = setting.rho * setting.slope / n
    velocity = -setting.chi * _apply(setting.kernel, setting.chi * pull)
    squares = -(pull * velocity).sum(axis=1)
    scale = np.abs(setting.kernel).max(axis=(1, 2)) * n * ((setting.chi * pull) ** 2).sum(axis=1)
    zero = squares <= setting.rounding * scale
    if (squares < -100 * setting.rounding * scale).any():
        i = int(np.argmin(squares / np.maximum(scale, np.finfo(float).tiny)))
        raise ValueError(
            f"kernel must be positive semidefinite, got |grad L|^2 = {squares[i]:.3g} at "
            f"ts[{i}] = {setting.ts[i]:.6g}"
        )
    if zero.any():
        i = int(np.argmax(zero))
        raise ValueError(
            f"kernel and outputs must have a gradient of the loss other than zero at every time, "
            f"got |grad L|^2 = {squares[i]:.3g} up to rounding at ts[{i}] = {setting.ts[i]:.6g}: "
            "the ratios have no meaning there"
        )
    return velocity, np.sqrt(squares)


def rates_of(
    setting: Setting,
    velocity: Float[np.ndarray, "T n"],
    slope: Float[np.ndarray, " T"],
    root: Float[np.ndarray, " n"],
) -> Rates:
    """The rates with `s = root`, from du/dt and `|grad L~|`.

    `|grad q_k|^2 = (2/n^2) (|u^_k|^2 e_k* K e_k + Re(conj(u^_k)^2 e_k^T K e_k))` and
    `|grad h^_k|^2 = e_k* K e_k / n^2` with `e_k = s chi exp(-2 pi i xi_k x_j)`. What a kernel
    holds of the small ones is rounding: a square is known to 1e-16 of the largest, so the
    gradient to 1e-8, and `<xi>^m` would blow this up. So squares below that count as zero,
    and the rates, which do not suffer from it, bound the gradients from below by Cauchy-Schwarz:
    `|dh^_k/dt| <= |grad h^_k| |grad L~|`.
    """
    n = len(root)
    pairs = [diagonals(one, setting.chi * root) for one in setting.kernel]
    hermitian, symmetric = (np.stack(part) for part in zip(*pairs, strict=True))
    _check_positive(setting, hermitian)
    floor = setting.rounding * hermitian.max(axis=1, keepdims=True)
    hermitian = np.where(hermitian > floor, hermitian, 0.0)
    transform = np.fft.rfft(root * setting.residual, norm="forward")
    change = np.fft.rfft(root * velocity, norm="forward")
    rate = 2 * (transform.conj() * change).real
    per_unit = slope[:, None]
    sensitivity = np.maximum(np.sqrt(hermitian) / n, np.abs(change) / per_unit)
    power = np.abs(transform) ** 2
    squares = power * hermitian + (transform.conj() ** 2 * symmetric).real
    gradient = np.sqrt(2 * np.maximum(squares, 0)) / n
    gradient = np.maximum(gradient, np.abs(rate) / per_unit)
    gradient = np.minimum(gradient, 2 * np.abs(transform) * sensitivity)
    twice = counted(n)
    return Rates(
        power=twice * power,
        rate=twice * rate,
        gradient=twice * gradient,
        sensitivity=twice * sensitivity**2,
        speed=twice * np.abs(change) ** 2,
    )


def counted(n: int) -> Float[np.ndarray, " K"]:
    """How many of the n frequencies have that size: k and -k, but 0 and n/2 once."""
    twice = np.full(n // 2 + 1, 2.0)
    twice[0] = 1.0
    if n % 2 == 0:
        twice[-1] = 1.0
    return twice


def above(values: Float[np.ndarray, "... K"], first: np.ndarray) -> Float[np.ndarray, "... F"]:
    """Sums over `|xi| >= eta`, `first` being the first such index for each eta."""
    return np.cumsum(values[..., ::-1], axis=-1)[..., ::-1][..., first]


def below(values: Float[np.ndarray, "... K"], first: np.ndarray) -> Float[np.ndarray, "... F"]:
    """Sums over `|xi| < eta`; eta > 0, so that first > 0."""
    return np.cumsum(values, axis=-1)[..., first - 1]


def exponent(
    scale: ArrayLike | Sequence[float], values: ArrayLike | Sequence[float]
) -> Float[np.ndarray, "..."]:
    """Least-squares slope of log values against log scale, along the last axis.

    Of a ratio against eta, minus the exponent of its decay; of a constant against the number of
    points, its growth under refinement.

    Args:
        scale: positive, `(F,)`, with at least 3 different entries.
        values: `(..., F)`, not negative; zeros are left out.

    Returns:
        `(...)`.

    Raises:
        ValueError: fewer than 3 positive values to fit, scales that are not positive and
            different, shapes that do not match.
    """
    positions = check.real_array("scale", scale, ndim=(1,))
    rows = check.real_array("values", values, ndim=(1, 2, 3))
    if positions.min() <= 0 or len(np.unique(positions)) < len(positions):
        raise ValueError(f"scale must be positive and different, got {positions.tolist()}")
    if rows.shape[-1] != len(positions):
        raise ValueError(f"values must have shape (..., {len(positions)}), got {rows.shape}")
    if rows.min() < 0:
        raise ValueError(f"values must not be negative, got {rows.min():.6g}")
    used = rows > 0
    count = used.sum(axis=-1)
    if count.min() < 3:
        raise ValueError(f"values must have at least 3 positive entries to fit, got {count.min()}")
    logs = np.log(np.where(used, rows, 1.0))
    shift = np.where(used, np.log(positions), 0.0)
    shift = np.where(used, shift - (shift.sum(axis=-1) / count)[..., None], 0.0)
    return np.asarray((shift * logs).sum(axis=-1) / (shift**2).sum(axis=-1))


def _apply(kernel: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """`K(t) v(t)`, `(T, n)`."""
    if len(kernel) == 1:
        return vectors @ kernel[0]
    return (kernel @ vectors[..., None])[..., 0]


def _check_positive(setting: Setting, hermitian: np.ndarray) -> None:
    n = len(setting.chi)
    lowest = hermitian.min(axis=1)
    bad = lowest < -100 * n * setting.rounding * np.abs(hermitian).max(axis=1)
    if bad.any():
        i = int(np.argmax(bad))
        k = int(np.argmin(hermitian[i]))
        raise ValueError(
            f"kernel must be positive semidefinite, got {hermitian[i, k] / n:.6g} for "
            f"e* K e/n with e = exp(2 pi i xi x), xi = {setting.xi[k]:.6g}"
            + (f", at ts[{i}]" if len(hermitian) > 1 else "")
        )

"""Theorem 2 and its corollaries: between two times, step by step from the ratio to the bound."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from compare.stages.bounds import Bound, Scales, bound_of
from compare.stages.windows import Integrals

GAP = 0.1  # of the fall of L~: beyond, its rate does not account for it
Statement = tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]


@dataclass(frozen=True)
class Intermediate(Bound):
    """Theorem 2, its Corollaries 2 and 3, window by window; L is the squared error here.

    Integrals over a window are trapezoidal sums over its recordings. The weights are positive, so
    each inequality of the proof between integrands holds between the sums, exactly;
    `integral |dL/dt|` is taken no smaller than the variation of L over the recordings, which the
    true one is not. What a sum misses is measured, not guessed: the changes of `L~`, L and
    `L_eta^+` from one recording to the next are known. It enters at one step of each chain,
    "fall", where `integral |grad L~|^2` becomes the fall of `L~`, and at the first of `decrease`.

    Attributes:
        ratio: `integral |dL_eta^+/dt| dt / integral |dL/dt| dt` (39), `(W, F)`.
        constant: C, in the time unit of ts, `(W, M)`. It scales as the square root of the loss's
            unit and as the inverse square root of that of time: bounds depend on neither.
        bound: `C (T2 - T1)^(1/2) eta^-m`, `(W, M, F)`, and so in the other forms.
        low_ratio: the ratio with `L_eta^-` (39), `(W, F)`; with B the bound, at least 1 - B.
        windows: T1 and T2, `(W, 2)`.
        error, low_error: of the ratio and of low_ratio, `(W, F)`.
        loss_error: of `integral |grad L~|^2`, relative to the fall of `L~`, `(W,)`. A large one
            says that recordings are too far apart, or that this is no gradient flow of this loss
            in this time.
        decrease: Corollary 2, whose ratio is that of the changes of `L_eta^+` and L over the
            window; NaN where L rises above its first value.
        decrease_error: of the ratio of `decrease` against `integral |dL_eta^+/dt|` over the
            change of L, `(W, F)`.
        uniform: Corollary 3, a bound on `ratio` without `T2 - T1` (82).
        uniform_decrease: Corollary 3 for the ratio of `decrease` (83), wherever L rises between.
    """

    low_ratio: Float[np.ndarray, "W F"]
    windows: Float[np.ndarray, "W 2"]
    error: Float[np.ndarray, "W F"]
    low_error: Float[np.ndarray, "W F"]
    loss_error: Float[np.ndarray, " W"]
    decrease: Bound
    decrease_error: Float[np.ndarray, "W F"]
    uniform: Bound
    uniform_decrease: Bound


def intermediate(
    scales: Scales, parts: list[Integrals], windows: Float[np.ndarray, "W 2"], share: float
) -> Intermediate:
    """All statements for all windows, over each of which L falls to `share` of itself."""
    for part, window in zip(parts, windows, strict=True):
        _warn(part, window)
    spread = np.sqrt(windows[:, 1] - windows[:, 0])[:, None]
    theorem = _gather(scales, [_theorem(scales, part, share) for part in parts], spread)
    once = np.ones_like(spread)
    shape = (len(parts), len(scales.eta))
    fall = np.array([part.energy_fall for part in parts])[:, None]
    total = np.array([part.total for part in parts])[:, None]
    total_error = np.array([part.total_error for part in parts])[:, None]
    low_ratio = np.array([part.low for part in parts]).reshape(shape) / total
    high_error = np.array([part.high_error for part in parts]).reshape(shape)
    low_error = np.array([part.low_error for part in parts]).reshape(shape)
    loss_fall = np.array([abs(part.loss_fall) for part in parts])
    return Intermediate(
        **vars(theorem),
        low_ratio=low_ratio,
        windows=windows,
        error=(high_error + theorem.ratio * total_error) / total,
        low_error=(low_error + low_ratio * total_error) / total,
        loss_error=np.array([part.squares_error for part in parts]) / loss_fall,
        decrease=_gather(scales, [_decrease(scales, part, share) for part in parts], spread),
        decrease_error=high_error / fall,
        uniform=_gather(scales, [_uniform(scales, part) for part in parts], once),
        uniform_decrease=_gather(scales, [_uniform_decrease(scales, part) for part in parts], once),
    )


def _theorem(scales: Scales, part: Integrals, share: float) -> Statement:
    """Eqs. 44, 63-77: `C = 2 sqrt(2) C1 C2^(1/2) / (1 - share)`.

    `C1 = sup_[T1, T2] || <.>^m grad h^ ||`, `C2 = L~(T1)/L(T1)`, and `4 sqrt(2)` for a half
    (Remark 6). Eq. 67 has 1/2 for the root of 1/2.
    """
    times, kept = _prefactor(scales, part), (1 - share) * part.energy
    # 72-74: integral L / integral |dL/dt| <= 2 (T2 - T1) / (1 - share)
    span = 2 * part.span / (1 - share) / kept
    chain = {
        "gradients": part.gradients / part.total,  # 63
        "outputs": part.outputs / part.total,  # 63
        "weighted": times(part.mixed / part.total),  # 63
        "halved": times(part.mixed / np.sqrt(kept * part.total)),  # 67, by 66
        "cauchy_schwarz": times(np.sqrt(part.squares * part.content / kept / part.total)),  # 67
        "span": times(np.sqrt(part.squares * span)),  # 75, by 74
        "fall": times(np.sqrt(max(part.loss_fall, 0.0) * span)),  # 75
    }
    factor = 2 * np.sqrt(2 * part.loss / part.energy) / (1 - share)
    return part.high / part.total, factor * part.norm, factor * part.scaled_norm, chain


def _decrease(scales: Scales, part: Integrals, share: float) -> Statement:
    """Corollary 2, eqs. 78-81: `C = 2 C1 C2^(1/2) / (1 - share)`, which is 4 for a half."""
    valid = 1.0 if part.monotone else np.nan
    times, kept = _prefactor(scales, part), (1 - share) * part.energy
    size = valid / part.energy_fall
    start = valid / (1 - share) / np.sqrt(part.energy)
    chain = {
        "rates": part.high * size,  # 79
        "gradients": part.gradients * size,
        "outputs": part.outputs * size,
        "weighted": times(part.mixed * size),  # 79
        "halved": times(valid * part.mixed / kept),  # 81, by 80
        "largest": times(part.path * start),  # 81
        "cauchy_schwarz": times(np.sqrt(part.squares * part.span) * start),
        "fall": times(np.sqrt(max(part.loss_fall, 0.0) * part.span) * start),
    }
    factor = 2 * np.sqrt(part.loss) * start
    return part.high_change * size, factor * part.norm, factor * part.scaled_norm, chain


def _uniform(scales: Scales, part: Integrals) -> Statement:
    """Corollary 3 (82): `C = 2 C1 sup (L^(1/2)/|grad L~|) (change of L~) / (change of L)`.

    For the squared error and rho = 1 it is that of Theorem 3, with suprema over the window.
    """
    return part.high / part.total, *_with_root(scales, part, part.total)


def _uniform_decrease(scales: Scales, part: Integrals) -> Statement:
    """Corollary 3 (83), with the same constant."""
    fall = part.energy_fall
    constant, scaled_constant, chain = _with_root(scales, part, fall)
    chain = {"rates": part.high / fall, **chain}
    return part.high_change / fall, constant, scaled_constant, chain


def _with_root(
    scales: Scales, part: Integrals, size: float
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Both constants, and the steps over size, with the largest `L^(1/2)/|grad L~|`."""
    times, fall = _prefactor(scales, part), max(part.loss_fall, 0.0)
    chain = {
        "gradients": part.gradients / size,
        "outputs": part.outputs / size,
        "weighted": times(part.mixed / size),
        "final": times(part.root * part.squares / size),
        "fall": times(part.root * fall / size),
    }
    factor = 2 * part.root * fall / part.energy_fall
    return factor * part.norm, factor * part.scaled_norm, chain


def _prefactor(scales: Scales, part: Integrals) -> Callable[[float], np.ndarray]:
    """Times `2 C1 eta^-m`, `(M, F)`."""
    factor = 2 * part.norm[:, None] * scales.powers
    return lambda value: value * factor


def _gather(scales: Scales, statements: list[Statement], spread: Float[np.ndarray, "W 1"]) -> Bound:
    """One record of the statements for several windows; bounds are multiplied by spread."""
    count, shape = len(statements), (len(scales.eta), len(scales.m), len(scales.m))
    ratio, constant, scaled = (
        np.array([statement[i] for statement in statements]).reshape(count, shape[i])
        for i in range(3)
    )
    names = statements[0][3] if statements else {}
    chain = {name: np.stack([statement[3][name] for statement in statements]) for name in names}
    return bound_of(scales, ratio, constant, scaled, chain, spread=spread)


def _warn(part: Integrals, window: Float[np.ndarray, "2"]) -> None:
    if part.squares_error <= GAP * abs(part.loss_fall):
        return
    warnings.warn(
        f"the loss falls by {part.loss_fall:.4g} from t = {window[0]:.6g} to {window[1]:.6g}, "
        f"but its rate along a gradient flow sums up to {part.squares:.4g}: either there are too "
        "few recordings, or this is no gradient flow of this loss in this time, to which alone "
        "Theorem 2 applies",
        UserWarning,
        stacklevel=5,
    )

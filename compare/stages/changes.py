"""What changed between recordings, of whatever moved the parameters: Adam, SGD, another flow."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from compare.stages.bounds import Scales
from compare.stages.rates import above, below, counted
from compare.stages.setting import Weight, frequencies, rounding_of, uniform_grid, weight_of
from lfp import _checks as check
from lfp._checks import ArrayLike, Number

ROUNDING = 4  # half units in the last place of an output, and what sums over the grid add


@dataclass(frozen=True)
class Changes:
    """What `changes` returns, from each recording to the next; F frequencies, C = T - 1 changes.

    Attributes:
        eta: cycles per unit of x, `(F,)`.
        loss_ratio: `|change of L_eta^+| / |change of L|`, `(C, F)`; it has no upper limit, and is
            NaN where L is the same in both recordings up to the rounding of the outputs.
        low_loss_ratio: the same with `|xi| < eta`.
        output_ratio: norm of the change of h^ over `|xi| >= eta` by that over all, `(C, F)`; NaN
            where the outputs are the same up to their rounding.
        low_output_ratio: the same with `|xi| < eta`.
        loss_change: of L, negative where it falls, `(C,)`; infinite beyond the range of floats.
    """

    eta: Float[np.ndarray, " F"]
    loss_ratio: Float[np.ndarray, "C F"]
    low_loss_ratio: Float[np.ndarray, "C F"]
    output_ratio: Float[np.ndarray, "C F"]
    low_output_ratio: Float[np.ndarray, "C F"]
    loss_change: Float[np.ndarray, " C"]


def changes(
    x: ArrayLike,
    y: ArrayLike,
    outputs: ArrayLike,
    *,
    chi: ArrayLike | Weight | None = None,
    rho: ArrayLike | Weight | None = None,
    period: Number | None = None,
    eta: ArrayLike | None = None,
) -> Changes:
    """Both ratios with changes from one recording to the next in place of derivatives.

    With `u = chi (h - f)`, `u^_k = (1/n) sum_j sqrt(rho_j) u_j exp(-2 pi i xi_k x_j)` and L the
    sum of `|u^_k|^2`, `L_eta^+` that over `|xi_k| >= eta`. No theorem bounds these ratios, for
    which neither gradient flow nor a kernel is needed: draw them beside those of `measure`, which
    are the ones of gradient flow from the recorded parameters, and to which Theorem 1 applies.
    For a pair of recordings give these two only.

    Args:
        x: a uniform grid over one period, `(n,)` or `(n, 1)`.
        y: values of the target, `(n,)`.
        outputs: h at the grid, recording after recording, `(T, n)`, at least 2; their dtype tells
            how they are rounded.
        chi: cut-off, as values `(n,)` or a function of x; 1 if None.
        rho: density of the samples up to a factor, as values or a function; 1 if None. It enters
            the loss ratio only, and that of the squared error: for another loss leave it out, as
            L is unweighted there (35).
        period: P, n times the step; only checked.
        eta: frequencies, in ascending order, cycles per unit of x, above 0 and at most n/(2P);
            those of the grid, k/P for k = 1 .. n // 2, if None.

    Returns:
        A `Changes`.

    Raises:
        ValueError: fewer than 2 recordings, a grid that is not uniform, shapes that do not match,
            weights that are negative or 0 everywhere, an eta off the grid.
        TypeError: what is not a number or a weight.

    Source: Luo, Ma, Xu, Zhang 2019, eqs. 33, 38 and 40, and figures 1 and 2.
    """
    grid, length = uniform_grid(x, period)
    n = len(grid)
    target = check.real_array("y", y, ndim=(1,))
    trajectory = check.real_array("outputs", outputs, ndim=(2,))
    if target.shape != (n,):
        raise ValueError(f"y must have shape ({n},) like x, got {target.shape}")
    if trajectory.shape[1] != n or len(trajectory) < 2:
        raise ValueError(
            f"outputs must have shape (T, {n}) with at least 2 recordings, got {trajectory.shape}"
        )
    xi = np.arange(n // 2 + 1) / length
    scales = Scales(xi, frequencies(eta, xi), np.ones(1))
    cutoff, weights = weight_of("chi", chi, grid), weight_of("rho", rho, grid)
    root = np.sqrt(weights / weights.mean())
    # in units of the largest value, up to a power of two: no square of it vanishes or overflows
    unit = int(np.frexp(max(np.abs(trajectory).max(), np.abs(target).max()))[1])
    trajectory, target = np.ldexp(trajectory, -unit), np.ldexp(target, -unit)
    moved = cutoff * np.diff(trajectory, axis=0)
    between = cutoff * (trajectory[:-1] + trajectory[1:] - 2 * target)
    parts = np.fft.rfft(root * moved, norm="forward") * (
        np.fft.rfft(root * between, norm="forward").conj()
    )
    change = counted(n) * parts.real  # |u^|^2 after less that before, without cancellation
    speed = counted(n) * np.abs(np.fft.rfft(moved, norm="forward")) ** 2
    total, whole = change.sum(axis=1), speed.sum(axis=1)
    # what rounding may have made of moved and, with the target's, of between
    size = ROUNDING * rounding_of(outputs) * cutoff
    doubt = size * (np.abs(trajectory[:-1]) + np.abs(trajectory[1:]))
    doubts = doubt + 2 * size * np.abs(target)
    unsure = _norm(root * doubt) * _norm(root * between)
    unsure += _norm(root * doubts) * _norm(root * moved)
    divisor = np.where(np.abs(total) > unsure, total, np.nan)[:, None]
    whole = np.where(_norm(moved) > _norm(doubt), whole, np.nan)[:, None]
    with np.errstate(over="ignore"):
        loss_change = np.ldexp(total, 2 * unit)
    return Changes(
        eta=scales.eta,
        loss_ratio=np.abs(above(change, scales.first) / divisor),
        low_loss_ratio=np.abs(below(change, scales.first) / divisor),
        output_ratio=np.sqrt(above(speed, scales.first) / whole),
        low_output_ratio=np.sqrt(below(speed, scales.first) / whole),
        loss_change=loss_change,
    )


def _norm(values: Float[np.ndarray, "C n"]) -> Float[np.ndarray, " C"]:
    return np.sqrt(np.mean(values**2, axis=1))

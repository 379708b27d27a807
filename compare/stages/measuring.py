"""Ratios, constants and bounds of all three stages along one trajectory."""

import warnings

import numpy as np
from jaxtyping import Float

from compare.stages import bounds
from compare.stages.bounds import Bound, Scales
from compare.stages.intermediate import Intermediate, intermediate
from compare.stages.rates import Rates, above, below, flow_of, rates_of
from compare.stages.records import Dissipation, Stages
from compare.stages.setting import Setting, Weight, frequencies, setting_of
from compare.stages.windows import find_windows, given_windows, integrals
from lfp import _checks as check
from lfp._checks import ArrayLike, Number
from lfp.losses import Loss


def measure(
    x: ArrayLike,
    y: ArrayLike,
    outputs: ArrayLike,
    kernel: ArrayLike,
    ts: ArrayLike,
    *,
    loss: str | Number | Loss = "mse",
    m: ArrayLike = (1, 2, 3),
    chi: ArrayLike | Weight | None = None,
    rho: ArrayLike | Weight | None = None,
    period: Number | None = None,
    eta: ArrayLike | None = None,
    share: Number = 0.5,
    windows: ArrayLike | None = None,
    smoothness: Number | None = None,
) -> Stages:
    """Both ratios at every time, and the constants and bounds of Theorems 1, 2 and 3.

    Derivatives come from the kernel at that instant, not from differences of the outputs: at each
    time they are those of the gradient flow from there, of the loss with the weights rho and the
    cut-off chi, whatever moved the parameters. Every gradient in the theorems is a quadratic form
    of the kernel, `|grad q_k|^2 = v_k^T K v_k`, so no Jacobian is needed. The discrete transform
    makes `L = sum_k q_k` exact and each step of the proofs an exact inequality; a supremum over
    time is over ts.

    Args:
        x: a uniform grid over one period, `(n,)` or `(n, 1)`.
        y: values of the target, `(n,)`.
        outputs: h at the grid at the times, `(T, n)`.
        kernel: its tangent kernel at the grid, `(n, n)` if it does not change (LFP, NTK,
            linearised network), `(T, n, n)` if it does (`run.kernels(x)`). Rounding in its
            entries, 1e-16 or 1e-7 of the largest, leaves the gradients of small frequencies
            uncertain by the root of that: use 64-bit kernels.
        ts: times, in ascending order, in this package's convention.
        loss: "mse", a number p >= 2, a word or a record, as in `lfp.solve`.
        m: powers of the bounds, `(M,)`, at least 0.
        chi: cut-off, as values `(n,)` or a function of x (`compare.stages.bump`): `u = chi (h - f)`
            everywhere; 1 if None.
        rho: density of the samples up to a factor, as values or a function
            (`compare.stages.density`): it is scaled to mean 1; 1 if None.
        period: P, n times the step; only checked.
        eta: frequencies, in ascending order, cycles per unit of x, above 0 and at most n/(2P);
            those of the grid, k/P for k = 1 .. n // 2, if None.
        share: to which the loss falls within a window of Theorem 2 (Remark 6), between 0 and 1.
        windows: `(W, 2)`, times from ts; if None, one after the other, each to the first time at
            which the loss has fallen that far, none if it never does.
        smoothness: k of Assumption 1, 1 for ReLU, infinite for tanh: how many derivatives the
            activation, the target, chi and the root of rho have. The theorems admit m up to
            2k - 1 (the loss ratio in the initial stage) or k - 1 (else).

    Returns:
        A `Stages`.

    Raises:
        ValueError: a grid that is not uniform, shapes that do not match, a kernel that is not
            symmetric and positive, a gradient of zero, an eta off the grid, a window without the
            fall it needs, a loss that breaks Assumption 5, other numbers out of range.
        TypeError: what is not a number, a weight or a loss.

    Warns:
        UserWarning: m beyond what the theorems admit for that smoothness; a loss whose fall over a
            window is not the integral of its rate. Both are computed all the same.

    Source: Luo, Ma, Xu, Zhang 2019, sections 3 and 4.
    """
    setting = setting_of(x, y, outputs, kernel, ts, loss=loss, chi=chi, rho=rho, period=period)
    scales = Scales(setting.xi, frequencies(eta, setting.xi), _powers(m))
    share = check.number("share", share, allowed="between 0 and 1", valid=lambda v: 0 < v < 1)
    if smoothness is not None:
        _warn_powers(smoothness, scales.m, setting.squared)
    velocity, slope = flow_of(setting)
    one = np.ones_like(setting.rho)
    plain = rates_of(setting, velocity, slope, one)
    weighted = plain
    if setting.squared and not np.array_equal(setting.rho, one):
        weighted = rates_of(setting, velocity, slope, np.sqrt(setting.rho))
    norm = np.sqrt((setting.rho * setting.slope**2).mean(axis=1))
    output_ratio, low_output_ratio = _output_ratios(scales, plain)
    first_output, last_output = bounds.of_output(
        scales, plain, output_ratio, slope, norm * np.sqrt(setting.rho.max())
    )
    change = -2 * slope**2 if setting.squared else plain.rate.sum(axis=1)
    high, low = _loss_rates(scales, weighted, change)
    first, last, dissipation = first_output, last_output, None
    if setting.squared:
        first = bounds.of_loss_initial(scales, weighted, np.abs(high), slope)
        last = bounds.of_loss_final(scales, weighted, np.abs(high), slope)
        dissipation = _dissipation(low, first, scales.m)
    return Stages(
        eta=scales.eta,
        m=scales.m,
        ts=setting.ts,
        loss_ratio=np.abs(high),
        low_loss_ratio=np.abs(low),
        output_ratio=output_ratio,
        low_output_ratio=low_output_ratio,
        initial=first,
        intermediate=_intermediate(setting, scales, plain, slope, share, windows),
        final=last,
        initial_output=first_output,
        final_output=last_output,
        dissipation=dissipation,
        rayleigh=(slope / norm) ** 2,
    )


def _intermediate(
    setting: Setting,
    scales: Scales,
    rates: Rates,
    slope: np.ndarray,
    share: float,
    windows: ArrayLike | None,
) -> Intermediate:
    energy = rates.power.sum(axis=1)
    if windows is None:
        found = find_windows(energy, setting.ts, share)
    else:
        found = given_windows(windows, energy, setting.ts, share)
    parts = [integrals(setting, scales, rates, slope, window) for window in found]
    ends = setting.ts[np.array(found, dtype=int).reshape(-1, 2)]
    return intermediate(scales, parts, ends, share)


def _output_ratios(scales: Scales, rates: Rates) -> tuple[np.ndarray, np.ndarray]:
    whole = rates.speed.sum(axis=1)[:, None]
    high = above(rates.speed, scales.first)
    return np.sqrt(high / whole), np.sqrt(below(rates.speed, scales.first) / whole)


def _loss_rates(
    scales: Scales, rates: Rates, change: Float[np.ndarray, " T"]
) -> tuple[np.ndarray, np.ndarray]:
    """`dL_eta^+/dt` and `dL_eta^-/dt` over `|dL/dt|`."""
    size = np.abs(change)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):  # L of another loss may stand still
        high = above(rates.rate, scales.first) / size
        return high, below(rates.rate, scales.first) / size


def _dissipation(low: np.ndarray, bound: Bound, m: np.ndarray) -> Dissipation:
    since = np.full(len(m), np.inf)
    since[m > 0] = bound.constant[m > 0] ** (1 / m[m > 0])
    return Dissipation(rate=low, bound=bound.bound - 1, since=since)


def _powers(m: ArrayLike) -> np.ndarray:
    values = np.atleast_1d(check.real_array("m", m, ndim=(0, 1)))
    if values.min() < 0:
        raise ValueError(f"m must not be negative, got {values.min():.6g}")
    return values


def _warn_powers(smoothness: Number, m: np.ndarray, squared: bool) -> None:
    """Warn of each theorem that does not admit some m."""
    if isinstance(smoothness, bool) or not isinstance(smoothness, check.Number):
        raise TypeError(f"smoothness must be a number, got {smoothness!r}")
    k = float(smoothness)
    if not k >= 1:
        raise ValueError(f"smoothness must be at least 1, got {smoothness!r}")
    limits = {"Theorem 1 of the loss ratio": 2 * k - 1} if squared else {}
    for name, largest in {**limits, "the other statements": k - 1}.items():
        beyond = m[(m < 1) | (m > largest)]
        if len(beyond):
            admitted = f"m from 1 to {largest:g}" if largest >= 1 else "no m at all"
            warnings.warn(
                f"for smoothness k = {k:g}, {name} admit{'s' * name.startswith('T')} {admitted}, "
                f"got m = {', '.join(f'{value:g}' for value in beyond)}: finite on one grid, these "
                "constants may grow without limit as it is refined",
                UserWarning,
                stacklevel=3,
            )

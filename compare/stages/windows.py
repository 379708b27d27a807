"""Windows of time over which the loss falls to a share of itself, and integrals over them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from compare.stages.bounds import Scales, norms
from compare.stages.rates import Rates, above, below
from compare.stages.setting import Setting
from lfp import _checks as check
from lfp._checks import ArrayLike


def find_windows(
    energy: Float[np.ndarray, " T"], ts: Float[np.ndarray, " T"], share: float
) -> list[tuple[int, int]]:
    """Windows one after the other, each from T1 to the first T2 with `L(T2) <= share L(T1)`.

    Returns:
        Indices of recordings.
    """
    found, start = [], 0
    while start < len(energy) - 1:
        later = np.flatnonzero((energy <= share * energy[start]) & (ts > ts[start]))
        if len(later):
            found.append((start, int(later[0])))
            start = int(later[0])
        else:
            start += 1
    return found


def given_windows(
    windows: ArrayLike, energy: Float[np.ndarray, " T"], ts: Float[np.ndarray, " T"], share: float
) -> list[tuple[int, int]]:
    """The user's windows `(W, 2)` as indices of recordings, checked."""
    times = check.real_array("windows", windows, ndim=(2,))
    if times.shape[1] != 2:
        raise ValueError(f"windows must have shape (W, 2), got {times.shape}")
    found = []
    for first, last in times:
        if first >= last:
            raise ValueError(f"windows must have T1 < T2, got {first:.6g} and {last:.6g}")
        start, stop = (int(np.argmin(np.abs(ts - time))) for time in (first, last))
        for i, time in ((start, first), (stop, last)):
            if abs(ts[i] - time) > 1e-9 * abs(time):
                raise ValueError(
                    f"windows must begin and end at recordings, got {time:.9g}; the nearest of ts "
                    f"is {ts[i]:.9g}"
                )
        if energy[stop] > share * energy[start]:
            raise ValueError(
                f"windows must be long enough for the loss to fall to {share:g} of itself, got "
                f"{energy[stop] / energy[start]:.4g} from t = {first:.6g} to {last:.6g}"
            )
        found.append((start, stop))
    return found


@dataclass(frozen=True)
class Integrals:
    """Trapezoidal sums over the recordings of one window, and what they are compared with.

    Attributes:
        span: `T2 - T1`.
        energy, energy_fall: L(T1) and `L(T1) - L(T2)`; monotone: whether `L <= L(T1)` throughout.
        loss, loss_fall: the same of `L~`.
        squares: of `|grad L~|^2`; squares_error: how far from loss_fall, interval by interval.
        path: of `|grad L~|`.
        mixed: of `|grad L~| L^(1/2)`.
        content: of L.
        total: of `|dL/dt|`, no less than the variation of L.
        high, low: of `|dL_eta^+/dt|` and `|dL_eta^-/dt|`, `(F,)`.
        gradients: of `|grad L~| sum_{|xi| >= eta} |grad q|`, `(F,)`.
        outputs: of `2 |grad L~| ||grad h^||_{|xi| >= eta} L^(1/2)`, `(F,)`.
        total_error, high_error, low_error: of total, high and low.
        high_change: `|L_eta^+(T1) - L_eta^+(T2)|`, `(F,)`.
        norm, scaled_norm: largest `|| <.>^m grad h^ ||` of the window, `(M,)`, and with `|xi|^m`.
        root: largest `L^(1/2) / |grad L~|`.
    """

    span: float
    energy: float
    energy_fall: float
    monotone: bool
    loss: float
    loss_fall: float
    squares: float
    squares_error: float
    path: float
    mixed: float
    content: float
    total: float
    total_error: float
    high: np.ndarray
    high_error: np.ndarray | np.floating
    low: np.ndarray
    low_error: np.ndarray | np.floating
    high_change: np.ndarray
    gradients: np.ndarray
    outputs: np.ndarray
    norm: np.ndarray
    scaled_norm: np.ndarray
    root: float


def integrals(
    setting: Setting,
    scales: Scales,
    rates: Rates,
    slope: Float[np.ndarray, " T"],
    window: tuple[int, int],
) -> Integrals:
    """Everything that Theorem 2 asks of the recordings from one index to another, both included."""
    here = slice(window[0], window[1] + 1)
    rates = Rates(**{name: values[here] for name, values in vars(rates).items()})
    slope, loss, ts = slope[here], setting.loss[here], setting.ts[here]
    steps = np.diff(ts)
    weights = (np.append(steps, 0.0) + np.insert(steps, 0, 0.0)) / 2
    energy = rates.power.sum(axis=1)
    high_rate = above(rates.rate, scales.first)
    high_energy = above(rates.power, scales.first)
    low_rate = below(rates.rate, scales.first)
    sensitivity = np.sqrt(above(rates.sensitivity, scales.first))
    total_rate = rates.rate.sum(axis=1)
    root = np.sqrt(energy)
    return Integrals(
        span=float(ts[-1] - ts[0]),
        energy=float(energy[0]),
        energy_fall=float(energy[0] - energy[-1]),
        monotone=bool(energy.max() <= energy[0]),
        loss=float(loss[0]),
        loss_fall=float(loss[0] - loss[-1]),
        squares=float(weights @ slope**2),
        squares_error=float(missed(-(slope**2), loss, steps)),
        path=float(weights @ slope),
        mixed=float(weights @ (slope * root)),
        content=float(weights @ energy),
        total=float(max(weights @ np.abs(total_rate), np.abs(np.diff(energy)).sum())),
        total_error=float(missed(total_rate, energy, steps)),
        high=weights @ np.abs(high_rate),
        high_error=missed(high_rate, high_energy, steps),
        low=weights @ np.abs(low_rate),
        low_error=missed(low_rate, below(rates.power, scales.first), steps),
        high_change=np.abs(high_energy[0] - high_energy[-1]),
        gradients=weights @ (slope[:, None] * above(rates.gradient, scales.first)),
        outputs=weights @ (2 * (slope * root)[:, None] * sensitivity),
        norm=norms(scales, rates).max(axis=0),
        scaled_norm=norms(scales, rates, scaled=True).max(axis=0),
        root=float((root / slope).max()),
    )


def missed(rate: np.ndarray, values: np.ndarray, steps: np.ndarray) -> np.ndarray | np.floating:
    """Error of the trapezoidal sum of `|rate|`, where rate is the derivative of values.

    Interval by interval, what the sum of the rate itself misses of the change of the values, and,
    where the rate changes sign, what the sum of the absolute value of a straight line misses.
    """
    steps = steps.reshape(-1, *[1] * (rate.ndim - 1))
    first, last = rate[:-1], rate[1:]
    lost = np.abs(steps * (first + last) / 2 - np.diff(values, axis=0))
    crosses = first * last < 0
    size = np.where(crosses, np.abs(first) + np.abs(last), 1.0)
    corner = np.where(crosses, np.abs(first) * np.abs(last) / size, 0.0)
    return (lost + steps * corner).sum(axis=0)

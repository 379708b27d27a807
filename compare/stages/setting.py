"""What the theorems are about: a uniform grid, a trajectory on it, its kernel and its loss."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lfp import _checks as check
from lfp._checks import ArrayLike, Number
from lfp.losses import Loss, as_loss

UNIFORM = 1e-6  # how far a step of the grid may be from the mean step, relative to it
Weight = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Setting:
    """A trajectory in the theorems' terms, `u = chi (h - f)`, in the time of `ts`.

    The flow is `theta' = -grad L~`, `L~ = (1/n) sum_j rho_j l(u_j)`, with `l(u) = u^2/2` for
    "mse": this is the time of the whole package. The theorems' own L for the squared error is
    twice that L~.

    Attributes:
        xi: frequencies k/P, k = 0 .. n // 2, in cycles per unit of x.
        ts: times.
        residual: u.
        slope, loss: l'(u), and L~ at every time.
        kernel: tangent kernel of h, one for all times if it is fixed.
        chi, rho: at the grid, rho of mean 1.
        squared: whether the loss is "mse".
        rounding: relative error of the kernel's entries.
    """

    xi: Float[np.ndarray, " K"]
    ts: Float[np.ndarray, " T"]
    residual: Float[np.ndarray, "T n"]
    slope: Float[np.ndarray, "T n"]
    loss: Float[np.ndarray, " T"]
    kernel: Float[np.ndarray, "S n n"]
    chi: Float[np.ndarray, " n"]
    rho: Float[np.ndarray, " n"]
    squared: bool
    rounding: float


def setting_of(
    x: ArrayLike,
    y: ArrayLike,
    outputs: ArrayLike,
    kernel: ArrayLike,
    ts: ArrayLike,
    *,
    loss: str | Number | Loss,
    chi: ArrayLike | Weight | None,
    rho: ArrayLike | Weight | None,
    period: Number | None,
) -> Setting:
    """The checked input of `compare.stages.measure`."""
    grid, period = uniform_grid(x, period)
    n = len(grid)
    times = check.time_points("ts", ts)
    target = check.real_array("y", y, ndim=(1,))
    trajectory = check.real_array("outputs", outputs, ndim=(2,))
    if target.shape != (n,):
        raise ValueError(f"y must have shape ({n},) like x, got {target.shape}")
    if trajectory.shape != (len(times), n):
        raise ValueError(
            f"outputs must have shape ({len(times)}, {n}), times by samples, got {trajectory.shape}"
        )
    cutoff = weight_of("chi", chi, grid)
    residual = cutoff * (trajectory - target)
    record = as_loss(loss, residual)
    (least,) = record.value(np.zeros(1))
    if least != 0:
        raise ValueError(
            f"loss.value must be 0 at the residual 0 (Assumption 5), got {least:.6g}: subtract it"
        )
    weights = weight_of("rho", rho, grid)
    weights = weights / weights.mean()
    return Setting(
        xi=np.arange(n // 2 + 1) / period,
        ts=times,
        residual=residual,
        slope=record.slope(residual),
        loss=(weights * record.value(residual)).mean(axis=1),
        kernel=kernels_of(kernel, len(times), n),
        chi=cutoff,
        rho=weights,
        squared=not isinstance(loss, Loss) and loss in ("mse", 2),
        rounding=rounding_of(kernel),
    )


def uniform_grid(x: ArrayLike, period: Number | None) -> tuple[np.ndarray, float]:
    """A grid `(n,)` and its period `n dx`."""
    points = check.points("x", x)
    if points.shape[1] != 1:
        raise ValueError(f"x must be one-dimensional, got shape {points.shape}")
    grid = points[:, 0]
    if len(grid) < 2 or grid[0] >= grid[-1]:
        raise ValueError("x must be a uniform grid of at least 2 points, in increasing order")
    steps = np.diff(grid)
    spacing = (grid[-1] - grid[0]) / (len(grid) - 1)
    i = int(np.argmax(np.abs(steps - spacing)))
    if abs(steps[i] - spacing) > UNIFORM * spacing:
        raise ValueError(
            "x must be a uniform grid in increasing order, since the theorems rest on Plancherel's "
            f"identity, got steps between {steps.min():.6g} and {steps.max():.6g}; "
            "compare.spectra.spectrum and compare.spectra.relative_error take any samples"
        )
    whole = float(spacing * len(grid))
    if period is None:
        return grid, whole
    given = check.positive("period", period)
    if abs(given - whole) > UNIFORM * whole:
        raise ValueError(
            f"period must be n times the step of x, {whole:.9g}: the grid covers one period with "
            f"one of its ends; got {given:.9g}"
        )
    return grid, given


def frequencies(eta: ArrayLike | None, xi: Float[np.ndarray, " K"]) -> Float[np.ndarray, " F"]:
    """The frequencies asked for, checked; those of the grid but 0 for None."""
    if eta is None:
        return xi[1:]
    values = check.real_array("eta", eta, ndim=(1,))
    largest = xi[-1] * (1 + 1e-12)
    off = (values <= 0) | (values > largest)
    if off.any():
        raise ValueError(
            f"eta must be above 0 and at most {xi[-1]:.6g} cycles per unit of x, the largest "
            f"frequency of the grid, got {values[off][0]:.6g}"
        )
    if (np.diff(values) <= 0).any():
        raise ValueError(f"eta must ascend, got {values.tolist()}")
    return values


def weight_of(name: str, value: ArrayLike | Weight | None, grid: np.ndarray) -> np.ndarray:
    """Values `(n,)` at the grid of a weight given by its values or as a function; None is 1."""
    if value is None:
        return np.ones_like(grid)
    values = check.real_array(name, value(grid.copy()) if callable(value) else value, ndim=(1,))
    if values.shape != grid.shape:
        raise ValueError(f"{name} must have shape {grid.shape} like x, got {values.shape}")
    if values.min() < 0 or values.max() == 0:
        raise ValueError(
            f"{name} must not be negative, nor 0 everywhere, got values from {values.min():.6g} to "
            f"{values.max():.6g}"
        )
    return values


def rounding_of(kernel: ArrayLike) -> float:
    """Relative error of the entries, by their dtype."""
    kind = np.asarray(kernel).dtype
    return float(np.finfo(kind if kind.kind == "f" else np.float64).eps)


def kernels_of(kernel: ArrayLike, times: int, n: int) -> Float[np.ndarray, "S n n"]:
    """`(1, n, n)` or `(T, n, n)`, checked."""
    array = check.real_array("kernel", kernel, ndim=(2, 3))
    if array.shape not in ((n, n), (times, n, n)):
        raise ValueError(
            f"kernel must have shape ({n}, {n}), or ({times}, {n}, {n}) along the times, "
            f"got {array.shape}"
        )
    array = array.reshape(-1, n, n)
    allowed = 100 * n * rounding_of(kernel)
    for one in array:  # time by time: no second array of that size
        skew = np.abs(one - one.T).max()
        if skew > allowed * np.abs(one).max():
            raise ValueError(f"kernel must be symmetric, got entries that differ by {skew:.6g}")
    return array

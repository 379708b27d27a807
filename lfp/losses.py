"""Losses of the residual, one spelling everywhere, and the check of a user's own."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lfp import _checks as check

Elementwise = Callable[[np.ndarray], np.ndarray]

WORDS = ("mse", "logistic", "huber")
POINTS = np.geomspace(1e-3, 2.0, 80)  # of the check, in units of the largest residual
TOLERANCE = 0.01  # of the check: quadrature across a kink of the slope costs 0.3 %


@dataclass(frozen=True)
class Loss:
    """A loss `L = (1/n) sum_i l(h(x_i) - y_i)` by elementwise functions of the residual.

    l must have one minimum, at 0, and a continuous slope that vanishes there at least linearly.
    It need not be convex nor even, and a constant in `value` moves nothing.

    Attributes:
        value: l, from residuals of any shape to the same shape.
        slope: l'.
        curvature: l'', which only speeds up the integrator; None for central differences of
            `slope`.

    Source: the class is that of Luo, Ma, Xu, Zhang 2019, Assumption 5, with kinks allowed in l'.
    """

    value: Elementwise
    slope: Elementwise
    curvature: Elementwise | None = None


def as_loss(loss: object, residual: np.ndarray) -> Loss:
    """The record of a loss in any spelling, `r = h - y` being the residual of one sample::

        "mse"          l(r) = r^2/2
        a number p     l(r) = |r|^p/p, p >= 2; 2 is "mse"
        "logistic"     l(r) = log cosh r
        "huber"        l(r) = r^2/2 up to |r| = 1, |r| - 1/2 beyond
        a Loss         checked for consistency

    "logistic" is the loss of robust regression (half the negative log-likelihood of a logistic
    error of scale 1/2, `l''(0) = 1`), not that of classification.

    Args:
        loss: one of the above.
        residual: `h_ini - y` of any shape; a record is checked on residuals of either sign up
            to twice the largest. Its slope may have kinks.

    Raises:
        ValueError: a number below 2; an unknown word; a loss that is not finite on these
            residuals; a record whose functions contradict each other or whose only minimum
            is not at 0.
        TypeError: another kind of object, or a record of something else than functions.

    Source: P. J. Huber, Robust estimation of a location parameter, Ann. Math. Stat. 35, 1964.
    """
    largest = float(np.abs(residual).max()) or 1.0
    if isinstance(loss, Loss):
        _check_record(loss, largest)
        return loss
    if isinstance(loss, str):
        loss = check.choice("loss", loss, WORDS)
        result = {"mse": _power(2.0), "logistic": LOGISTIC, "huber": HUBER}[loss]
    elif isinstance(loss, check.Number) and not isinstance(loss, bool):
        allowed = "at least 2: below, its slope is not Lipschitz at 0"
        result = _power(check.number("loss", loss, allowed=allowed, valid=lambda p: p >= 2))
    else:
        words = ", ".join(map(repr, WORDS))
        raise TypeError(f"loss must be {words}, a number or a Loss, got {loss!r}")
    _evaluate("value", result.value, np.array([2 * largest]))
    return result


def curvature_of(loss: Loss, scale: float) -> Elementwise:
    """l'', or central differences of l' with a step of 1e-5 of `|r|`, at least 1e-8 of `scale`."""
    if loss.curvature is not None:
        return loss.curvature

    def differences(residual: np.ndarray) -> np.ndarray:
        step = 1e-5 * np.maximum(np.abs(residual), 1e-3 * scale)
        return (loss.slope(residual + step) - loss.slope(residual - step)) / (2 * step)

    return differences


def _power(p: float) -> Loss:
    if p == 2:
        return Loss(lambda r: r**2 / 2, lambda r: r.copy(), np.ones_like)
    return Loss(
        lambda r: np.abs(r) ** p / p,
        lambda r: np.sign(r) * np.abs(r) ** (p - 1),
        lambda r: (p - 1) * np.abs(r) ** (p - 2),
    )


def _log_cosh(r: np.ndarray) -> np.ndarray:
    # neither overflows for large residuals nor loses digits for small ones
    size = np.abs(r)
    small = np.log1p(2 * np.sinh(np.minimum(size, 1.0) / 2) ** 2)
    return np.where(size < 1, small, size + np.log1p(np.exp(-2 * size)) - np.log(2))


def _sech_squared(r: np.ndarray) -> np.ndarray:
    decay = np.exp(-2 * np.abs(r))
    return 4 * decay / (1 + decay) ** 2


def _huber(r: np.ndarray) -> np.ndarray:
    size = np.abs(r)
    inner = np.minimum(size, 1.0)
    return inner * (size - inner / 2)


LOGISTIC = Loss(_log_cosh, np.tanh, _sech_squared)
HUBER = Loss(_huber, lambda r: np.clip(r, -1.0, 1.0), lambda r: np.where(np.abs(r) <= 1, 1.0, 0.0))


def _check_record(loss: Loss, largest: float) -> None:
    """Raise unless the functions are finite and consistent up to twice the residual `largest`."""
    for name, function in vars(loss).items():
        if not (callable(function) or (name == "curvature" and function is None)):
            raise TypeError(f"loss.{name} must be a function of the residual, got {function!r}")
    for side in (-largest, largest):
        grid = side * POINTS
        slopes = _evaluate("slope", loss.slope, grid)
        (at_zero,) = _evaluate("slope", loss.slope, np.zeros(1))
        if abs(at_zero) > 1e-12 * np.abs(slopes).max():
            raise ValueError(f"loss.slope must be 0 at the residual 0, got {at_zero:.6g}")
        wrong = np.sign(slopes) != np.sign(side)
        if wrong.any():
            i = int(np.argmax(wrong))
            raise ValueError(
                f"loss.slope must have the sign of the residual (one minimum, at 0), got "
                f"{slopes[i]:.6g} at the residual {grid[i]:.6g}"
            )
        near = side * np.array([1e-10, 1e-9])
        first, second = _evaluate("slope", loss.slope, near)
        if abs(second) < 5 * abs(first):  # 10 if linear, 3.2 for |r|^(3/2), 1 for |r|
            raise ValueError(
                f"loss.slope must vanish at 0 at least linearly, got {first:.6g} and "
                f"{second:.6g} at the residuals {near[0]:.3g} and {near[1]:.3g}"
            )
        _check_continuous(loss.slope, grid)
        _check_derivative("value", loss.value, "slope", loss.slope, grid)
        if loss.curvature is not None:
            _check_derivative("slope", loss.slope, "curvature", loss.curvature, grid)


def _check_continuous(slope: Elementwise, grid: np.ndarray) -> None:
    """Raise if bisecting every interval for the largest change of the slope ends at a jump."""
    left, right = grid[:-1], grid[1:]
    low, high = _evaluate("slope", slope, left), _evaluate("slope", slope, right)
    for _ in range(40):
        middle = (left + right) / 2
        value = _evaluate("slope", slope, middle)
        first = np.abs(value - low) > np.abs(high - value)
        left, right = np.where(first, left, middle), np.where(first, middle, right)
        low, high = np.where(first, low, value), np.where(first, value, high)
    jump = np.abs(high - low) > 1e-6 * np.maximum(np.abs(low), np.abs(high))
    if jump.any():
        i = int(np.argmax(jump))
        raise ValueError(
            f"loss.slope must be continuous, got a jump from {low[i]:.6g} to {high[i]:.6g} at "
            f"the residual {left[i]:.6g}"
        )


def _check_derivative(
    name: str, function: Elementwise, derivative: str, slope: Elementwise, grid: np.ndarray
) -> None:
    """Raise unless differences of `function` along the grid are integrals of `slope`.

    Gauss quadrature with five nodes; an interval that disagrees alone holds a kink or, of the
    curvature, a jump.
    """
    nodes, weights = np.polynomial.legendre.leggauss(5)
    middle, half = (grid[1:] + grid[:-1]) / 2, np.diff(grid) / 2
    at_nodes = _evaluate(derivative, slope, (middle[:, None] + half[:, None] * nodes).ravel())
    at_nodes = at_nodes.reshape(-1, len(nodes))
    integral, size = at_nodes @ weights / 2, np.abs(at_nodes) @ weights / 2
    values = _evaluate(name, function, grid)
    quotient = np.diff(values) / (2 * half)
    rounding = 8 * np.finfo(float).eps * np.maximum(np.abs(values[1:]), np.abs(values[:-1]))
    bad = np.abs(quotient - integral) > TOLERANCE * size + rounding / np.abs(half)
    twice = bad[1:] & bad[:-1]
    if twice.any():
        i = int(np.argmax(twice))
        raise ValueError(
            f"loss.{derivative} must be the derivative of loss.{name}: its mean is "
            f"{integral[i]:.6g} around the residual {middle[i]:.6g}, where loss.{name} changes "
            f"by {quotient[i]:.6g} per unit"
        )


def _evaluate(name: str, function: Elementwise, residual: np.ndarray) -> np.ndarray:
    """Finite values of one of a loss's functions, in the shape of the residuals."""
    with np.errstate(all="ignore"):  # what is not finite is refused below
        values = np.asarray(function(residual))
    if values.dtype.kind not in "fiu":
        raise TypeError(f"loss.{name} must return real numbers, got dtype {values.dtype}")
    if values.shape != residual.shape:
        raise ValueError(
            f"loss.{name} must return the shape of its argument, {residual.shape}, "
            f"got {values.shape}"
        )
    finite = np.isfinite(values)
    if not finite.all():
        i = int(np.argmax(~finite))
        raise ValueError(
            f"loss.{name} must be finite, got {values[i]} at the residual {residual[i]:.6g}"
        )
    return values.astype(np.float64)

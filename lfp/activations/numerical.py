"""The record of an activation that is given as a function."""

from collections.abc import Callable

import numpy as np

from lfp.activations.closed import Activation, Function
from lfp.activations.piecewise import FINEST, Piecewise, autocorrelation, fit, graded

FARTHEST = 2.0**12
AFFINE = 1e-12
LARGEST_ERROR = 1e-3


def numerical(value: Callable) -> Activation:
    """The record of a function, by polynomials of degree 19 on panels.

    The panels of `sigma - asymptotes` are halved until rounding is reached. Transform and
    autocorrelations of an analytic sigma, and of one whose kinks are at multiples of 1/8, are
    good to about 1e-12 of its size, sigma' to 1e-11; a kink elsewhere leaves about 1e-8.

    Args:
        value: sigma, from an array `(n,)` to an array `(n,)`.

    Raises:
        TypeError: not a function.
        ValueError: wrong shape, complex or non-finite values for `|z|` <= 2^12; not affine
            there to 1e-12 (`z^2`, arctan, sine), so that no law exists; not continuous; so
            rough that the estimated error exceeds 1e-3.
    """
    name = getattr(value, "__name__", type(value).__name__)
    sigma = _evaluated(name, value)
    reach, left, right = _asymptotes(name, sigma)

    def rest(z: np.ndarray) -> np.ndarray:
        return sigma(z) - _affine(z, left, right)

    edges = np.append(-graded(reach)[:0:-1], graded(reach))
    size = float(np.abs(sigma(edges)).max())
    try:
        polynomials, difference = fit(rest, edges, size)
    except ValueError as failure:
        raise ValueError(f"activation {name} cannot be resolved: {failure}") from None
    error = difference / size if size > 0 else 0.0
    jump = _largest_jump(polynomials, left, right)
    if error > LARGEST_ERROR or jump > LARGEST_ERROR * size:
        raise ValueError(
            f"activation {name} cannot be resolved: relative error {error:.2g}, largest jump "
            f"{jump:.2g}; it must be continuous, with features wider than 1e-5"
        )
    slopes = polynomials.derivative()
    sides = (0.0, left[0]), (0.0, right[0])

    def transform(eta: np.ndarray) -> np.ndarray:
        factor = 2j * np.pi * eta
        outer = (right[1] - left[1]) / factor + (right[0] - left[0]) / factor**2
        return outer + polynomials.transform(eta)

    return Activation(
        name=name,
        value=sigma,
        slope=lambda z: slopes(z) + np.where(z < 0, left[0], right[0]),
        transform=transform,
        autocorrelation=autocorrelation(polynomials, left, right),
        slope_autocorrelation=autocorrelation(slopes, *sides),
        left=left,
        right=right,
        reach=reach,
        width=_width(polynomials.edges),
        error=error,
        edges=polynomials.edges,
    )


def _width(edges: np.ndarray) -> float:
    """Width of panels that resolve sigma, kinks apart, which no rule of ours resolves.

    What needs degree 19 is integrated by as many nodes on twice the width. Panels that shrink
    towards a kink are as wide as they are far from it; narrower ones belong to a feature, and
    so do two kinks close to each other.
    """
    widths = np.diff(edges)
    kinks = ((edges[:-1] + edges[1:]) / 2)[widths <= FINEST]
    if not kinks.size:
        return float(2 * widths.min())
    far = np.abs(edges[:, None] - kinks).min(axis=1)
    narrow = widths[np.minimum(far[:-1], far[1:]) > 1.5 * widths]
    between = np.diff(kinks)[np.diff(kinks) > 10 * FINEST]  # one kink may fill two panels
    return float(min(1.0, 2 * narrow.min(initial=np.inf), between.min(initial=np.inf)))


def _evaluated(name: str, function: Callable) -> Function:
    """The function with its result checked; overflows inside it are its own business."""

    def sigma(z: np.ndarray) -> np.ndarray:
        flat = np.ravel(z)
        with np.errstate(all="ignore"):
            try:
                values = np.asarray(function(flat))
            except TypeError as error:
                raise ValueError(f"activation {name} must accept an array (n,): {error}") from None
        if values.shape != flat.shape:
            raise ValueError(
                f"activation {name} must return the shape of its argument, {flat.shape}, got "
                f"{values.shape}"
            )
        if values.dtype.kind not in "fiub":
            raise ValueError(f"activation {name} must return real numbers, got {values.dtype}")
        if not np.isfinite(values).all():
            where = ~np.isfinite(values)
            raise ValueError(
                f"activation {name} must be finite, got {values[where][0]} at z = "
                f"{flat[where][0]:g}; np.logaddexp and scipy.special.expit do not overflow"
            )
        return values.astype(float).reshape(np.shape(z))

    return sigma


def _asymptotes(
    name: str, sigma: Function
) -> tuple[float, tuple[float, float], tuple[float, float]]:
    """The least power of two beyond which sigma is affine, with `(alpha, beta)` of both sides."""
    z = np.geomspace(1, FARTHEST, 64 * 12 + 1)
    reach, sides = 2.0, []
    for side in (-1, 1):
        values = sigma(side * z)
        alpha = (values[-1] - values[-65]) / (side * (z[-1] - z[-65]))
        beta = values[-1] - alpha * side * z[-1]
        # rounding of the values at the far end is not a slope, nor a constant
        alpha = 0.0 if abs(alpha * FARTHEST) < AFFINE * np.abs(values).max() else alpha
        rest = np.abs(values - alpha * side * z - beta) / (1 + np.abs(values))
        far = z[rest > AFFINE]
        if far.size and far[-1] > FARTHEST / 4:
            raise ValueError(
                f"activation {name} is a non-integrable law: it must become affine, to "
                f"{AFFINE:g} within |z| <= {FARTHEST:g}, but is off by {rest[far.size - 1]:.2g} "
                f"at z = {side * far[-1]:g} (a sine has its own name, 'sin')"
            )
        reach = max(reach, 2.0 ** np.ceil(np.log2(far[-1]) + 0.1) if far.size else reach)
        sides.append((float(alpha), float(beta)))
    return float(reach), sides[0], sides[1]


def _affine(z: np.ndarray, left: tuple[float, float], right: tuple[float, float]) -> np.ndarray:
    return np.where(z < 0, left[0] * z + left[1], right[0] * z + right[1])


def _largest_jump(rest: Piecewise, left: tuple[float, float], right: tuple[float, float]) -> float:
    """Of sigma itself: `rest` jumps at 0 where the asymptotes do."""
    steps = rest.jumps()
    zero = int(np.flatnonzero(rest.edges[1:-1] == 0)[0])
    steps[zero] += right[1] - left[1]
    return float(np.abs(steps).max())

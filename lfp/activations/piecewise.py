"""Functions of one variable as polynomials on panels.

How the law learns what it needs of an activation that it has no closed forms for.
"""

from collections.abc import Callable

import numpy as np
from numpy.polynomial import Polynomial, legendre
from scipy.special import spherical_jn

from lfp.quadrature import panels
from lfp.transforms import nudft

DEGREE = 19
FINEST = 2.0**-20  # panels are not halved below this width
MOST_PANELS = 4096
ROUNDING = 3e-15
NOISE = 1e-11  # a rest below it that halving does not reduce is taken for noise
FASTEST = 2048.0  # cycles of a wave over the reach that quadrature follows
_NODES = legendre.leggauss(DEGREE + 1)[0]
_TO_LEGENDRE = np.linalg.inv(legendre.legvander(_NODES, DEGREE))  # from values to coefficients
_BETWEEN = np.linspace(-0.97, 0.97, 12)


class Piecewise:
    """Legendre series on the panels between `edges`, a polynomial beyond them.

    Args:
        edges: `(P + 1,)`, sorted.
        coefficients: `(P, L)`.
        beyond: the polynomial; zero where left out.
    """

    def __init__(
        self, edges: np.ndarray, coefficients: np.ndarray, beyond: Polynomial | None = None
    ) -> None:
        self.edges, self.coefficients = edges, coefficients
        self.beyond = Polynomial([0.0]) if beyond is None else beyond

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Values at z, any shape; at an edge those of the panel to its right."""
        flat = np.ravel(z)
        panel = np.clip(np.searchsorted(self.edges, flat, "right") - 1, 0, len(self.edges) - 2)
        start, end = self.edges[panel], self.edges[panel + 1]
        local = np.clip((2 * flat - start - end) / (end - start), -1, 1)
        values = legendre.legval(local, self.coefficients.T[:, panel], tensor=False)
        outside = (flat < self.edges[0]) | (flat > self.edges[-1])
        values[outside] = self.beyond(flat[outside])
        return values.reshape(np.shape(z))

    def derivative(self) -> "Piecewise":
        """The derivative, panel by panel."""
        factor = 2 / np.diff(self.edges)[:, None]
        slopes = legendre.legder(self.coefficients, axis=1) * factor
        return Piecewise(self.edges, slopes, self.beyond.deriv())

    def transform(self, eta: np.ndarray) -> np.ndarray:
        """Fourier transform of the part between the edges, at any eta: by quadrature and
        FINUFFT up to `FASTEST / reach`, panel by panel beyond."""
        flat = np.ravel(eta).astype(float)
        slow = np.abs(flat) <= FASTEST / np.abs(self.edges).max()
        total = np.empty(flat.shape, dtype=complex)
        if slow.any():
            largest = np.abs(flat[slow]).max()
            z, weights = panels(self.edges, 1 / largest if largest > 0 else np.inf)
            total[slow] = len(z) * nudft(z, weights * self(z), flat[slow])
        if not slow.all():
            total[~slow] = self._transform_of_panels(flat[~slow])
        return total.reshape(np.shape(eta))

    def _transform_of_panels(self, eta: np.ndarray) -> np.ndarray:
        """A panel of centre m and width h contributes `h exp(-2 pi i eta m) sum_l (-i)^l c_l
        j_l(pi eta h)` with the spherical Bessel functions j_l."""
        widths, centres = np.diff(self.edges), (self.edges[:-1] + self.edges[1:]) / 2
        degrees = np.arange(self.coefficients.shape[1])[:, None]
        total = np.zeros(eta.shape, dtype=complex)
        for width in np.unique(widths):
            chosen = widths == width
            bessel = spherical_jn(degrees, np.pi * np.abs(eta) * width) * (-1j) ** degrees
            sums = width * (self.coefficients[chosen] @ bessel)
            sums = np.where(eta < 0, sums.conj(), sums)
            total += (sums * np.exp(-2j * np.pi * np.outer(centres[chosen], eta))).sum(axis=0)
        return total

    def jumps(self) -> np.ndarray:
        """Change of the value across each inner edge, and across the panels of least width."""
        start, end = legendre.legval(np.array([-1.0, 1.0]), self.coefficients.T).T
        finest = np.diff(self.edges) <= FINEST
        return np.append(start[1:] - end[:-1], (end - start)[finest])


def graded(reach: float) -> np.ndarray:
    """Edges 0, 1, 2, 4, ..., reach, a power of two."""
    return np.append([0.0], 2.0 ** np.arange(0, np.log2(reach) + 0.5))


def fit(
    function: Callable[[np.ndarray], np.ndarray], edges: np.ndarray, size: float
) -> tuple[Piecewise, float]:
    """Halve panels until a polynomial of degree 19 represents the function on each to rounding.

    A kink stays inside a panel of width `FINEST` unless it falls on an edge. `size` is the size
    of numbers that rounding is relative to.

    Returns:
        The polynomials, and their largest mean difference on a panel from the function at
        points between the nodes, weighted with the panel's width.

    Raises:
        ValueError: more than `MOST_PANELS` panels.
    """
    left, width = edges[:-1], np.diff(edges)
    before = np.full(len(left), np.inf)
    kept: list[tuple[np.ndarray, ...]] = []
    count = 0
    while len(left):
        nodes = left[:, None] + width[:, None] * (_NODES + 1) / 2
        values = function(nodes.ravel()).reshape(nodes.shape)
        coefficients = values @ _TO_LEGENDRE.T
        rest = np.abs(coefficients[:, -3:]).max(axis=1)
        local = np.abs(values).max(axis=1) + size
        good = (rest <= ROUNDING * local) | (width <= FINEST)
        good |= (rest <= NOISE * local) & (rest > 0.7 * before)
        kept.append((left[good], width[good], coefficients[good]))
        count += int(good.sum())
        left, width, before = left[~good], width[~good] / 2, np.tile(rest[~good], 2)
        left, width = np.concatenate([left, left + width]), np.tile(width, 2)
        if count + len(left) > MOST_PANELS:
            raise ValueError(f"it needs more than {MOST_PANELS} polynomials of degree {DEGREE}")
    left, width, coefficients = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    order = np.argsort(left)
    left, width, coefficients = left[order], width[order], coefficients[order]
    between = left[:, None] + width[:, None] * (_BETWEEN + 1) / 2
    difference = legendre.legval(_BETWEEN, coefficients.T) - function(between.ravel()).reshape(
        between.shape
    )
    error = float((width * np.abs(difference).mean(axis=1)).max())
    return Piecewise(np.append(left, left[-1] + width[-1]), coefficients), error


def autocorrelation(
    rest: Piecewise, left: tuple[float, float], right: tuple[float, float]
) -> Piecewise:
    """R(delta), delta >= 0, of `lfp.activations.Activation` for sigma = asymptote + rest.

    With the asymptote `a` of the side of s, `g = sigma - a` and `z = s -+ delta/2` the
    integrand is `a(z) g(z') + a(z') g(z) + g(z) g(z')`: nothing large cancels.
    """
    reach = max(-rest.edges[0], rest.edges[-1])

    def at(delta: float) -> float:
        ends = [rest.edges - delta / 2, rest.edges + delta / 2, [0.0]]
        s, weights = panels(np.unique(np.concatenate(ends)))
        slope, constant = np.where(s[:, None] < 0, left, right).T
        a, g = [], []
        for z in (s - delta / 2, s + delta / 2):
            own_slope, own_constant = np.where(z[:, None] < 0, left, right).T
            a.append(slope * z + constant)
            g.append(rest(z) + (own_slope - slope) * z + (own_constant - constant))
        return float(weights @ (a[0] * g[1] + a[1] * g[0] + g[0] * g[1]))

    def each(delta: np.ndarray) -> np.ndarray:
        return np.array([at(d) for d in delta])

    near = np.abs(each(np.array([0.0, 1.0]))).max()
    inner, _ = fit(each, graded(2 * reach), float(near))
    # beyond, the transitions of the two factors do not overlap any more: a polynomial
    degree = 3 if left[0] or right[0] else 1
    far = 2 * reach * np.linspace(1, 2, degree + 1)
    inner.beyond = Polynomial.fit(far, each(far), degree)
    return inner

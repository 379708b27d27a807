"""Interpolants in the limits in which scipy has them."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline, RBFInterpolator, make_smoothing_spline

import lfp

CUBIC, LINEAR = lfp.PowerLaw(4), lfp.PowerLaw(2)
RBF = {  # kernel of scipy, degree, alpha - d, phi(2)
    "linear": (0, 1, 2.0),
    "thin_plate_spline": (1, 2, 4 * np.log(2)),
    "cubic": (1, 3, 8.0),
}


def clusters(n):
    """n samples at distances from 1e-9 to 0.2, in geometric steps, from four centres."""
    steps = np.geomspace(1e-9, 0.2, n // 4)
    pairs = zip((-1.0, -0.3, 0.4, 1.0), (1, -1, 1, -1), strict=True)
    return np.sort(np.concatenate([centre + side * steps for centre, side in pairs]))


def uniform(n, d=None):
    rng = np.random.default_rng(0)
    return np.sort(rng.uniform(-1, 1, n)) if d is None else rng.uniform(-1, 1, (n, d))


POSITIONS = {"ten": uniform(10), "thousand": uniform(1000), "clustered": clusters(1000)}


def data(x):
    """A smooth output and, bounded by the gaps so that its slopes are, a random one `(n, 2)`."""
    walk = np.append(0, np.cumsum(np.random.default_rng(1).normal(size=len(x) - 1) * np.diff(x)))
    return np.column_stack([np.sin(3 * x) + 0.3 * np.cos(17 * x), walk])


def between(x, n=2001):
    return np.linspace(x[0], x[-1], n)


@pytest.mark.parametrize("x", POSITIONS.values(), ids=POSITIONS)
def test_power_four_is_the_natural_cubic_spline(x):
    y, at = data(x), between(x)
    spline = CubicSpline(x, y, bc_type="natural")
    h = lfp.interpolate(CUBIC, x, y)
    assert h.status.solver == "banded"
    np.testing.assert_allclose(h(at), spline(at), rtol=0, atol=1e-13)
    # beyond the samples it is the tangent, which scipy's goes on to bend away from
    tangent = spline(x[-1]) + spline(x[-1], 1) * 0.5
    np.testing.assert_allclose(h(x[-1:] + 0.5)[0], tangent, rtol=1e-11)
    # ||h||^2 = (2 pi)^-4 int h''^2, h'' being linear between samples
    second = spline(x, 2)
    left, right = second[:-1], second[1:]
    square = np.diff(x) @ (left**2 + left * right + right**2) / 3
    assert h.norm == pytest.approx(np.sqrt(square.sum()) / (2 * np.pi) ** 2, rel=1e-9)


@pytest.mark.parametrize("x", POSITIONS.values(), ids=POSITIONS)
def test_power_two_is_linear_interpolation_and_constant_beyond(x):
    y = data(x)
    at = np.concatenate([between(x), [-7.0, 7.0]])
    h = lfp.interpolate(LINEAR, x, y)
    expected = np.stack([np.interp(at, x, column) for column in y.T], axis=1)
    np.testing.assert_allclose(h(at), expected, rtol=0, atol=1e-14)
    # ||h||^2 = (2 pi)^-2 int h'^2
    square = np.sum(np.diff(y, axis=0) ** 2 / np.diff(x)[:, None])
    assert h.norm == pytest.approx(np.sqrt(square) / (2 * np.pi), rel=1e-13)


@pytest.mark.slow
def test_a_million_samples_are_the_natural_cubic_spline():
    x = np.sort(np.random.default_rng(2).uniform(-1, 1, 1_000_000))
    y, at = np.sin(50 * x), np.linspace(x[0], x[-1], 100_001)
    spline = CubicSpline(x, y, bc_type="natural")(at)
    np.testing.assert_allclose(lfp.interpolate(CUBIC, x, y)(at), spline, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 7.0])
@pytest.mark.parametrize("lam", [1e-8, 1e-4, 1e-1, 10.0])
@pytest.mark.parametrize("solver", ["banded", "dense"])
def test_power_four_with_a_ridge_is_the_smoothing_spline(solver, lam, scale):
    # sum (h - y)^2 + lam int h''^2 = sum (h - y)^2 + n ridge ||h||^2,
    # ||h||^2 = int |xi|^4 |h^|^2 / scale = int h''^2 / ((2 pi)^4 scale)
    x = np.linspace(-1, 1, 40) + 0.01 * uniform(40)
    y, at = data(x), between(x)
    ridge = lam * (2 * np.pi) ** 4 * scale / 40
    h = lfp.interpolate(lfp.PowerLaw(4, scale=scale), x, y, ridge=ridge, solver=solver)
    np.testing.assert_allclose(h(at), make_smoothing_spline(x, y, lam=lam)(at), atol=1e-9)


@pytest.mark.parametrize("solver", ["dense", "iterative"])
def test_the_torus_with_a_free_constant_has_the_periodic_cubic_spline(solver):
    x, period = np.array([-1.0, -0.75, -0.3, 0.05, 0.3, 0.8, 1.0]), 2.5
    y, at = np.array([0.3, -1.0, 0.6, 0.9, -0.2, 0.4, -0.8]), np.linspace(-1.1, 1.35, 301)
    closed = np.append(x, x[0] + period), np.append(y, y[0])
    spline = CubicSpline(*closed, bc_type="periodic")(at)
    errors = []
    for cutoff in (50, 100, 200, 800):
        lattice = lfp.Lattice(period, cutoff, "torus", "free")
        h = lfp.interpolate(CUBIC, x, y, space=lattice, solver=solver, rtol=1e-10)
        errors.append(np.abs(h(at) - spline).max())
    assert errors[-1] < 1e-7
    # what the cutoff leaves out is sum |k|^-4 beyond it
    np.testing.assert_allclose(np.diff(np.log2(errors[:3])), -3, atol=0.6)
    excluded = lfp.interpolate(CUBIC, x, y, space=lfp.Lattice(period, 100, "torus"), solver=solver)
    assert np.abs(excluded(at) - spline).max() > 1e-3


@pytest.mark.parametrize("smoothing", [0.0, 1e-3, 1.0])
@pytest.mark.parametrize("kernel", RBF)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_powers_are_the_polyharmonic_splines_of_scipy(d, kernel, smoothing):
    degree, exponent, at_two = RBF[kernel]
    law, x = lfp.PowerLaw(d + exponent, scale=0.7), uniform(60, d)
    # K = k_0 phi + polynomial, so that scipy's smoothing is n ridge in the unit of k_0
    unit = law.pieces(np.array([2.0]), d)[0][0] / at_two
    y = np.random.default_rng(1).normal(size=(60, 2))
    at = np.random.default_rng(2).uniform(-1.3, 1.3, (100, d))
    scipy = RBFInterpolator(x, y, kernel=kernel, degree=degree, smoothing=smoothing)
    h = lfp.interpolate(law, x, y, ridge=smoothing * abs(unit) / 60, solver="dense")
    expected = scipy(at)
    tolerance = 1e-9 if d > 1 or smoothing else 1e-7  # the condition number in d = 1 is 1e9
    np.testing.assert_allclose(h(at), expected, atol=tolerance * np.abs(expected).max())

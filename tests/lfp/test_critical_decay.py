"""The interpolant of a power law as the cutoff grows: trivial for alpha <= d, regular above.

Three points of the diagonal of a torus of period 1 with y = 1 and k = 0 at the rate 1; the value is
that between two of them. In d = 1 for cutoffs 10, 100, .., 1e5::

    alpha = 0.5   0.285  0.037  0.014  0.0044  0.0014     ~ N^(alpha - d)
    alpha = 1     0.463  0.241  0.175  0.136   0.112      ~ 1/log N
    alpha = 2     0.838  0.799  0.797  0.796   0.796
    alpha = 3     0.991  0.988  0.988  0.988   0.988

and in d = 2 for cutoffs 4, 16, 64, 256::

    alpha = 1     0.193  0.047  0.012  0.0029             ~ N^(alpha - d)
    alpha = 2     0.513  0.320  0.231  0.180              ~ 1/log N
    alpha = 3     0.810  0.734  0.716  0.712
"""

import itertools

import numpy as np
import pytest

import lfp

POINTS = np.array([0.25, 0.5, 0.75])
BETWEEN = np.array([0.375])
BELOW = [(0.5, 1), (1.0, 2)]
TIES = [(1.0, 1), (2.0, 2)]
ABOVE = [(2.0, 1), (3.0, 1), (3.0, 2)]
CUTOFFS = {1: (10, 100, 1_000, 10_000), 2: (4, 8, 16, 32)}
LARGE = {1: (1_000, 10_000, 100_000), 2: (64, 128, 256)}

trivial_by_intention = pytest.mark.filterwarnings("ignore:.*interpolant becomes trivial")


def interpolated(alpha, dim, cutoff):
    """The value between the points, by `interpolate`."""
    lattice = lfp.Lattice(1.0, cutoff, "torus", 1.0)
    x, at = (np.stack(dim * [p], axis=1) for p in (POINTS, BETWEEN))
    return lfp.interpolate(lfp.PowerLaw(alpha), x, np.ones(3), space=lattice)(at)[0]


def summed(alpha, dim, cutoff):
    """The same by explicit sums over k: `K(z) = 1 + sum_k |k|^-alpha cos(2 pi k.z)`."""
    k = np.array(list(itertools.product(range(-cutoff, cutoff + 1), repeat=dim)))
    size = np.linalg.norm(k, axis=1)
    rates = np.where(size == 0, 1.0, np.maximum(size, 1.0) ** -alpha)
    along = 2 * np.pi * k.sum(axis=1)  # k.z for z = (s, .., s)
    return solved(lambda s: rates @ np.cos(along * s))


def solved(kernel):
    """The value of the interpolant of 1 for a kernel of one difference."""
    columns = [[kernel(p - q) for q in POINTS] for p in (*POINTS, *BETWEEN)]
    return float(columns[3] @ np.linalg.solve(columns[:3], np.ones(3)))


@trivial_by_intention
@pytest.mark.parametrize(("alpha", "dim"), BELOW + TIES + ABOVE)
def test_interpolant_is_that_of_the_explicit_sum_at_every_cutoff(alpha, dim):
    for cutoff in CUTOFFS[dim]:
        expected = pytest.approx(summed(alpha, dim, cutoff), abs=1e-9)
        assert interpolated(alpha, dim, cutoff) == expected


@trivial_by_intention
@pytest.mark.parametrize(("alpha", "dim"), BELOW)
def test_below_the_critical_decay_the_value_vanishes_as_a_power_of_the_cutoff(alpha, dim):
    values = [interpolated(alpha, dim, cutoff) for cutoff in LARGE[dim]]
    slopes = np.diff(np.log(values)) / np.diff(np.log(LARGE[dim]))
    np.testing.assert_allclose(slopes, alpha - dim, atol=0.03)
    assert values[-1] < 0.003


@trivial_by_intention
@pytest.mark.parametrize(("alpha", "dim"), TIES)
def test_at_the_critical_decay_the_value_vanishes_as_one_over_the_logarithm(alpha, dim):
    inverse = [1 / interpolated(alpha, dim, cutoff) for cutoff in LARGE[dim]]
    rise = np.diff(inverse) / np.diff(np.log(LARGE[dim]))
    assert rise[0] > 0.5
    assert rise[1] == pytest.approx(rise[0], rel=0.01)


@pytest.mark.parametrize(("alpha", "dim"), ABOVE)
def test_above_the_critical_decay_the_value_converges(alpha, dim):
    values = [interpolated(alpha, dim, cutoff) for cutoff in (16, 32, 64, 128)]
    steps = -np.diff(values)
    # what is left out of K(0) is a sum of |k|^-alpha beyond the cutoff
    np.testing.assert_allclose(np.log2(steps[:-1] / steps[1:]), alpha - dim, atol=0.15)
    assert values[-1] > 0.7


@pytest.mark.parametrize(
    ("alpha", "kernel"),
    [
        (2.0, lambda s: 1 + 2 * np.pi**2 * (abs(s) ** 2 - abs(s) + 1 / 6)),
        (4.0, lambda s: 1 - 2 * np.pi**4 / 3 * (s**4 - 2 * abs(s) ** 3 + s**2 - 1 / 30)),
    ],
)
def test_limit_of_even_powers_is_the_interpolant_of_bernoulli_polynomials(alpha, kernel):
    # sum over k >= 1 of cos(2 pi k s)/k^2 and /k^4
    expected = solved(kernel)
    assert interpolated(alpha, 1, 10_000) == pytest.approx(expected, abs=1e-4)
    assert interpolated(alpha, 1, 100_000) == pytest.approx(expected, abs=1e-5)

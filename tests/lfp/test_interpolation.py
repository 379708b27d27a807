import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.interpolate import CubicSpline

import lfp

X = np.array([-1.0, -0.75, -0.3, 0.05, 0.3, 0.8, 1.0])
Y = np.array([0.3, -1.0, 0.6, 0.9, -0.2, 0.4, -0.8])
GRID = np.linspace(-1, 1, 301)


def cubic_error(sigma_a, sigma_w, x=X, grid=GRID):
    law = lfp.TwoLayer(sigma_a=sigma_a, sigma_w=sigma_w, sigma_b=1.0)
    spline = CubicSpline(x, Y, bc_type="natural")(grid)
    return np.abs(lfp.interpolate(law, x, Y)(grid) - spline).max()


def test_limit_with_the_cubic_power_dominant_is_the_natural_cubic_spline():
    assert cubic_error(1e-10, 1e-5) < 2e-5
    # the affine part is penalised by sigma_w^2/2 against sigma_w^3/(6 pi sigma_b): first order
    errors = [cubic_error(1e-12, sigma_w) for sigma_w in (1e-2, 1e-3, 1e-4)]
    slopes = np.diff(np.log10(errors)) / -1
    np.testing.assert_allclose(slopes, 1.0, atol=0.05)
    # and the linear power by (sigma_a / sigma_w)^2: second order
    errors = [cubic_error(sigma_a, 1e-7) for sigma_a in (1e-9, 1e-10, 1e-11)]
    slopes = np.diff(np.log10(errors)) / -1
    np.testing.assert_allclose(slopes, 2.0, atol=0.3)


def linear_error(scale):
    law = lfp.TwoLayer(sigma_a=1.0, sigma_w=1e-2, sigma_b=10.0)
    limit = lfp.interpolate(law, scale * X, Y)(scale * GRID)
    return np.abs(limit - np.interp(GRID, X, Y)).max()


def test_limit_with_the_linear_power_dominant_is_linear_interpolation_on_small_domains():
    errors = [linear_error(scale) for scale in (0.2, 0.1, 0.05)]
    assert errors[-1] < 3e-4
    slopes = np.diff(np.log(errors)) / np.log(0.5)
    np.testing.assert_allclose(slopes, 2.0, atol=0.1)


def test_factor_one_plus_product_leaves_a_piecewise_quadratic_on_a_wide_domain():
    law = lfp.TwoLayer(sigma_a=1.0, sigma_w=1e-4, sigma_b=10.0)
    limit = lfp.interpolate(law, X, Y)
    assert 1e-2 < linear_error(1.0) < 0.1
    for left, right in itertools.pairwise(X):
        inside = np.linspace(left, right, 12)
        third = np.diff(limit(inside), 3)
        assert np.abs(third).max() < 1e-6 * np.abs(np.diff(limit(inside), 2)).max()


def test_limit_on_the_torus_with_a_free_constant_is_the_periodic_cubic_spline():
    period = 2.5
    spline = CubicSpline(np.append(X, X[0] + period), np.append(Y, Y[0]), bc_type="periodic")(GRID)
    law = lfp.TwoLayer(sigma_a=1e-7)
    errors = {
        zero_mode: np.abs(
            lfp.interpolate(law, X, Y, space=lfp.Lattice(period, 800, "torus", zero_mode))(GRID)
            - spline
        ).max()
        for zero_mode in ("free", "excluded")
    }
    assert errors["free"] < 1e-6
    assert errors["excluded"] > 1e-3


@pytest.mark.parametrize("d", [1, 2, 4])
def test_limit_is_the_dense_solution_of_the_kernel_equations(d):
    rng = np.random.default_rng(d)
    x, y = rng.normal(size=(12, d)), rng.normal(size=12)
    at = rng.normal(size=(30, d))
    law = lfp.TwoLayer(sigma_b=30.0)
    for kernel, which in ((law.kernel, law), (law.ntk, law.ntk)):
        weights = np.linalg.solve(kernel(x, x), y)
        limit = lfp.interpolate(which, x, y)
        np.testing.assert_allclose(limit(at), kernel(at, x) @ weights, atol=1e-6)
        np.testing.assert_allclose(limit(x), y, atol=1e-8)
        assert limit.norm == pytest.approx(np.sqrt(y @ weights), rel=1e-7)


def test_ridge_solves_the_penalised_equations():
    law = lfp.TwoLayer()
    weights = np.linalg.solve(law.kernel(X, X) / 7 + 0.01 * np.eye(7), Y) / 7
    norm = np.sqrt(weights @ law.kernel(X, X) @ weights)
    # on a lattice up to the tail of the kernel, sum of |k|^-2 beyond the cutoff
    for space, rtol in ((None, 1e-9), (lfp.Lattice(6.0, 3000), 1e-3)):
        limit = lfp.interpolate(law, X, Y, ridge=0.01, space=space)
        np.testing.assert_allclose(limit(GRID), law.kernel(GRID, X) @ weights, atol=rtol)
        assert limit.norm == pytest.approx(norm, rel=rtol)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 8), st.integers(0, 99))
def test_no_other_interpolant_has_a_smaller_norm(extra, seed):
    rng = np.random.default_rng(seed)
    law = lfp.TwoLayer()
    limit = lfp.interpolate(law, X, Y)
    more = rng.uniform(-1, 1, extra)
    other = lfp.interpolate(law, np.append(X, more), np.append(Y, rng.normal(size=extra)))
    assert other.norm >= limit.norm * (1 - 1e-9)


def test_norm_on_the_torus_is_the_sum_over_frequencies():
    law, lattice = lfp.TwoLayer(sigma_a=1e-6), lfp.Lattice(3.0, 60, "torus")
    limit = lfp.interpolate(law, X, Y, space=lattice)
    flow = lfp.solve(law, X, Y, [1e12], space=lattice)
    modes = flow.coefficients[0, : 2 * 60 + 1]
    k = np.flatnonzero(lattice.frequencies)
    a_rate, b_rate = law.rates(lattice.frequencies[k], 1)
    square = (np.abs(modes[k]) ** 2 / ((a_rate + b_rate) / 3.0)).sum()
    assert limit.norm == pytest.approx(np.sqrt(square), rel=1e-5)


def test_initial_output_is_kept_between_samples():
    law = lfp.TwoLayer()
    limit = lfp.interpolate(law, X, Y, initial=np.cos)
    expected = lfp.interpolate(law, X, Y - np.cos(X))(GRID) + np.cos(GRID)
    np.testing.assert_allclose(limit(GRID), expected, atol=1e-9)


def test_repeated_samples_are_merged_when_they_agree():
    law = lfp.TwoLayer()
    twice = lfp.interpolate(law, np.append(X, X[2]), np.append(Y, Y[2]))
    np.testing.assert_allclose(twice(GRID), lfp.interpolate(law, X, Y)(GRID), atol=1e-12)
    with pytest.raises(
        ValueError, match=r"samples 2 and 7 are both at \[-0\.3\] with y = 0\.6 and 2"
    ):
        lfp.interpolate(law, np.append(X, X[2]), np.append(Y, 2.0))
    assert lfp.interpolate(law, np.append(X, X[2]), np.append(Y, 2.0), ridge=0.1).norm > 0


def test_what_cannot_be_interpolated_is_refused_with_advice():
    law = lfp.TwoLayer()
    with pytest.raises(ValueError, match=r"ridge must be from 0 to 1e\+100, got -1"):
        lfp.interpolate(law, X, Y, ridge=-1.0)
    with pytest.raises(ValueError, match=r"numerically singular.*set ridge > 0"):
        lfp.interpolate(lambda p, q: np.outer(p, q), X, Y)
    status = lfp.interpolate(lambda p, q: np.outer(p, q), X, Y, throw=False).status
    assert "singular" in status.message
    with pytest.raises(ValueError, match=r"indefinite.*law\.ntk"):
        lfp.interpolate(lfp.TwoLayer(sigma_w=4.0, sigma_b=1.0), X, Y)
    many = np.linspace(-1, 1, 200)
    with pytest.raises(ValueError, match=r"relative residual at the samples is .*larger cutoff"):
        lfp.interpolate(law, many, np.sign(many), space=lfp.Lattice(4.0, 10, "torus"))

import hypothesis.strategies as st
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.integrate import quad
from scipy.special import gamma, gammaln

import lfp

sigmas = st.floats(0.2, 4.0)


def laplacian_squared_gaussian(r, d):
    """(Delta/(4 pi^2))^2 exp(-pi r^2) in d dimensions: the inverse transform of
    |xi|^4 exp(-pi |xi|^2)."""
    p = 4 * np.pi**2 * r**2 - 2 * np.pi * d
    slope = 4 * np.pi**2
    second = np.pi**2 * p - 2 * np.pi * slope
    first = slope - np.pi * p
    return (4 * r**2 * second + 2 * d * first) * np.exp(-np.pi * r**2) / (16 * np.pi**4)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_rates_are_the_fourier_transform_of_the_radial_kernel(d):
    law = lfp.TwoLayer(sigma_a=1.3, sigma_w=0.7, sigma_b=3.0)
    sphere = 2 * np.pi ** (d / 2) / gamma(d / 2)
    powers = law.powers(d)
    assert powers is not None
    cubic, linear, _ = powers
    for index, profile in enumerate([lambda r: cubic * r**3, lambda r: -linear * r]):
        in_space, _ = quad(
            lambda r, profile=profile: (
                sphere * r ** (d - 1) * profile(r) * laplacian_squared_gaussian(r, d)
            ),
            0,
            8,
        )
        in_frequency, _ = quad(
            lambda k, index=index: (
                sphere * k ** (d + 3) * np.exp(-np.pi * k**2) * law.rates(k, d)[index]
            ),
            0,
            8,
        )
        assert in_space == pytest.approx(in_frequency, rel=1e-9)


def test_rates_cross_at_the_stated_frequency():
    law = lfp.TwoLayer(sigma_a=0.8, sigma_w=1.7)
    for d in (1, 2, 5):
        a_rate, b_rate = law.rates(np.sqrt(d + 1) * 1.7 / (2 * np.pi * 0.8), d)
        assert a_rate == pytest.approx(b_rate, rel=1e-12)


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 4), sigmas, sigmas, sigmas, st.integers(0, 99))
def test_ntk_is_the_mean_over_random_networks(d, sigma_a, sigma_w, sigma_b, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, d))
    batches = []
    for _ in range(40):
        a = sigma_a * rng.normal(size=4000)
        s = x @ (sigma_w * rng.normal(size=(d, 4000))) + sigma_b * rng.normal(size=4000)
        value, slope = np.maximum(s, 0), (s > 0) * a
        batches.append((value @ value.T + (slope @ slope.T) * (1 + x @ x.T)) / 4000)
    error = np.std(batches, axis=0, ddof=1) / np.sqrt(40)
    exact = lfp.TwoLayer(sigma_a=sigma_a, sigma_w=sigma_w, sigma_b=sigma_b).ntk(x, x)
    assert (np.abs(np.mean(batches, axis=0) - exact) < 6 * error).all()


@pytest.mark.parametrize("distance", [1e-6, 1.0])
def test_ntk_is_its_formula_in_fifty_digits(distance):
    """Near points too, where arccos and |x|^2 |x'|^2 - (x.x')^2 lose all digits."""
    rng = np.random.default_rng(1)
    sigma_a, sigma_w, sigma_b = 1.3, 0.7, 3.0
    law = lfp.TwoLayer(sigma_a=sigma_a, sigma_w=sigma_w, sigma_b=sigma_b)
    x = rng.normal(size=(1, 50))
    other = x + distance * rng.normal(size=(1, 50))
    mpmath.mp.dps = 50
    points = [[mpmath.mpf(v) for v in row[0]] for row in (x, other)]
    lifted = [[sigma_w * v for v in point] + [mpmath.mpf(sigma_b)] for point in points]
    inner = mpmath.fdot(lifted[0], lifted[1])
    norms = mpmath.sqrt(mpmath.fdot(lifted[0], lifted[0]) * mpmath.fdot(lifted[1], lifted[1]))
    theta = mpmath.acos(inner / norms)
    a_part = norms * (mpmath.sin(theta) + (mpmath.pi - theta) * mpmath.cos(theta))
    b_part = (1 + mpmath.fdot(points[0], points[1])) * (mpmath.pi - theta)
    expected = (a_part + sigma_a**2 * b_part) / (2 * mpmath.pi)
    assert law.ntk(x, other)[0, 0] == pytest.approx(float(expected), rel=1e-13)
    # the angle itself, from the part that is linear in it
    without = lfp.TwoLayer(sigma_a=1e-9, sigma_w=sigma_w, sigma_b=sigma_b)
    angle = (law.ntk(x, other) - without.ntk(x, other))[0, 0] / (1.3**2 * (1 + (x @ other.T)[0, 0]))
    assert 0.5 - angle == pytest.approx(float(theta / (2 * mpmath.pi)), rel=1e-7)


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 6), st.integers(1, 12), sigmas, sigmas, st.floats(5.0, 50.0), st.integers(0, 99)
)
def test_kernels_are_symmetric_and_positive_semidefinite_in_the_valid_range(d, n, sa, sw, sb, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(n, d)) / np.sqrt(d)
    law = lfp.TwoLayer(sigma_a=sa, sigma_w=sw, sigma_b=sb * sw)
    assert law.validity(x) <= 0.04
    for kernel in (law.kernel(x, x), law.ntk(x, x)):
        np.testing.assert_allclose(kernel, kernel.T, rtol=1e-13)
        eigenvalues = np.linalg.eigvalsh((kernel + kernel.T) / 2)
        assert eigenvalues[0] >= -1e-13 * eigenvalues[-1]


def test_ntk_approaches_the_lfp_kernel_flow_at_second_order_in_sigma_b():
    rng = np.random.default_rng(2)
    x = np.sort(rng.uniform(-1, 1, 10))
    y, grid = rng.normal(size=10), np.linspace(-1, 1, 50)
    errors = []
    for sigma_b in (10, 30, 100):
        law = lfp.TwoLayer(sigma_b=sigma_b)
        exact = lfp.interpolate(law.ntk, x, y)(grid)
        errors.append(np.abs(lfp.interpolate(law, x, y)(grid) - exact).max())
    slopes = np.diff(np.log(errors)) / np.diff(np.log([10, 30, 100]))
    np.testing.assert_allclose(slopes, -2, atol=0.15)


def test_divergence_coefficient_is_that_of_the_exact_kernel():
    """Three candidates for the coefficient of x.x' k_B: 0, 1, and 4 pi^2 times too large."""
    rng = np.random.default_rng(3)
    x = np.sort(rng.uniform(-1, 1, 10))
    y, grid = rng.normal(size=10), np.linspace(-1, 1, 50)
    law = lfp.TwoLayer(sigma_b=100.0)
    coefficient = 1 / (2 * np.pi * 100)
    exact = lfp.interpolate(law.ntk, x, y)(grid)

    def with_divergence(factor):
        def kernel(x1, x2):
            distance = np.abs(x1[:, None] - x2)
            return law.kernel(x1, x2) - (factor - 1) * coefficient * np.outer(x1, x2) * distance

        limit = lfp.interpolate(kernel, x, y, throw=False)(grid)
        return np.abs(limit - exact).max() / np.abs(exact).max()

    assert with_divergence(1.0) < 1e-4
    assert with_divergence(0.0) > 1e-2
    assert with_divergence(4 * np.pi**2) > 1e-2


def test_rates_hold_in_high_dimension():
    law = lfp.TwoLayer()
    for d in (100, 784):
        scale = np.exp(gammaln((d + 1) / 2) / (d + 1)) / np.sqrt(np.pi)  # where B is near 1
        xi = scale * np.array([0.99, 1.0])
        a_rate, b_rate = law.rates(xi, d)
        slopes = [np.diff(np.log(rate))[0] / np.diff(np.log(xi))[0] for rate in (a_rate, b_rate)]
        np.testing.assert_allclose(slopes, [-(d + 3), -(d + 1)], rtol=1e-9)


def test_validity_parameter_of_relu_is_its_formula():
    law = lfp.TwoLayer(sigma_w=2.0, sigma_b=5.0)
    assert law.validity([[3.0, 4.0], [0.0, 1.0]]) == pytest.approx((2 * 5 / 5) ** 2)


@pytest.mark.parametrize("name", ["sigma_a", "sigma_w", "sigma_b"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_standard_deviations_must_be_positive(name, value):
    with pytest.raises(ValueError, match=f"{name} must be positive and finite, got"):
        lfp.TwoLayer(**{name: value})


def test_bad_arguments_of_a_law_are_named():
    with pytest.raises(ValueError, match=r"activation must be one of 'relu', .*'sin', got 'swish'"):
        lfp.TwoLayer(activation="swish")
    with pytest.raises(TypeError, match="sigma_a"):
        lfp.TwoLayer(sigma_a="big")  # pyright: ignore
    law = lfp.TwoLayer()
    with pytest.raises(ValueError, match="xi must not be 0"):
        law.rates([0.0, 1.0], 1)
    with pytest.raises(ValueError, match="dim must be at least 1, got 0"):
        law.rates(1.0, 0)
    with pytest.raises(ValueError, match="x1 and x2 must have the same dimension, got 2 and 3"):
        law.kernel(np.zeros((4, 2)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"x2 must be finite, got nan at index \(1,\)"):
        law.ntk([0.0], [0.0, np.nan])

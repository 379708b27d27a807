import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gamma

import lfp


def bump(r, d, k):
    """`(-Delta/(4 pi^2))^k exp(-pi |x|^2)`, the inverse transform of `|xi|^(2k) exp(-pi |xi|^2)`.

    By the recurrence of the radial Laplacian on `p(r^2) exp(-pi r^2)`, p in coefficients.
    """
    p = np.polynomial.Polynomial([1.0])
    s = np.polynomial.Polynomial([0.0, 1.0])  # r^2
    for _ in range(k):
        slope = p.deriv() - np.pi * p  # d/ds of p exp(-pi s) is slope exp(-pi s)
        second = slope.deriv() - np.pi * slope
        p = -(4 * s * second + 2 * d * slope) / (4 * np.pi**2)
    return p(r**2) * np.exp(-np.pi * r**2)


def composite(edges, order=30):
    """Gauss-Legendre nodes and weights between the edges."""
    x, w = np.polynomial.legendre.leggauss(order)
    edges = np.asarray(edges, dtype=float)
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    return (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("excess", [0.5, 1.0, 1.7, 2.0, 2.3, 3.0, 3.5])
def test_kernel_is_the_inverse_transform_of_the_rates(d, excess):
    law = lfp.PowerLaw(d + excess, scale=0.7)
    nodes, weights = composite(np.append(0.0, 2.0 ** np.arange(-80, 3.5)))
    sphere = 2 * np.pi ** (d / 2) / gamma(d / 2) * nodes ** (d - 1) * weights
    in_space = (sphere * bump(nodes, d, k=2)) @ law.pieces(nodes, d)[0]
    in_frequency = (sphere * nodes**4 * np.exp(-np.pi * nodes**2)) @ law.rates(nodes, d)[0]
    assert in_space == pytest.approx(in_frequency, rel=1e-9)


def test_thin_plate_is_the_limit_of_its_neighbours():
    """Up to r^2, which data orthogonal to affine functions do not see."""
    r = np.linspace(0.1, 3.0, 7)
    for d in (1, 2, 3):
        plate = lfp.PowerLaw(d + 2.0).pieces(r, d)[0]
        mean = (
            lfp.PowerLaw(d + 2 + 1e-4).pieces(r, d)[0] + lfp.PowerLaw(d + 2 - 1e-4).pieces(r, d)[0]
        ) / 2
        rest = mean - plate
        np.testing.assert_allclose(rest, rest[-1] / r[-1] ** 2 * r**2, atol=2e-5 * plate.max())


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("excess", [1.0, 3.0])
def test_powers_are_the_kernel(d, excess):
    law = lfp.PowerLaw(d + excess, scale=1.4)
    powers = law.powers(d)
    assert powers is not None
    cubic, linear, modulated = powers
    r = np.linspace(0, 2, 5)
    np.testing.assert_allclose(law.pieces(r, d)[0], cubic * r**3 - linear * r, rtol=1e-12)
    assert modulated == 0
    assert lfp.PowerLaw(d + 0.5 * excess).powers(d) is None


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 5), st.floats(0.1, 3.9), st.integers(4, 15), st.integers(0, 99))
def test_kernel_is_positive_on_data_orthogonal_to_what_is_not_penalised(d, excess, n, seed):
    x = np.random.default_rng(seed).normal(size=(n, d))
    law = lfp.PowerLaw(d + excess)
    constant, slope = law.affine(d)
    assert constant == np.inf
    free = np.hstack([np.ones((n, 1)), x]) if slope else np.ones((n, 1))
    orthogonal = np.linalg.qr(free, mode="complete")[0][:, min(free.shape) :]
    kernel = law.kernel(x, x)
    form = orthogonal.T @ kernel @ orthogonal
    if form.size:
        assert np.linalg.eigvalsh(form)[0] > -1e-12 * np.abs(kernel).max()


@settings(deadline=None, max_examples=25)
@given(st.floats(0.1, 8.0), st.floats(0.1, 5.0), st.floats(0.01, 50.0), st.integers(1, 9))
def test_rates_are_the_power_in_every_dimension(alpha, scale, xi, d):
    a_rate, b_rate = lfp.PowerLaw(alpha, scale=scale).rates([xi, 2 * xi], d)
    assert a_rate[0] == pytest.approx(scale / xi**alpha, rel=1e-12)
    assert a_rate[1] / a_rate[0] == pytest.approx(0.5**alpha, rel=1e-12)
    assert (b_rate == 0).all()


def test_splines_are_the_powers_two_and_four_in_one_dimension():
    """`|z|^3/12` and `-|z|/2` are fundamental solutions of the fourth and second derivative."""
    assert lfp.PowerLaw(4.0).powers(1) == pytest.approx(((2 * np.pi) ** 4 / 12, 0, 0), rel=1e-13)
    assert lfp.PowerLaw(2.0).powers(1) == pytest.approx((0, (2 * np.pi) ** 2 / 2, 0), rel=1e-13)


def test_free_space_outside_the_range_of_alpha_is_refused():
    for alpha in (0.5, 2.0, 6.0, 7.5):
        law = lfp.PowerLaw(alpha)
        with pytest.raises(ValueError, match=r"alpha must lie between d = 2 .*kind='torus'"):
            law.kernel(np.zeros((2, 2)), np.ones((2, 2)))
        with pytest.raises(ValueError, match="alpha must lie between d = 2"):
            law.affine(2)
        assert (law.rates([1.0, 2.0], 2)[0] > 0).all()


def test_bad_numbers_are_named():
    with pytest.raises(ValueError, match="alpha must be positive and finite, got 0"):
        lfp.PowerLaw(0.0)
    with pytest.raises(ValueError, match="scale must be positive and finite, got -1"):
        lfp.PowerLaw(2.0, scale=-1.0)
    with pytest.raises(ValueError, match="xi must not be 0"):
        lfp.PowerLaw(2.0).rates([0.0], 1)
    with pytest.raises(ValueError, match="dim must be at least 1, got 0"):
        lfp.PowerLaw(2.0).powers(0)


def test_power_law_makes_no_approximation():
    assert np.isnan(lfp.PowerLaw(2.0).validity([0.0, 1.0]))
    assert not lfp.PowerLaw(2.0).has_divergence

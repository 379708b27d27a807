import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gamma

import lfp
from lfp.activations.piecewise import Piecewise
from lfp.distributions import NAMED, Fixed, Gaussian, Uniform
from lfp.quadrature import tabulated

names = st.sampled_from(sorted(NAMED))
sigmas = st.floats(0.2, 4.0)


def draw(name, sigma, d, size, seed=0):
    """Weights `(size, d)` of a distribution."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(size, d))
    if name == "gaussian":
        return sigma * w
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    if name == "fixed":
        return sigma * np.sqrt(d) * w
    return sigma * np.sqrt(d + 2) * w * rng.uniform(size=(size, 1)) ** (1 / d)


def tail(t):
    return np.exp(-np.abs(t))


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("d", [1, 2, 3, 40])
def test_means_are_those_of_draws(name, d):
    distribution, w = NAMED[name](1.3), draw(name, 1.3, d, 100_000)
    radius = np.linalg.norm(w, axis=1)
    nodes, weights = distribution.radii(d, 1e-3)
    scale = np.array([0.0, 0.4, 3.0])
    pairs = [
        (weights @ np.cos(nodes), np.cos(radius)),
        (weights @ np.sqrt(nodes), np.sqrt(radius)),
        (distribution.moment(3, d), radius**3),
        *zip(
            distribution.mean_along(tail, scale, d), [tail(s * w[:, 0]) for s in scale], strict=True
        ),
        *zip(
            distribution.characteristic(scale, d), [np.cos(s * w[:, 0]) for s in scale], strict=True
        ),
    ]
    for exact, values in pairs:
        assert abs(exact - values.mean()) <= 5 * values.std() / np.sqrt(len(w)) + 1e-12


@settings(deadline=None, max_examples=40)
@given(names, sigmas, st.sampled_from([1, 2, 3, 7, 100, 784]))
def test_rules_give_the_moments(name, sigma, d):
    distribution = NAMED[name](sigma)
    nodes, weights = distribution.radii(d, 0.01)
    for power in (1, 2, 3):
        assert weights @ nodes**power == pytest.approx(distribution.moment(power, d), rel=1e-11)
    # one component: variance sigma^2, fourth moment E r^4 3/(d (d + 2))
    square, fourth = (
        distribution.mean_along(lambda t, p=p: t**p, np.ones(1), d)[0] for p in (2, 4)
    )
    assert square == pytest.approx(sigma**2, rel=1e-11)
    assert fourth == pytest.approx(3 * distribution.moment(4, d) / (d * (d + 2)), rel=1e-11)


@settings(deadline=None, max_examples=30)
@given(names, sigmas, st.integers(1, 6), st.floats(0.0, 8.0))
def test_characteristic_function_is_the_mean_cosine(name, sigma, d, distance):
    distribution = NAMED[name](sigma)
    distance = np.array([distance / sigma])
    expected = distribution.mean_along(np.cos, distance, d)
    np.testing.assert_allclose(distribution.characteristic(distance, d), expected, atol=1e-12)


def test_characteristic_function_holds_far_out_and_in_high_dimension():
    t = np.array([0.0, 1e-8, 30.0, 1e3, 1e5])
    np.testing.assert_allclose(Fixed(1.0).characteristic(t, 1), np.cos(t), atol=1e-10)
    three = Fixed(1 / np.sqrt(3)).characteristic(t, 3)
    np.testing.assert_allclose(three, np.sinc(t / np.pi), atol=1e-11)
    for d in (300, 784):  # a sphere in high dimension is a Gaussian
        np.testing.assert_allclose(
            Fixed(1.0).characteristic(t[:4], d), np.exp(-(t[:4] ** 2) / 2), atol=2 / d
        )


@settings(deadline=None, max_examples=20)
@given(names, sigmas, st.integers(1, 5))
def test_scale_of_the_function_is_scale_of_the_weights(name, sigma, d):
    one = NAMED[name](1.0).mean_along(tail, np.array([sigma, 1e5 * sigma]), d)
    scaled = NAMED[name](sigma).mean_along(tail, np.array([1.0, 1e5]), d)
    np.testing.assert_allclose(scaled, one, rtol=1e-11)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_densities_integrate_to_one(d):
    nodes, weights = np.polynomial.legendre.leggauss(400)
    for distribution, end in ((Gaussian(0.7), 12.0), (Uniform(0.7), 0.7 * np.sqrt(d + 2))):
        r = end * (nodes + 1) / 2
        sphere = 2 * np.pi ** (d / 2) / gamma(d / 2)
        mass = end / 2 * weights @ (sphere * r ** (d - 1) * np.exp(distribution.log_density(r, d)))
        assert mass == pytest.approx(1, rel=1e-12)
    assert Uniform(0.7).log_density(np.array([10.0]), d) == -np.inf


def test_product_rule_gives_the_moments():
    for d in (1, 2):
        for name, cls in NAMED.items():
            w, weights = cls(1.4).rule(d, 0.7)
            square = (weights[:, None, None] * w[:, :, None] * w[:, None, :]).sum(axis=0)
            np.testing.assert_allclose(square, 1.4**2 * np.eye(d), atol=1e-12, err_msg=name)
            wave = weights @ np.cos(w @ np.full(d, 1 / np.sqrt(d)))
            exact = cls(1.4).characteristic(np.ones(1), d)[0]
            assert wave == pytest.approx(exact, abs=1e-12)


def test_breaks_of_a_function_fall_on_panels():
    """A triangle function, exactly integrated over a Gaussian."""
    coefficients = np.array([[0.5, -0.5]])
    triangle = Piecewise(np.array([0.0, 1.0]), coefficients)
    scale = np.array([0.0, 0.01, 1.0, 37.0])
    got = Gaussian(1.0).mean_along(triangle, scale, 1)
    draws, weights = np.polynomial.legendre.leggauss(60)
    for s, value in zip(scale, got, strict=True):
        end = min(1 / s, 12.0) if s else 12.0
        w = end * (draws + 1) / 2
        density = np.sqrt(2 / np.pi) * np.exp(-(w**2) / 2)
        assert value == pytest.approx(end / 2 * weights @ (density * (1 - s * w)), rel=1e-10)


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 3), st.integers(1, 40), st.integers(0, 99))
def test_samples_of_one_radius_are_the_fixed_distribution(d, m, seed):
    w = draw("fixed", 1.7, d, m, seed)
    a = np.random.default_rng(seed).normal(size=m) + 0.1
    samples = lfp.Samples(a, w)
    of_a, of_b = samples.measures(d)
    scale = np.linspace(0, 2, 5)
    expected = Fixed(1.7).mean_along(tail, scale, d)
    np.testing.assert_allclose(of_a.mean_along(tail, scale, d), expected, rtol=1e-12)
    square = samples.sigma_a**2
    np.testing.assert_allclose(of_b.mean_along(tail, scale, d), square * expected, rtol=1e-12)
    assert square == pytest.approx(np.mean(a**2), rel=1e-13)
    assert samples.sigma_w == pytest.approx(1.7, rel=1e-13)


def test_bad_samples_are_named():
    with pytest.raises(ValueError, match="a and w must have the same length, got 2 and 3"):
        lfp.Samples([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="a and w must not all be 0"):
        lfp.Samples([0.0, 0.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"w must be finite, got inf at index \(1, 0\)"):
        lfp.Samples([0.0, 1.0], [[1.0], [np.inf]])
    with pytest.raises(ValueError, match="w of the samples has dimension 1, got dim = 2"):
        lfp.TwoLayer(weights=lfp.Samples([1.0], [1.0])).rates(1.0, 2)


@pytest.mark.parametrize("end", [0.5, 30.0, 4000.0])
def test_tables_are_the_function(end):
    x = np.random.default_rng(0).uniform(0, end, size=(100, 200))
    calls = []

    def function(t):
        calls.append(len(t))
        return t**3 / (1 + t**2)

    np.testing.assert_allclose(tabulated(function, x), x**3 / (1 + x**2), atol=1e-12 * end)
    assert max(calls) < x.size
    kinked = tabulated(lambda t: np.abs(t - end / np.pi), x)
    np.testing.assert_allclose(kinked, np.abs(x - end / np.pi), rtol=1e-13)

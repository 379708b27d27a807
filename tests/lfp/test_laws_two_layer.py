import copy
import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import erf, expit, gamma

import lfp
from lfp.activations import NAMED
from lfp.activations.piecewise import Piecewise
from lfp.laws import ntk_quadrature

NAMES = [*NAMED, "sin"]
WEIGHTS = ["gaussian", "uniform", "fixed"]
sigmas = st.floats(0.3, 3.0)
VALUES = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "erf": erf,
    "sigmoid": expit,
    "softplus": lambda z: np.logaddexp(0, z),
    "gaussian": lambda z: np.exp(-(z**2) / 2),
    "sin": np.sin,
}
SLOPES = {
    "relu": lambda z: 1.0 * (z > 0),
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "erf": lambda z: 2 / np.sqrt(np.pi) * np.exp(-(z**2)),
    "sigmoid": lambda z: expit(z) * expit(-z),
    "softplus": expit,
    "gaussian": lambda z: -z * np.exp(-(z**2) / 2),
    "sin": np.cos,
}


def shifted(z):
    """Softplus away from 0: its right asymptote has a constant."""
    return np.logaddexp(0, z - 1)


def composite(edges, order=20):
    """Gauss-Legendre nodes and weights between the edges."""
    x, w = np.polynomial.legendre.leggauss(order)
    edges = np.asarray(edges, dtype=float)
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    return (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()


# A radial test function in d dimensions, psi = -Delta/(4 pi^2) exp(-pi |x|^2). Its marginal along
# any direction is the same function with d = 1, so that <psi, sigma(w.x + b)> depends on r = |w|
# only, in every dimension. Its transform is |xi|^2 exp(-pi |xi|^2).


def projections(name, r, b):
    """Integrals over s of psi(s) sigma(r s + b), psi(s) sigma'(r s + b), psi(s) s sigma'(...)."""
    if name == "relu":  # psi is -g''/(4 pi^2), and the kink is at s = -b/r
        kink = -b / r
        g = np.exp(-np.pi * kink**2)
        slope = -2 * np.pi * kink * g
        return r * g, -slope, -(kink * slope - g)  # all times -1/(4 pi^2)
    s, weights = composite(np.linspace(-3.5, 3.5, 8))
    psi = weights * (1 - 2 * np.pi * s**2) / (2 * np.pi) * np.exp(-np.pi * s**2)
    arguments = r * s[:, None, None] + b
    value, slope = VALUES[name](arguments), SLOPES[name](arguments)
    return (
        np.tensordot(psi, value, 1),
        np.tensordot(psi, slope, 1),
        np.tensordot(psi * s, slope, 1),
    )


def network_energies(name, d, sigmas_b):
    """`<psi, K psi>` for the parts of the NTK that belong to a, b and w, `(len(sigmas_b), 3)`:
    quadrature over b and `|w|`, sigma_a = 1.3, sigma_w = 0.8."""
    r, r_weights = composite(np.append(0.0, 0.8 * 2.0 ** np.arange(-4, 3.5)))
    density = r ** (d - 1) * np.exp(-((r / 0.8) ** 2) / 2)
    r_weights *= density / (r_weights @ density)
    u, u_weights = composite(np.linspace(-1, 1, 19))
    reach = 3 * r[:, None] + (0 if name == "relu" else 17)
    b, b_weights = reach * u, reach * u_weights
    squares = [b_weights * p**2 for p in projections(name, r[:, None], b)]
    factor = 1 / (16 * np.pi**4) if name == "relu" else 1.0
    energies = []
    for sigma_b in sigmas_b:
        b_density = np.exp(-((b / sigma_b) ** 2) / 2) / (np.sqrt(2 * np.pi) * sigma_b)
        energies.append([r_weights @ (b_density * square).sum(axis=1) for square in squares])
    return factor * np.array(energies) * [1, 1.3**2, 1.3**2]


def law_energies(name, d, sigma_b):
    """The same from the rates."""
    law = lfp.TwoLayer(name, sigma_a=1.3, sigma_w=0.8, sigma_b=sigma_b)
    xi, weights = composite(np.append(0.0, 2.0 ** np.linspace(-20, 2, 45)))
    sphere = 2 * np.pi ** (d / 2) / gamma(d / 2) * xi ** (d - 1) * weights
    transform = xi**2 * np.exp(-np.pi * xi**2)
    gradient = (2 * xi - 2 * np.pi * xi**3) * np.exp(-np.pi * xi**2)
    a_rate, b_rate = law.rates(xi, d)
    return np.array(
        [
            sphere @ (a_rate * transform**2),
            sphere @ (b_rate * transform**2),
            sphere @ (b_rate / (4 * np.pi**2) * gradient**2),
        ]
    )


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("name", ["relu", "tanh", "gaussian"])
def test_rates_are_the_ntk_at_large_sigma_b_part_by_part(name, d):
    sigmas_b = (50.0, 200.0, 1000.0)
    exact = network_energies(name, d, sigmas_b)
    errors = np.array([law_energies(name, d, s) for s in sigmas_b]) / exact - 1
    assert np.abs(errors[2]).max() < 1e-4
    np.testing.assert_allclose(np.log(errors[0] / errors[1]) / np.log(4), 2, atol=0.1)


def bump(r, d):
    """`(Delta/(4 pi^2))^2 exp(-pi r^2)`, whose transform is `|xi|^4 exp(-pi |xi|^2)`."""
    s = np.polynomial.Polynomial([0.0, 1.0])  # r^2
    p = np.polynomial.Polynomial([1.0])
    for _ in range(2):
        slope = p.deriv() - np.pi * p
        p = (4 * s * (slope.deriv() - np.pi * slope) + 2 * d * slope) / (4 * np.pi**2)
    return p(r**2) * np.exp(-np.pi * r**2)


def check_pairing(law, d, rtol=1e-8):
    """`<k, bump> = <rates, its transform>` for k_s and k_m."""
    nodes, weights = composite(np.append(0.0, 2.0 ** np.linspace(-7, 2.7, 30)))
    sphere = 2 * np.pi ** (d / 2) / gamma(d / 2) * nodes ** (d - 1) * weights
    stationary, modulated = law.pieces(nodes, d)
    a_rate, b_rate = law.rates(nodes, d)
    transform = sphere * nodes**4 * np.exp(-np.pi * nodes**2)
    in_space = [(sphere * bump(nodes, d)) @ k for k in (stationary, modulated)]
    in_frequency = [transform @ (a_rate + b_rate), transform @ b_rate * law.has_divergence]
    size = transform @ (a_rate + b_rate)
    np.testing.assert_allclose(in_space, in_frequency, rtol=rtol, atol=1e-11 * size)


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(NAMES),
    st.sampled_from(WEIGHTS),
    st.sampled_from([1, 2, 3]),
    sigmas,
    sigmas,
    sigmas,
    st.booleans(),
)
def test_kernel_is_the_fourier_transform_of_the_rates(name, weights, d, sa, sw, sb, divergence):
    assume(name != "sin" or weights == "gaussian")  # its rates jump or do not exist
    law = lfp.TwoLayer(name, sa, sw, sb, weights, divergence)
    check_pairing(law, d, rtol=1e-7)


def test_function_has_the_law_of_its_name():
    r, xi = np.linspace(0, 5, 9), np.array([0.05, 0.4, 1.0, 9.0])
    for name, chosen in (("tanh", ("gaussian",)), ("softplus", ("uniform",))):
        for weights in chosen:
            named, own = (lfp.TwoLayer(f, 1.3, 0.8, 4.0, weights) for f in (name, VALUES[name]))
            np.testing.assert_allclose(own.pieces(r, 2), named.pieces(r, 2), rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(own.rates(xi, 2), named.rates(xi, 2), rtol=1e-7, atol=1e-20)


def test_rates_of_a_hard_limit_are_the_mean_of_its_power():
    """The oscillating power `(sin(6 pi eta)/(pi eta))^2`, averaged with a million radii."""
    law = lfp.TwoLayer(lambda z: np.clip(z, 0, 6), sigma_w=0.8)
    r = (np.arange(1_000_000) + 0.5) * (9 * 0.8 / 1_000_000)
    density = np.exp(-((r / 0.8) ** 2) / 2)
    density /= density.sum()
    for xi in (0.02, 0.3):
        power = (np.sin(6 * np.pi * xi / r) / (np.pi * xi / r)) ** 2
        mean = density @ (power / r) / (np.sqrt(2 * np.pi) * 10.0)
        a_rate, b_rate = law.rates(xi, 1)
        assert b_rate == pytest.approx(mean, rel=2e-5)
        mean = density @ (power * r / (2 * np.pi * xi) ** 2) / (np.sqrt(2 * np.pi) * 10.0)
        assert a_rate == pytest.approx(mean, rel=2e-5)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(NAMES), st.integers(1, 5), sigmas, sigmas, sigmas)
def test_rates_are_positive_and_decrease(name, d, sa, sw, sb):
    xi = sw * np.geomspace(0.01, 2, 30)
    rates = lfp.TwoLayer(name, sa, sw, sb).rates(xi, d)
    for rate in rates[: 1 if name == "gaussian" else 2]:  # B of a bump starts from small values
        assert (rate > 0).all()
        assert (np.diff(rate) < 0).all()


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(NAMES), st.sampled_from(WEIGHTS), st.integers(1, 4), sigmas, sigmas, sigmas)
def test_scaling_the_weights_scales_the_frequencies(name, weights, d, sa, sw, factor):
    """k_A and k_B depend on sigma_w r only, so rates on xi/sigma_w."""
    one = lfp.TwoLayer(name, sa, sw, 5.0, weights)
    other = lfp.TwoLayer(name, sa, sw * factor, 5.0, weights)
    r = np.linspace(0, 3, 7)
    np.testing.assert_allclose(other.pieces(r, d), one.pieces(factor * r, d), rtol=1e-9, atol=1e-12)
    if name != "sin":
        xi = np.array([0.1, 0.5])
        scaled = np.array(other.rates(factor * xi, d)) * factor**d
        np.testing.assert_allclose(scaled, one.rates(xi, d), rtol=1e-9)


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from([n for n in NAMES if n != "sin"]),
    st.sampled_from(WEIGHTS),
    st.integers(1, 4),
    sigmas,
    sigmas,
)
def test_rates_and_pieces_are_inverse_in_sigma_b_and_square_in_sigma_a(name, weights, d, sa, sb):
    one, other = (lfp.TwoLayer(name, a, 1.2, b, weights) for a, b in ((1.0, 1.0), (sa, sb)))
    (a1, b1), (a2, b2) = one.rates([0.2, 0.7], d), other.rates([0.2, 0.7], d)
    np.testing.assert_allclose(a2 * sb, a1, rtol=1e-11)
    np.testing.assert_allclose(b2 * sb, sa**2 * b1, rtol=1e-11)
    np.testing.assert_allclose(
        other.pieces(np.ones(1), d)[1] * sb, sa**2 * one.pieces(np.ones(1), d)[1], rtol=1e-11
    )


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(NAMES), st.sampled_from(WEIGHTS), st.integers(1, 4), sigmas, sigmas)
def test_frozen_weights_lose_the_part_with_the_product_only(name, weights, d, sa, sw):
    x = np.random.default_rng(0).normal(size=(5, d))
    full, frozen = (lfp.TwoLayer(name, sa, sw, 7.0, weights, divergence=k) for k in (True, False))
    assert not frozen.has_divergence
    r = np.linspace(0, 2, 5)
    np.testing.assert_array_equal(frozen.pieces(r, d), [full.pieces(r, d)[0], np.zeros(5)])
    at_origin = np.zeros((1, d))  # where x.x' = 0
    np.testing.assert_allclose(frozen.kernel(x, at_origin), full.kernel(x, at_origin), rtol=1e-12)
    slope = full.affine(d)[1] - frozen.affine(d)[1]
    gradient = full.pieces(np.linalg.norm(x[:, None] - x, axis=2), d)[1] + slope
    np.testing.assert_allclose(
        full.kernel(x, x) - frozen.kernel(x, x), x @ x.T * gradient, atol=1e-12
    )
    if name == "sin" and weights != "gaussian":
        return
    np.testing.assert_array_equal(frozen.rates(0.3, d), full.rates(0.3, d))


@settings(deadline=None, max_examples=15)
@given(st.sampled_from(NAMES), st.sampled_from(WEIGHTS), st.integers(1, 3), st.integers(0, 99))
def test_kernels_are_symmetric_and_isotropic(name, weights, d, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(6, d))
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    kernel = lfp.TwoLayer(name, weights=weights).kernel(x, x)
    np.testing.assert_allclose(kernel, kernel.T, rtol=1e-12, atol=1e-13)
    turned = lfp.TwoLayer(name, weights=weights).kernel(x @ turn, x @ turn)
    np.testing.assert_allclose(turned, kernel, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("activation", "weights"),
    [
        (activation, weights)
        for activation in [n for n in NAMES if n != "sin"] + [shifted]
        for weights in WEIGHTS
        # kinks limit the quadrature of the other kernels of ReLU
        if activation != "relu" or weights == "gaussian"
    ],
)
def test_kernel_is_the_ntk_up_to_third_order_in_sigma_b(activation, weights):
    """Constants, slopes and the square of the distance included."""
    x = np.random.default_rng(1).uniform(-1, 1, size=4)
    laws = [lfp.TwoLayer(activation, 1.3, 0.7, s, weights) for s in (10.0, 40.0)]
    errors = [np.abs(law.ntk(x, x) - law.kernel(x, x)).max() for law in laws]
    assert np.log(errors[0] / errors[1]) / np.log(4) == pytest.approx(3, abs=0.35)


def hard_limit(z):
    return np.clip(z, -1000.0, 1000.0)


@pytest.mark.parametrize("activation", [*NAMES, shifted])
def test_validity_is_the_difference_of_the_kernels(activation):
    """An upper bound of it, and no more than five times as large where it is small."""
    x = np.linspace(-1, 1, 5)
    for sigma_w, sigma_b in ((0.1, 0.5), (0.1, 2.0), (1.0, 3.0), (1.0, 10.0), (0.1, 10.0)):
        law = lfp.TwoLayer(activation, 1.0, sigma_w, sigma_b)
        difference = np.abs(law.kernel(x, x) - law.ntk(x, x)).max()
        size, validity = np.abs(law.radial(x, x)).max(), law.validity(x)
        assert difference < validity * size + 1e-14
        if validity < 0.3:
            assert difference > 0.2 * validity * size - 1e-14


def test_validity_knows_the_scale_of_the_activation():
    assert lfp.TwoLayer("tanh", sigma_w=0.1, sigma_b=0.5).validity([1.0]) > 3
    limit = lfp.TwoLayer(hard_limit, sigma_b=10.0)  # as good as linear, and its kernel is not
    assert limit.validity([0.0]) == pytest.approx(1000**2 / 3 / 10**2, rel=1e-3)
    assert limit.kernel([0.0], [0.0])[0, 0] < -1e5 < 0 < 100 < limit.ntk([0.0], [0.0])[0, 0]
    assert lfp.TwoLayer("sin", sigma_b=2.0).validity([9.0]) == pytest.approx(np.exp(-8))


@pytest.mark.parametrize("weights", WEIGHTS)
def test_ntk_of_a_sine_is_its_kernel_up_to_an_exponential(weights):
    x = np.random.default_rng(1).uniform(-1, 1, size=(7, 3))
    law = lfp.TwoLayer("sin", 1.3, 0.7, 1.0, weights)
    difference = np.abs(law.ntk(x, x) - law.kernel(x, x)).max()
    assert 1e-3 < difference / np.exp(-2) < 3
    law = lfp.TwoLayer("sin", 1.3, 0.7, 5.0, weights)
    np.testing.assert_allclose(law.ntk(x, x), law.kernel(x, x), atol=1e-15)


def draw(weights, sigma_w, d, m, rng):
    w = rng.normal(size=(m, d))
    if weights == "gaussian":
        return sigma_w * w
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    if weights == "fixed":
        return sigma_w * np.sqrt(d) * w
    return sigma_w * np.sqrt(d + 2) * w * rng.uniform(size=(m, 1)) ** (1 / d)


def assert_is_mean_over_networks(law, d, draw_weights, name, divergence=True):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(3, d))
    batches = []
    for _ in range(30):
        a, w = draw_weights(rng, 3000)
        s = x @ w.T + law.sigma_b * rng.normal(size=len(a))
        value, slope = VALUES[name](s), SLOPES[name](s) * a
        factor = 1 + x @ x.T if divergence else 1
        batches.append((value @ value.T + (slope @ slope.T) * factor) / len(a))
    error = np.std(batches, axis=0, ddof=1) / np.sqrt(30)
    assert (np.abs(np.mean(batches, axis=0) - law.ntk(x, x)) < 5 * error + 1e-12).all()


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_ntk_is_the_mean_over_random_networks(name, d):
    law = lfp.TwoLayer(name, 1.3, 0.9, 2.0, divergence=d != 3)

    def networks(rng, m):
        return 1.3 * rng.normal(size=m), draw("gaussian", 0.9, d, m, rng)

    assert_is_mean_over_networks(law, d, networks, name, divergence=d != 3)


@pytest.mark.parametrize(
    ("name", "weights", "d"),
    [("tanh", "uniform", 1), ("softplus", "fixed", 2), ("relu", "fixed", 1), ("sin", "uniform", 3)],
)
def test_ntk_knows_the_distribution_of_the_weights(name, weights, d):
    """The output weights are uniform here: only their variance counts."""
    law = lfp.TwoLayer(name, 1.3, 0.9, 0.4 if name == "sin" else 2.0, weights)

    def networks(rng, m):
        a = 1.3 * np.sqrt(3) * rng.uniform(-1, 1, size=m)
        return a, draw(weights, 0.9, d, m, rng)

    assert_is_mean_over_networks(law, d, networks, name)


@pytest.mark.parametrize("name", ["tanh", "relu", "sin"])
@pytest.mark.parametrize("d", [1, 2])
def test_samples_keep_the_dependence_of_a_on_w(name, d):
    rng = np.random.default_rng(0)
    radius = rng.uniform(0.3, 2, size=40)
    a = radius * rng.choice([-1, 1], size=40)
    direction = draw("fixed", 1 / np.sqrt(d), d, 40, rng)
    law = lfp.TwoLayer(name, sigma_b=2.0, weights=lfp.Samples(a, radius[:, None] * direction))

    def networks(rng, m):
        chosen = rng.integers(40, size=m)
        return a[chosen], radius[chosen, None] * draw("fixed", 1 / np.sqrt(d), d, m, rng)

    assert_is_mean_over_networks(law, d, networks, name)
    wide = lfp.TwoLayer(name, sigma_b=40.0, weights=law.weights)
    x = rng.uniform(-1, 1, size=(6, d))
    # ReLU's kinks limit its quadrature
    tolerance = 1e-3 if name == "relu" else 1e-4
    np.testing.assert_allclose(wide.ntk(x, x), wide.kernel(x, x), rtol=tolerance, atol=tolerance)
    if name != "sin":
        check_pairing(wide, d)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("d", [1, 2])
def test_neurons_without_input_weights_are_the_limit_of_small_ones(name, d):
    """They are constant, and so have no frequency, but the kernels contain them."""
    x = np.random.default_rng(4).uniform(-1, 1, size=(4, d))
    laws = [
        lfp.TwoLayer(name, weights=lfp.Samples([1.0, 5.0], w * np.ones((2, d)) / np.sqrt(d)))
        for w in (np.array([[1.0], [0.0]]), np.array([[1.0], [1e-9]]))
    ]
    for kernel in ("kernel", "ntk"):
        zero, small = (getattr(law, kernel)(x, x) for law in laws)
        np.testing.assert_allclose(zero, small, rtol=1e-7)
    if name != "sin":
        zero, small = (law.rates([0.3, 2.0], d) for law in laws)
        np.testing.assert_allclose(zero, small, rtol=1e-7)


def test_many_samples_approach_their_distribution():
    rng = np.random.default_rng(0)
    samples = lfp.Samples(1.3 * rng.normal(size=20_000), 0.8 * rng.normal(size=(20_000, 2)))
    drawn, exact = lfp.TwoLayer("tanh", weights=samples), lfp.TwoLayer("tanh", 1.3, 0.8)
    r = np.linspace(0, 2, 5)
    np.testing.assert_allclose(drawn.pieces(r, 2), exact.pieces(r, 2), atol=0.003)
    np.testing.assert_allclose(drawn.rates([0.05, 0.1], 2), exact.rates([0.05, 0.1], 2), rtol=0.1)
    assert drawn.sigma_a == pytest.approx(1.3, rel=0.02)
    assert drawn.sigma_w == pytest.approx(0.8, rel=0.02)
    np.testing.assert_allclose(drawn.affine(2), exact.affine(2), rtol=0.05, atol=1e-12)


@pytest.mark.parametrize("name", ["tanh", "erf", "gaussian", "softplus"])
def test_exact_kernels_agree_whichever_way_they_are_computed(name):
    """Features, pairs and closed forms; features give positive matrices."""
    x = np.random.default_rng(3).uniform(-1, 1, size=(5, 1))
    law = lfp.TwoLayer(name, 1.0, 1.5, 4.0)
    weights, _, _ = law._measures(1)
    features = ntk_quadrature.by_features(NAMED[name], weights, weights, 4.0, x, x)
    pairs = ntk_quadrature.by_pairs(NAMED[name], 1.5, 4.0, x, x)
    np.testing.assert_allclose(features, pairs, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(
        features[0] + (1 + x @ x.T) * features[1], law.ntk(x, x), rtol=1e-11, atol=1e-12
    )
    for matrix in features:
        values = np.linalg.eigvalsh(matrix)
        assert values[0] > -1e-14 * values[-1]
    by_function = lfp.TwoLayer(VALUES[name], 1.0, 1.5, 4.0)
    np.testing.assert_allclose(by_function.ntk(x, x), law.ntk(x, x), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("kink", [None, 0.37])
def test_ntk_resolves_narrow_features(kink):
    """On the diagonal the preactivation is one Gaussian variable."""

    def value(z):
        bend = 0 if kink is None else np.maximum(z - kink, 0) / 10
        return np.tanh(10 * z) + bend

    law, position = lfp.TwoLayer(value, sigma_b=2.0), 0.4
    deviation = np.hypot(2.0, position)
    z, weights = composite(deviation * np.linspace(-9, 9, 601))
    weights *= np.exp(-((z / deviation) ** 2) / 2) / (np.sqrt(2 * np.pi) * deviation)
    slope = 10 / np.cosh(10 * z) ** 2 + (0 if kink is None else (z > kink) / 10)
    expected = weights @ value(z) ** 2 + (1 + position**2) * (weights @ slope**2)
    rtol = 1e-10 if kink is None else 1e-4
    assert law.ntk([position], [position])[0, 0] == pytest.approx(expected, rel=rtol)


@pytest.mark.parametrize(
    "value",
    [
        lambda z: np.tanh(100 * z),
        pytest.param(lambda z: np.tanh(100 * z) + np.maximum(z - 0.37, 0), marks=pytest.mark.slow),
        pytest.param(lambda z: np.clip(100 * z, -1, 1), marks=pytest.mark.slow),
    ],
)
def test_ntk_refuses_features_that_it_cannot_resolve(value):
    law = lfp.TwoLayer(value)
    assert np.isfinite(law.kernel([0.0], [0.5])).all()
    with pytest.raises(ValueError, match=r"ntk cannot resolve activation '<lambda>'.*use kernel"):
        law.ntk([0.0], [0.5])


@pytest.mark.parametrize("weights", WEIGHTS)
def test_affine_part_is_what_the_asymptotes_leave(weights):
    expected = {
        "tanh": (1, 0), "erf": (1, 0), "gaussian": (0, 0), "sin": (0, 0), "sigmoid": (0.5, 0),
        "relu": ((3**2 + 1.3**2) / 2, (0.7**2 + 1.3**2) / 2),
        "softplus": ((3**2 + 1.3**2) / 2, (0.7**2 + 1.3**2) / 2),
    }  # fmt: skip
    for name, value in expected.items():
        law = lfp.TwoLayer(name, 1.3, 0.7, 3.0, weights)
        assert law.affine(2) == pytest.approx(value, rel=1e-14), name
    frozen = lfp.TwoLayer("relu", 1.3, 0.7, 3.0, weights, divergence=False)
    assert frozen.affine(1) == pytest.approx(((9 + 1.69) / 2, 0.49 / 2), rel=1e-14)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("d", [1, 3])
def test_relu_given_as_a_function_is_relu(weights, d):
    named = lfp.TwoLayer("relu", 1.3, 0.7, 3.0, weights)
    given_one = lfp.TwoLayer(lambda z: np.maximum(z, 0.0), 1.3, 0.7, 3.0, weights)
    assert given_one.powers(d) is None
    r = np.linspace(0, 5, 9)
    np.testing.assert_allclose(given_one.pieces(r, d), named.pieces(r, d), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        given_one.rates([0.2, 9.0], d), named.rates([0.2, 9.0], d), rtol=1e-8
    )
    assert given_one.affine(d) == pytest.approx(named.affine(d), rel=1e-12)


def test_kernel_of_many_points_is_that_of_few():
    x = np.random.default_rng(5).normal(size=(120, 2))
    for activation in ("softplus", lambda z: np.clip(z, 0, 6)):
        law = lfp.TwoLayer(activation, sigma_w=3.0)
        rows = np.concatenate([law.kernel(x[:1], x[i : i + 1])[0] for i in range(0, 120, 7)])
        np.testing.assert_allclose(law.kernel(x, x)[0, ::7], rows, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))]
)
@pytest.mark.parametrize(
    "law",
    [
        *(lfp.TwoLayer(name, 1.3, 0.7, 3.0) for name in NAMES),
        lfp.TwoLayer(shifted, weights="uniform", divergence=False),
        lfp.TwoLayer(weights=lfp.Samples([1.0, 2.0], [0.5, 1.0])),
        lfp.PowerLaw(2.5),
        lfp.Simplified(1.0, 2.0, 3.0),
    ],
    ids=lambda law: str(getattr(law, "activation", type(law).__name__))[:12],
)
def test_copied_laws_are_the_law(law, copied):
    x = np.linspace(-1, 1, 4)
    other = copied(law)
    for use in (lambda v: v.kernel(x, x), lambda v: v.rates([0.1, 2.0], 1)):
        np.testing.assert_array_equal(use(other), use(law))
    assert other.powers(1) == law.powers(1)
    if isinstance(law, lfp.TwoLayer):
        np.testing.assert_array_equal(other.ntk(x, x), law.ntk(x, x))
        assert (other.sigma_a, other.sigma_w) == (law.sigma_a, law.sigma_w)


def test_copied_record_of_a_name_keeps_its_closed_forms():
    law = copy.deepcopy(lfp.TwoLayer(NAMED["relu"]))
    assert law.powers(2) == lfp.TwoLayer().powers(2)
    x = np.linspace(-1, 1, 4)
    np.testing.assert_array_equal(law.ntk(x, x), lfp.TwoLayer().ntk(x, x))
    namesake = dataclasses.replace(NAMED["tanh"], name="relu")  # a name alone is not enough
    assert lfp.TwoLayer(namesake).powers(2) is None


def test_standard_deviations_are_one_or_those_of_the_samples():
    law = lfp.TwoLayer()
    assert (law.sigma_a, law.sigma_w) == (1.0, 1.0)
    assert law == lfp.TwoLayer(sigma_a=1.0, sigma_w=1.0)
    samples = lfp.Samples([1.0, 3.0], [0.5, 1.0])
    law = lfp.TwoLayer(weights=samples)
    assert law.sigma_a == pytest.approx(np.sqrt(5))
    wide = dataclasses.replace(law, sigma_b=3.0)
    assert (wide.sigma_a, wide.sigma_w, wide.sigma_b) == (law.sigma_a, law.sigma_w, 3.0)
    assert dataclasses.replace(lfp.TwoLayer("tanh"), sigma_a=2.0) == lfp.TwoLayer("tanh", 2.0)


def test_laws_hold_in_high_dimension():
    for name in NAMES:
        law = lfp.TwoLayer(name, sigma_w=1 / np.sqrt(784), weights="gaussian")
        assert np.isfinite(law.pieces(np.linspace(0, 50, 5), 784)).all()
        assert (np.array(law.rates([0.3, 0.4], 784)) >= 0).all(), name  # infinite for ReLU


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="weights must be one of 'gaussian', 'uniform', 'fixed'"):
        lfp.TwoLayer(weights="cauchy")
    samples = lfp.Samples([2.0, -1.0], [0.5, 1.0])
    for sigma_a in (1.0, 2.0):
        with pytest.raises(ValueError, match="sigma_a must be left out, or None, where"):
            lfp.TwoLayer(sigma_a=sigma_a, weights=samples)
    with pytest.raises(TypeError, match="activation"):
        lfp.TwoLayer(activation=3)  # pyright: ignore
    with pytest.raises(ValueError, match="the rates of a sine are the density of w, which Fixed"):
        lfp.TwoLayer("sin", weights="fixed").rates(1.0, 2)
    with pytest.raises(ValueError, match="exists in dimensions 1 and 2, got x of dimension 3"):
        lfp.TwoLayer("tanh", weights="uniform").ntk(np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="oscillate too fast to be averaged over w at xi = 30000"):
        lfp.TwoLayer(lambda z: np.clip(z, 0, 6)).rates(3e4, 1)


def test_search_for_rates_that_do_not_settle_is_short(monkeypatch):
    """The last of the halvings, which alone are slow, are not tried."""
    sizes = []
    transform = Piecewise.transform

    def counted(self, eta):
        sizes.append(eta.size)
        return transform(self, eta)

    monkeypatch.setattr(Piecewise, "transform", counted)
    with pytest.raises(ValueError, match="oscillate too fast"):
        lfp.TwoLayer(hard_limit).rates(3.0, 1)
    assert max(sizes) < 10_000

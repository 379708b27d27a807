import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import erf, expit

import lfp
from lfp.activations import NAMED
from lfp.activations.numerical import numerical

ALL = list(NAMED.values())
SMOOTH = [a for a in ALL if a.name != "relu"]
FUNCTIONS = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "erf": erf,
    "sigmoid": expit,
    "softplus": lambda z: np.logaddexp(0, z),
    "gaussian": lambda z: np.exp(-(z**2) / 2),
}


def relu6(z):
    return np.clip(z, 0, 6)


def swish(z):
    return z / (1 + np.exp(-z))


def composite(edges, order=40):
    """Gauss-Legendre nodes and weights between the edges."""
    x, w = np.polynomial.legendre.leggauss(order)
    edges = np.asarray(edges, dtype=float)
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    return (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()


def correlation(function, left, right, delta):
    """R(delta) by its definition."""
    ends = np.unique([-delta / 2, 0.0, delta / 2, *np.linspace(-60, 60, 121)])
    s, weights = composite(ends)
    alpha, beta = np.where(s[:, None] < 0, left, right).T
    product = (alpha * s + beta) ** 2 - (alpha * delta / 2) ** 2
    return weights @ (function(s - delta / 2) * function(s + delta / 2) - product)


@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
@pytest.mark.parametrize("delta", [0.0, 0.05, 0.4999, 0.5001, 1.9999, 2.0001, 9.0])
def test_autocorrelations_are_their_integrals(activation, delta):
    function = FUNCTIONS[activation.name]
    expected = correlation(function, activation.left, activation.right, delta)
    assert activation.autocorrelation(np.array([delta]))[0] == pytest.approx(expected, abs=1e-11)
    sides = (0.0, activation.left[0]), (0.0, activation.right[0])
    expected = correlation(activation.slope, *sides, delta)
    got = activation.slope_autocorrelation(np.array([delta]))[0]
    assert got == pytest.approx(expected, abs=1e-11)


def test_length_is_that_of_the_wider_of_value_and_slope():
    """The second moment over the zeroth of the distance to the asymptotes' squares."""

    def ratio(square, alpha):
        moments = [
            quad(lambda s, k=k: s**k * abs(square(s) - (alpha * max(s, 0)) ** 2), -60, 0)[0]
            + quad(lambda s, k=k: s**k * abs(square(s) - (alpha * max(s, 0)) ** 2), 0, 60)[0]
            for k in (0, 2)
        ]
        return moments[1] / moments[0]

    softplus = ratio(lambda s: np.logaddexp(0, s) ** 2, 1)
    squares = {"relu": 0, "tanh": np.pi**2 / 12, "softplus": softplus, "gaussian": 3 / 2}
    assert ratio(lambda s: (s * np.exp(-(s**2) / 2)) ** 2, 0) == pytest.approx(3 / 2)
    for name, square in squares.items():
        assert NAMED[name].length ** 2 == pytest.approx(square, rel=2e-5), name
    rounded = numerical(FUNCTIONS["relu"])  # the rest of it is rounding
    assert rounded.length == 0
    limit = numerical(lambda z: np.clip(z, -10.0, 10.0))
    assert limit.length == pytest.approx(10 / np.sqrt(3), rel=1e-6)
    narrow = numerical(lambda z: np.tanh(100 * z))
    assert narrow.length == pytest.approx(np.pi / np.sqrt(12) / 100, rel=1e-6)


def window(z, power):
    """Fourier transform of `(2 pi i eta)^power exp(-pi eta^2)` at z: a derivative."""
    h = np.polynomial.Polynomial([1.0])
    for _ in range(power):
        h = h.deriv() - 2 * np.pi * np.polynomial.Polynomial([0, 1]) * h
    return (-1) ** power * h(z) * np.exp(-np.pi * z**2)


@pytest.mark.parametrize("power", [2, 3])
@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
def test_transforms_pair_with_gaussians_like_the_function(activation, power):
    """`<sigma^, g> = <sigma, g^>` with sigma as numpy and scipy know it."""
    z, weights = composite(np.linspace(-6, 6, 25))
    in_space = weights @ (FUNCTIONS[activation.name](z) * window(z, power))
    eta, weights = composite(np.linspace(-5, 5, 61))
    test_function = (2j * np.pi * eta) ** power * np.exp(-np.pi * eta**2)
    in_frequency = weights @ (activation.transform(eta) * test_function)
    assert in_frequency == pytest.approx(in_space, abs=1e-11)


@pytest.mark.parametrize("activation", SMOOTH, ids=lambda a: a.name)
def test_slopes_are_derivatives(activation):
    z = np.linspace(-30, 30, 401)
    differences = (activation.value(z + 1e-5) - activation.value(z - 1e-5)) / 2e-5
    np.testing.assert_allclose(activation.slope(z), differences, atol=1e-8)


@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
def test_activation_is_affine_beyond_its_reach(activation):
    for side, (alpha, beta) in ((-1, activation.left), (1, activation.right)):
        z = side * (activation.reach + np.array([0.1, 1.0, 50.0]))
        np.testing.assert_allclose(activation.value(z), alpha * z + beta, atol=1e-15)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(ALL), st.floats(0.02, 3.0))
def test_slope_power_is_that_of_the_derivative(activation, eta):
    eta = np.array([eta, -eta])
    power = activation.power(eta)
    np.testing.assert_allclose(activation.slope_power(eta), (2 * np.pi * eta) ** 2 * power)
    assert power[0] == pytest.approx(power[1], rel=1e-13)
    transform = activation.transform(eta)
    assert transform[1] == pytest.approx(np.conj(transform[0]), rel=1e-13)


@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
def test_function_gives_the_record_of_its_name(activation):
    record = numerical(FUNCTIONS[activation.name])
    np.testing.assert_allclose(
        [*record.left, *record.right], [*activation.left, *activation.right], atol=1e-12
    )
    delta = np.concatenate([np.linspace(0, 5, 41), [20.0, 100.0, 3000.0]])
    for name in ("autocorrelation", "slope_autocorrelation"):
        expected = getattr(activation, name)(delta)
        np.testing.assert_allclose(getattr(record, name)(delta), expected, rtol=1e-10, atol=1e-11)
    eta = np.array([1e-3, 0.03, 0.2, -0.2, 0.5, 3.0, 100.0])
    size = np.abs(activation.transform(eta))
    error = np.abs(record.transform(eta) - activation.transform(eta))
    assert (error <= 1e-10 * size + 1e-12).all()
    z = np.linspace(-40, 40, 1001) + 1e-3
    np.testing.assert_allclose(record.slope(z), activation.slope(z), atol=1e-10)
    assert record.error < 1e-12


def test_hard_limits_have_their_triangular_slope_correlation():
    """R_slope of clip(z, 0, 6) is `max(6 - delta, 0)`, and R'' = -R_slope, R(0) = -6^3 2/3."""
    delta = np.array([0.0, 0.7, 3.0, 5.9, 6.1, 50.0])
    record = numerical(relu6)
    np.testing.assert_allclose(
        record.slope_autocorrelation(delta), np.maximum(6 - delta, 0), atol=1e-12
    )
    inner = np.minimum(delta, 6)
    expected = -144 - 3 * inner**2 + inner**3 / 6 - 18 * np.maximum(delta - 6, 0)
    np.testing.assert_allclose(record.autocorrelation(delta), expected, rtol=1e-12)
    eta = np.array([0.01, 0.3, -7.7, 900.3, -900.3])
    exact = np.sin(6 * np.pi * eta) / (np.pi * eta) * np.exp(-6j * np.pi * eta)
    np.testing.assert_allclose(record.transform(eta), exact / (2j * np.pi * eta), atol=1e-14)


def test_kink_off_the_panels_costs_little():
    record = numerical(lambda z: np.clip(z, -1 / 3, 1.0))
    top = 4 / 3
    delta = np.linspace(0, 3, 31)
    np.testing.assert_allclose(
        record.slope_autocorrelation(delta), np.maximum(top - delta, 0), atol=1e-6
    )


def test_swish_is_known_by_its_integrals():
    record = numerical(swish)
    for delta in (0.0, 0.3, 4.0):
        expected = correlation(lambda z: z * expit(z), (0, 0), (1, 0), delta)
        assert record.autocorrelation(np.array([delta]))[0] == pytest.approx(expected, abs=1e-10)
    curvature = lambda z: expit(z) * expit(-z) * (2 + z * (1 - 2 * expit(z)))  # noqa: E731
    for eta in (0.05, 0.4):
        real, _ = quad(
            lambda z, k=eta: curvature(z) * np.cos(2 * np.pi * k * z), -60, 60, limit=200
        )
        got = (2j * np.pi * eta) ** 2 * record.transform(np.array([eta]))[0]
        assert got == pytest.approx(real, abs=1e-10)


def cube_root(z):
    return np.cbrt(z)


def stairs(z):
    return np.sign(z - 0.3)


def at_once(z):
    return float(np.sum(z))


def scalar_only(z):
    return math.tanh(z)


def overflowing(z):
    return np.log(1 + np.exp(z))


def imaginary(z):
    return np.tanh(z) + 0j


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda z: z**2, "non-integrable law"),
        (np.arctan, "activation arctan is a non-integrable law"),
        (np.sin, "a sine has its own name"),
        (cube_root, "activation cube_root is a non-integrable law"),
        (stairs, "activation stairs cannot be resolved.*continuous"),
        (np.sign, "activation sign cannot be resolved.*continuous"),
        (at_once, "activation at_once must return the shape of its argument"),
        (scalar_only, r"activation scalar_only must accept an array \(n,\)"),
        (overflowing, "activation overflowing must be finite, got inf at z = .*np.logaddexp"),
        (imaginary, "activation imaginary must return real numbers, got complex128"),
    ],
)
def test_functions_without_a_law_are_refused(function, message):
    with pytest.raises(ValueError, match=message):
        lfp.TwoLayer(function)


def test_rough_functions_are_refused():
    noise = np.random.default_rng(0)
    with pytest.raises(ValueError, match="cannot be resolved: it needs more than"):
        lfp.TwoLayer(lambda z: np.tanh(z) + 0.1 * np.exp(-(z**2)) * noise.normal(size=z.shape))

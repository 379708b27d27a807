"""Zhang's lecture (FAU 2025), Lemmas 1 and 2, eqs. 7 to 10: both sides paired with Gaussians.

The delta-like function of eq. 6 is `<delta_w, phi> = integral phi(y w) dy`.
"""

import numpy as np
import pytest

from lfp.activations import NAMED

ALL = list(NAMED.values())
NORMAL = {1: np.array([0.6]), 2: np.array([0.6, -0.3])}
FACTORS = np.array(
    [0.8, 0.5]
)  # phi(xi) = (v.xi)^4 exp(-pi |xi|^2) vanishes where sigma^ is singular


def line(end, panels):
    """Gauss-Legendre rule on [-end, end], an edge at 0."""
    x, w = np.polynomial.legendre.leggauss(20)
    edges = np.linspace(-end, end, 2 * panels + 1)
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    return (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()


def phi(xi):
    return (xi @ FACTORS[: xi.shape[1]]) ** 4 * np.exp(-np.pi * (xi**2).sum(axis=1))


def gradient_of_phi(xi):
    v = FACTORS[: xi.shape[1]]
    product, envelope = xi @ v, np.exp(-np.pi * (xi**2).sum(axis=1))
    return (4 * product**3 * envelope)[:, None] * v - 2 * np.pi * (product**4 * envelope)[
        :, None
    ] * xi


def transform_of_phi(x):
    """`(v.grad)^4 exp(-pi |x|^2) / (2 pi)^4`, a Hermite polynomial along v."""
    v = FACTORS[: x.shape[1]]
    length = np.linalg.norm(v)
    s = np.sqrt(2 * np.pi) * (x @ v) / length
    hermite = s**4 - 6 * s**2 + 3
    return length**4 * (2 * np.pi) ** -2 * hermite * np.exp(-np.pi * (x**2).sum(axis=1))


def plane(direction):
    """Nodes `(k, d)` with weights; the first axis runs along `direction`, with an edge at 0."""
    along, weights = line(5.0, 20)
    unit = direction / np.linalg.norm(direction)
    if len(unit) == 1:
        return along[:, None] * unit, weights
    across = np.array([-unit[1], unit[0]])
    x = along[:, None, None] * unit + along[None, :, None] * across
    return x.reshape(-1, 2), np.outer(weights, weights).ravel()


def on_the_line(w):
    """Positions `y w` with the weights of dy."""
    y, weights = line(4 / np.linalg.norm(w), 40)
    return y, y[:, None] * w, weights


@pytest.mark.parametrize("d", [1, 2])
def test_lemma_1_scaling_of_delta_like_functions(d):
    """eq. 7, delta_w as the limit of ever thinner Gaussians around the line: order two."""
    w = NORMAL[d]
    length = np.linalg.norm(w)
    _, positions, weights = on_the_line(w)
    exact = weights @ phi(positions)
    x, area = plane(w)
    if d == 1:  # the line is the whole space: delta_w is the constant 1/|w|
        assert area @ phi(x) / length == pytest.approx(exact, rel=1e-12)
        return
    errors = []
    for width in (0.1, 0.05):
        scaled = x / length
        distance = scaled @ np.array([-w[1], w[0]]) / length
        thin = np.exp(-((distance / width) ** 2) / 2) / (np.sqrt(2 * np.pi) * width)
        errors.append(abs(area @ (thin * phi(x)) / length**d - exact) / abs(exact))
    assert errors[1] < 0.05
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.25)


@pytest.mark.parametrize("d", [1, 2])
def test_pairing_function_has_the_stated_transform(d):
    x, area = plane(NORMAL[d])
    for at in (np.zeros(d), np.full(d, 0.4)):
        direct = area @ (phi(x) * np.exp(-2j * np.pi * x @ at))
        assert direct == pytest.approx(transform_of_phi(at[None])[0], abs=1e-12)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
def test_lemma_2a_network_function_of_a_unit_direction(activation, d):
    """eq. 8: the transform of `g(nu.x)` is `delta_nu(xi) g^(xi.nu)`."""
    nu = NORMAL[d] / np.linalg.norm(NORMAL[d])
    x, area = plane(nu)
    in_space = area @ (activation.value(x @ nu) * transform_of_phi(x))
    y, positions, weights = on_the_line(nu)
    in_frequency = weights @ (activation.transform(y) * phi(positions))
    assert in_frequency == pytest.approx(in_space, abs=1e-11)
    assert abs(in_space) > 1e-6 or activation.name in ("tanh", "erf", "sigmoid")  # odd: both 0


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("bias", [0.0, 0.35, -0.2])
@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
def test_lemma_2b_network_function_with_weight_and_bias(activation, bias, d):
    """eq. 9: `delta_w(xi) g^(xi.u/|w|) exp(2 pi i b xi.u/|w|)`, u = w/|w|; on the line `xi = y w`
    the argument is y."""
    w = NORMAL[d]
    shift = -bias * w / (w @ w)  # the kink on an edge
    x, area = plane(w)
    x = x + shift
    in_space = area @ (activation.value(x @ w + bias) * transform_of_phi(x))
    y, positions, weights = on_the_line(w)
    wave = activation.transform(y) * np.exp(2j * np.pi * bias * y)
    in_frequency = weights @ (wave * phi(positions))
    assert in_frequency == pytest.approx(in_space, abs=1e-11)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
def test_lemma_2c_multiplication_by_x_is_a_gradient(activation, d):
    """eq. 10: `(i/2 pi) grad` of eq. 9, hence `-(i/2 pi)` times its pairing with grad phi."""
    w, bias = NORMAL[d], 0.35
    x, area = plane(w)
    x = x - bias * w / (w @ w)
    in_space = (area * activation.value(x @ w + bias) * transform_of_phi(x)) @ x
    y, positions, weights = on_the_line(w)
    wave = weights * activation.transform(y) * np.exp(2j * np.pi * bias * y)
    in_frequency = -1j / (2 * np.pi) * (wave @ gradient_of_phi(positions))
    np.testing.assert_allclose(in_frequency, in_space, atol=1e-11)
    assert np.abs(in_space).max() > 1e-6

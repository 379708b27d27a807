"""The infinite-width kernel of convolutional networks with average pooling."""

import itertools
import math

import jax
import numpy as np
import pytest
from scipy import stats

import nets

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)


def erf_moments(q1, q12, q2):
    """E erf(u) erf(v) and E erf'(u) erf'(v) of two Gaussians (Williams 1997)."""
    product = (1 + 2 * q1) * (1 + 2 * q2)
    first = math.asin(2 * q12 / math.sqrt(product)) * 2 / math.pi
    return first, 4 / (math.pi * math.sqrt(product - 4 * q12**2))


def by_hand(x, y, layers, *, side, pool):
    """One entry of the kernel of one convolution, pooling and the output, pixel by pixel.

    layers are (N, f, g, u, v) of `f W x + g b` with W of N inputs that are not pixels.
    """
    (_, f1, g1, u1, v1), (channels, f2, g2, u2, _) = layers
    rows, columns = ((size - side + 1) // pool for size in x.shape[:2])

    def patch(image, p, q):
        return image[p : p + side, q : q + side].ravel()

    kernel = g2**2
    for row, column in itertools.product(range(rows), range(columns)):
        square = list(itertools.product(range(pool), range(pool)))
        for (i, j), (m, n) in itertools.product(square, square):
            left = patch(x, pool * row + i, pool * column + j)
            right = patch(y, pool * row + m, pool * column + n)
            q1, q12, q2 = (
                u1**2 * a @ b + v1**2 for a, b in ((left, left), (left, right), (right, right))
            )
            first, slope = erf_moments(q1, q12, q2)
            inner = f1**2 * left @ right + g1**2
            kernel += channels * (f2**2 * first + u2**2 * slope * inner) / pool**4
    return kernel


@pytest.mark.parametrize(
    ("scaling", "activation"),
    [("standard", "erf"), ("ntk", "erf"), ("ntk", jax.scipy.special.erf)],
)
def test_kernel_is_the_mean_over_all_pairs_of_pixels_of_a_square(scaling, activation):
    """In closed form, and by the quadrature that a function is given to."""
    (u1, u2), (v1, v2), channels = (0.8, 1.3), (0.4, 0.2), 7
    net = nets.cnn(
        KEY,
        image=(5, 4, 2),
        channels=(channels,),
        kernel_size=2,
        pool=2,  # squares of 4 x 3 pixels: a column is left over
        pooling="average",
        dense=(),
        activation=activation,
        scaling=scaling,
        weight_std=(u1, u2),
        bias_std=(v1, v2),
    )
    layers = [(8, 1.0, 1.0, u1, v1), (channels, 1.0, 1.0, u2, v2)]
    if scaling == "ntk":
        of_all = [u1 / math.sqrt(8), u2 / math.sqrt(2 * channels)]
        layers = [(8, of_all[0], v1, of_all[0], v1), (channels, of_all[1], v2, of_all[1], v2)]
    x = RNG.normal(size=(3, 5, 4, 2))
    kernel = nets.infinite_kernel(net, x.reshape(3, -1), x[:2].reshape(2, -1))
    expected = [[by_hand(one, other, layers, side=2, pool=2) for other in x[:2]] for one in x]
    np.testing.assert_allclose(kernel, expected, rtol=1e-10)


def images(key, channels, pooling="average"):
    """Two convolutions, a row or a column left over behind each of them."""
    return nets.cnn(
        key,
        image=(8, 9, 2),
        channels=(channels, channels),
        kernel_size=2,
        pool=2,
        pooling=pooling,
        dense=(),
        activation="relu",
        scaling="ntk",
        weight_std=(1.0, 1.4, 1.4),
        bias_std=0.3,
    )


X = RNG.normal(size=(2, 144))


def check_widths(widths, seeds):
    """Mean of the kernels within their sampling error; relative distances (widths, seeds)."""
    expected = nets.infinite_kernel(images(KEY, 12), X, X)
    distances = []
    for width in widths:
        keys = jax.random.split(jax.random.key(width), seeds)
        kernels = np.array([nets.tangent_kernel(images(key, width), X, X) for key in keys])
        distances.append(np.linalg.norm(kernels - expected, axis=(1, 2)) / np.linalg.norm(expected))
        error = np.abs(kernels.mean(axis=0) - expected)
        assert (error < 5 * kernels.std(axis=0) / math.sqrt(seeds)).all()
    assert error.max() < 0.1 * expected.max()
    return np.array(distances)


@pytest.mark.slow
def test_empirical_kernels_have_the_infinite_one_as_their_mean():
    check_widths((60,), 25)


@pytest.mark.slow
def test_empirical_kernels_approach_the_infinite_one_as_its_inverse_square_root():
    widths, seeds = (12, 48, 192), 40
    distances = check_widths(widths, seeds)
    fit = stats.linregress(np.repeat(np.log(widths), seeds), np.log(np.ravel(distances)))
    half = stats.t.ppf(0.975, len(widths) * seeds - 2) * fit.stderr
    assert half < 0.15
    assert abs(fit.slope + 0.5) < half + 0.05


def test_max_pooling_has_no_kernel():
    x = np.ones((1, 144))
    match = "net must be drawn with pooling=\"average\", or .* got pooling='max' and pool=2"
    with pytest.raises(ValueError, match=match):
        nets.infinite_kernel(images(KEY, 3, "max"), x, x)

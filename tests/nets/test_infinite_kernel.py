"""The infinite-width kernel against closed forms, a recursion by hand, and finite networks."""

import math
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import lfp
import nets

RNG = np.random.default_rng(0)
KEY = jax.random.key(0)
ACTIVATIONS = ("relu", "erf", "sin", "gaussian", "tanh")


def two_layer(activation, dim, scale="ntk", width=12):
    return nets.two_layer(
        KEY,
        dim=dim,
        width=width,
        activation=activation,
        sigma_a=1.3,
        sigma_w=0.7,
        sigma_b=2.1,
        scale=scale,
    )


@pytest.mark.parametrize("dim", [1, 3])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_two_layer_kernel_is_the_exact_one(activation, dim):
    law = lfp.TwoLayer(activation, sigma_a=1.3, sigma_w=0.7, sigma_b=2.1)
    x1 = RNG.uniform(-1, 1, (9, dim))
    x2 = np.concatenate([x1[:4], x1[:2] + 1e-4, RNG.uniform(-1, 1, (3, dim))])  # the same, and near
    kernel = nets.infinite_kernel(two_layer(activation, dim), x1, x2)
    np.testing.assert_allclose(kernel, law.ntk(x1, x2), rtol=2e-10)
    assert kernel.dtype == np.float64


@pytest.mark.parametrize(
    ("scale", "factor"), [("standard", 12), ("mean-field", 1 / 12), (5.0, 12 / 25)]
)
def test_prefactor_of_a_two_layer_network_is_the_unit_of_time(scale, factor):
    x = np.linspace(-1, 1, 5)
    kernel = nets.infinite_kernel(two_layer("erf", 1), x, x)
    scaled = nets.infinite_kernel(two_layer("erf", 1, scale=scale), x, x)
    np.testing.assert_allclose(scaled, factor * kernel, rtol=1e-13)


@pytest.mark.bits
def test_pairs_have_once_and_twice_the_kernel():
    x, net = np.linspace(-1, 1, 5), two_layer("erf", 1)
    kernel = nets.infinite_kernel(net, x, x)
    for pair, factor in (
        (nets.antisymmetric(net), 1),
        (nets.doubled(net), 2),
        (nets.doubled(nets.antisymmetric(net)), 2),
    ):
        np.testing.assert_array_equal(nets.infinite_kernel(pair, x, x), factor * kernel)


def moments(activation, q1, q12, q2):
    """E sigma(u) sigma(v) and E sigma'(u) sigma'(v) of two Gaussians (Cho, Saul 2009; Williams)."""
    if activation == "relu":
        norm = math.sqrt(q1 * q2)
        angle = math.acos(min(1.0, q12 / norm))
        first = norm * (math.sin(angle) + (math.pi - angle) * math.cos(angle))
        return first / (2 * math.pi), (math.pi - angle) / (2 * math.pi)
    product = (1 + 2 * q1) * (1 + 2 * q2)
    first = math.asin(2 * q12 / math.sqrt(product)) * 2 / math.pi
    return first, 4 / (math.pi * math.sqrt(product - 4 * q12**2))


def by_hand(layers, activation, x, y):
    """One entry K(x, y); layers are (fan_in, f, g, u, v) of `f W x + g b`, W and b trained."""
    products, kernel, slope = (x @ x, x @ y, y @ y), 0.0, 0.0  # sums over the inputs of a layer
    for i, (fan_in, f, g, u, v) in enumerate(layers):
        kernel = f**2 * products[1] + g**2 + fan_in * u**2 * slope * kernel
        q1, q12, q2 = (u**2 * product + v**2 for product in products)
        if i + 1 < len(layers):
            pairs = ((q1, q1, q1), (q1, q12, q2), (q2, q2, q2))
            means = [moments(activation, *pair) for pair in pairs]
            slope = means[1][1]
            products = [layers[i + 1][0] * first for first, _ in means]
    return kernel


WIDTHS, STDS, BIASES = (2, 20, 30, 25, 1), (1.1, 1.3, 0.8, 1.2), (0.3, 0.6, 0.2, 0.4)
FAN_IN = WIDTHS[:-1]
LAYERS = {
    "standard": [(n, 1, 1, u, v) for n, u, v in zip(FAN_IN, STDS, BIASES, strict=True)],
    "ntk": [
        (n, u / math.sqrt(n), v, u / math.sqrt(n), v)
        for n, u, v in zip(FAN_IN, STDS, BIASES, strict=True)
    ],
    "mean-field": [
        (n, f, 1, f * u, v)
        for n, f, u, v in zip(FAN_IN, (1, 1, 1, 1 / 25), STDS, BIASES, strict=True)
    ],
}


@pytest.mark.parametrize("activation", ["relu", "erf"])
@pytest.mark.parametrize("scaling", LAYERS)
def test_deep_kernel_is_the_recursion_from_layer_to_layer(scaling, activation):
    net = nets.mlp(
        KEY,
        widths=WIDTHS,
        activation=activation,
        scaling=scaling,
        weight_std=STDS,
        bias_std=BIASES,
    )
    x = RNG.uniform(-1, 1, (4, 2))
    kernel = nets.infinite_kernel(net, x, x[:2])
    for i in range(4):
        for j in range(2):
            expected = by_hand(LAYERS[scaling], activation, x[i], x[j])
            assert kernel[i, j] == pytest.approx(expected, rel=1e-7 if i == j else 1e-11)


def test_kernel_does_not_depend_on_the_parameters_or_the_number_of_outputs():
    x = RNG.uniform(-1, 1, (4, 2))
    kernels = [
        nets.infinite_kernel(
            nets.mlp(jax.random.key(seed), widths=(2, 6, 5, outputs), activation="erf"), x, x[:2]
        )
        for seed, outputs in ((0, 1), (1, 3))
    ]
    np.testing.assert_array_equal(*kernels)


def test_kernel_in_tiles_is_the_kernel(monkeypatch):
    x, net = RNG.uniform(-1, 1, (4, 2)), nets.mlp(KEY, widths=(2, 6, 1), activation="erf")
    whole = nets.infinite_kernel(net, x, x[:2])
    monkeypatch.setattr("nets.kernels.infinite._TILE_VALUES", 4)
    np.testing.assert_allclose(nets.infinite_kernel(net, x, x[:2]), whole, rtol=1e-14)


def images(key, channels, **options):
    shape = {"image": (5, 4, 2), "kernel_size": 2, "pool": 1, "dense": (), **options}
    return nets.cnn(key, channels=(channels, channels), activation="relu", **shape)


def kernels_of(make, x, seeds):
    return np.array([nets.tangent_kernel(make(key), x, x) for key in jax.random.split(KEY, seeds)])


def check_mean(kernels, expected):
    """Within sampling error, entry by entry, and close."""
    error = np.abs(kernels.mean(axis=0) - expected)
    assert (error < 5 * kernels.std(axis=0) / math.sqrt(len(kernels))).all()
    assert error.max() < 0.05 * expected.max()


@pytest.mark.slow
def test_empirical_kernels_of_convolutions_have_the_infinite_one_as_their_mean():
    x = RNG.uniform(-1, 1, (3, 40))
    kernels = kernels_of(lambda key: images(key, 60), x, 25)
    check_mean(kernels, nets.infinite_kernel(images(KEY, 60), x, x))


def deep(key, width, depth, activation, scaling="ntk"):
    std = (1.0, *(1.4,) * (depth - 1)) if scaling == "ntk" else "he"
    return nets.mlp(
        key,
        widths=(2, *(width,) * (depth - 1), 1),
        activation=activation,
        scaling=scaling,
        weight_std=std,
        bias_std=0.3,
    )


def check_widths(widths, seeds, *options):
    """The mean is the infinite kernel, and the distance to it falls as width^(-1/2)."""
    x = np.array([[0.3, -0.8], [1.0, 0.2], [-0.4, 0.9]])
    distances = []
    for width in widths:
        kernels = kernels_of(lambda key, width=width: deep(key, width, *options), x, seeds)
        expected = nets.infinite_kernel(deep(KEY, width, *options), x, x)
        distances.append(np.linalg.norm(kernels - expected, axis=(1, 2)) / np.linalg.norm(expected))
    check_mean(kernels, expected)
    fit = stats.linregress(np.repeat(np.log(widths), seeds), np.log(np.ravel(distances)))
    half = stats.t.ppf(0.975, len(widths) * seeds - 2) * fit.stderr
    assert half < 0.2
    assert abs(fit.slope + 0.5) < half + 0.05


def test_empirical_kernels_approach_the_infinite_one_as_its_inverse_square_root():
    check_widths((32, 512), 30, 3, "relu")


@pytest.mark.slow
@pytest.mark.parametrize("scaling", ["ntk", "standard"])
@pytest.mark.parametrize("activation", ["relu", "erf"])
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_empirical_kernels_approach_the_infinite_one_at_every_depth(depth, activation, scaling):
    check_widths((64, 256, 1024), 40, depth, activation, scaling)


X = np.linspace(-1, 1, 3)


def test_points_of_another_dimension():
    with pytest.raises(ValueError, match="x2 must have points of dimension 1"):
        nets.infinite_kernel(two_layer("relu", 1), X, np.ones((2, 2)))
    with pytest.raises(ValueError, match="x must have shape"):
        nets.infinite_kernel(two_layer("relu", 1), np.ones((2, 2)), np.ones((2, 2)))


class Line(eqx.Module):
    slope: jax.Array

    def __call__(self, x):
        return self.slope * jnp.asarray(x)[:, 0]


def test_networks_of_another_kind():
    with pytest.raises(TypeError, match=r"net must be drawn by nets.two_layer, nets.two_layer_k"):
        nets.infinite_kernel(Line(jnp.ones(())), X, X)


def test_network_put_together_by_hand_has_no_standard_deviations():
    net = nets.TwoLayer(a=jnp.ones(2), w=jnp.ones((2, 1)), b=jnp.ones(2), activation="relu")
    with pytest.raises(ValueError, match="net must know the standard deviations it was drawn with"):
        nets.infinite_kernel(net, X, X)


def test_activation_too_rough_for_the_rule(monkeypatch):
    monkeypatch.setattr("nets.kernels.infinite._COUNTS", (16, 32))
    net = nets.two_layer(KEY, width=3, activation=jax.nn.relu)
    with pytest.raises(ValueError, match="is too rough for its expectations to be resolved by"):
        nets.infinite_kernel(net, X[:1], X[1:])


def test_uniform_weights_are_refused():
    net = nets.mlp(KEY, widths=(1, 5, 1), distribution="uniform")
    with pytest.raises(ValueError, match="must be drawn with distribution='gaussian'"):
        nets.infinite_kernel(net, X[:1], X[1:])


def test_missing_package_says_what_to_type(monkeypatch):
    monkeypatch.setitem(sys.modules, "neural_tangents", None)
    with pytest.raises(
        ImportError, match=r"type: pip install --no-deps neural-tangents==0\.6\.5 frozendict"
    ):
        nets.infinite_kernel(two_layer("relu", 1), X, X)


def test_float32_is_refused():
    with jax.enable_x64(False), pytest.raises(RuntimeError, match="infinite_kernel needs float64"):
        nets.infinite_kernel(two_layer("relu", 1), X, X)


def test_import_leaves_nothing_on_the_modules_of_jax():
    from jax import core
    from jax.interpreters import ad

    nets.infinite_kernel(two_layer("erf", 1), X, X)
    assert not hasattr(ad, "zeros_like_p")
    assert not any(hasattr(core, name) for name in ("Jaxpr", "JaxprEqn", "Literal", "Var"))

"""Convolutional networks against an explicit loop, and what they refuse."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import nets
from nets._frozen import split
from nets.networks.cnn import pooled as pool_of

KEY = jax.random.key(0)
IMAGE = (9, 8, 2)
SMALL = {"image": IMAGE, "channels": (3, 4), "kernel_size": 2, "dense": (5,), "outputs": 2}
WEIGHTS, BIASES = (0.9, 0.4, 0.7, 1.2), (0.1, 0.5, 0.3, 0.8)
X = np.random.default_rng(0).normal(size=(3, *IMAGE))


def convolved(image, weight, bias):
    """Every output pixel by itself, without padding."""
    side = weight.shape[0]
    rows, columns = image.shape[0] - side + 1, image.shape[1] - side + 1
    result = np.zeros((rows, columns, weight.shape[3]))
    for p in range(rows):
        for q in range(columns):
            for k in range(weight.shape[3]):
                total = bias[k]
                for i in range(side):
                    for j in range(side):
                        for c in range(weight.shape[2]):
                            total += image[p + i, q + j, c] * weight[i, j, c, k]
                result[p, q, k] = total
    return result


def pooled(image, size, summary):
    rows, columns = image.shape[0] // size, image.shape[1] // size
    result = np.zeros((rows, columns, image.shape[2]))
    for p in range(rows):
        for q in range(columns):
            for c in range(image.shape[2]):
                square = image[p * size : (p + 1) * size, q * size : (q + 1) * size, c]
                result[p, q, c] = summary(square.ravel())
    return result


@pytest.mark.parametrize(
    ("scaling", "pool", "pooling"),
    [
        ("standard", 1, "max"),
        ("standard", 2, "max"),
        ("ntk", 1, "average"),
        ("ntk", 2, "average"),
        ("mean-field", 2, "max"),
    ],
)
def test_output_is_that_of_explicit_loops(scaling, pool, pooling):
    net = nets.cnn(
        KEY,
        **SMALL,
        pool=pool,
        pooling=pooling,
        activation="tanh",
        scaling=scaling,
        weight_std=WEIGHTS,
        bias_std=BIASES,
    )
    layers = []
    for i, layer in enumerate((*net.convolutions, *net.layers)):
        weight, bias = np.asarray(layer.weight), np.asarray(layer.bias)
        fan_in = weight[..., 0].size
        if scaling == "ntk":
            weight, bias = weight * WEIGHTS[i] / math.sqrt(fan_in), bias * BIASES[i]
        elif scaling == "mean-field" and i == 3:
            weight = weight / fan_in
        layers.append((weight, bias))
    expected = []
    for image in X:
        for weight, bias in layers[:2]:
            summary = {"max": max, "average": np.mean}[pooling]
            image = pooled(np.tanh(convolved(image, weight, bias)), pool, summary)
        hidden = np.tanh(image.ravel() @ layers[2][0] + layers[2][1])
        expected.append(hidden @ layers[3][0] + layers[3][1])
    np.testing.assert_allclose(net(X), expected, rtol=1e-11)


def test_images_may_be_flat():
    net = nets.cnn(KEY, **SMALL)
    np.testing.assert_array_equal(net(X.reshape(3, -1)), net(X))


def test_parameters_have_the_standard_deviations_asked_for():
    options = {"image": (8, 8, 20), "channels": (40, 50), "kernel_size": 2, "dense": (400,)}
    expected = {
        "he": [2 / 80, 2 / 160, 2 / 50, 2 / 400],
        "glorot": [2 / (80 + 160), 2 / (160 + 200), 2 / 450, 2 / 401],
        "lecun": [1 / 80, 1 / 160, 1 / 50, 1 / 400],
        (0.3, 0.5, 0.7, 0.9): [0.09, 0.25, 0.49, 0.81],
    }
    for weight_std, variances in expected.items():
        net = nets.cnn(KEY, **options, weight_std=weight_std)
        for layer, variance in zip((*net.convolutions, *net.layers), variances, strict=True):
            values = np.asarray(layer.weight)
            assert abs(np.var(values) / variance - 1) < 5 * math.sqrt(2 / values.size)
            assert layer.weight_std == pytest.approx(math.sqrt(variance))


@pytest.mark.slow
def test_ntk_scaling_gives_the_same_functions_and_another_kernel():
    options = {**SMALL, "outputs": 1}
    ntk = nets.cnn(KEY, **options, scaling="ntk", weight_std=WEIGHTS, bias_std=BIASES)
    fan_ins = [layer.weight[..., 0].size for layer in (*ntk.convolutions, *ntk.layers)]
    elementwise = tuple(u / math.sqrt(n) for u, n in zip(WEIGHTS, fan_ins, strict=True))
    standard = nets.cnn(KEY, **options, weight_std=elementwise, bias_std=BIASES)
    np.testing.assert_allclose(ntk(X), standard(X), rtol=1e-12)
    parameters, static = split(standard)
    jacobian = jax.jacrev(lambda parameters: eqx.combine(parameters, static)(X))(parameters)
    rows = [np.asarray(leaf).reshape(len(X), -1) for leaf in jax.tree.leaves(jacobian)]
    squares = [s**2 for pair in zip(elementwise, BIASES, strict=True) for s in pair]
    expected = sum(s * row @ row.T for s, row in zip(squares, rows, strict=True))
    flat = X.reshape(len(X), -1)
    np.testing.assert_allclose(nets.tangent_kernel(ntk, flat, flat), expected, rtol=1e-10)


def test_order_of_channels_does_not_matter():
    net = nets.cnn(KEY, **SMALL)
    order = np.array([2, 0, 1])
    first, second = net.convolutions
    shuffled = eqx.tree_at(
        lambda net: [
            net.convolutions[0].weight,
            net.convolutions[0].bias,
            net.convolutions[1].weight,
        ],
        net,
        [first.weight[..., order], first.bias[order], second.weight[:, :, order]],
    )
    np.testing.assert_allclose(shuffled(X), net(X), rtol=1e-12)


def test_image_moved_by_a_pooling_square_moves_what_is_pooled():
    net = nets.cnn(KEY, image=(8, 8, 1), channels=(3,), kernel_size=3, pool=2)
    dot = np.zeros((2, 8, 8, 1))
    dot[0, 3, 3], dot[1, 5, 3] = 1.0, 1.0
    one, other = pool_of(net.convolutions[0](jnp.asarray(dot)), 2, "max")
    np.testing.assert_allclose(other[1:], one[:-1], rtol=1e-12)
    assert np.abs(other - one).max() > 0.1


def test_gradient_agrees_with_finite_differences():
    net = nets.cnn(KEY, **SMALL, activation="tanh")
    parameters, static = split(net)
    check_grads(lambda parameters: eqx.combine(parameters, static)(X), (parameters,), order=1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_in_is_dtype_out(dtype):
    net = nets.cnn(KEY, **{**SMALL, "outputs": 1}, dtype=dtype)
    assert net(X).dtype == dtype
    assert net(X).shape == (3,)
    flat = X.reshape(3, -1)
    assert nets.tangent_kernel(net, flat, flat).dtype == dtype


def test_average_over_squares_of_one_pixel_is_no_pooling():
    options = {**SMALL, "pool": 1}
    nets_of_both = [nets.cnn(KEY, **options, pooling=word) for word in ("max", "average")]
    np.testing.assert_array_equal(*(net(X) for net in nets_of_both))


def test_network_without_hidden_dense_layers():
    net = nets.cnn(KEY, image=IMAGE, channels=(3,), dense=())
    assert [layer.weight.shape for layer in net.layers] == [(3 * 3 * 3, 1)]
    assert net(X).shape == (3,)


def test_network_is_trained_by_gradient_flow():
    net = nets.antisymmetric(nets.cnn(KEY, image=(6, 6, 1), channels=(4,), dense=()))
    x = np.random.default_rng(1).normal(size=(4, 36))
    run = nets.gradient_flow(net, x, [1.0, -1.0, 0.5, 0.0], [0.0, 1.0, 100.0])
    assert (np.diff(run.loss) < 0).all()
    assert run.loss[-1] < 0.01 * run.loss[0]


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"image": (8, 8)}, ValueError, r"image must have at least 3 entries, got \(8, 8\)"),
        ({"image": (8, 8, 1, 1)}, ValueError, r"image must be \(h, w, channels\), got"),
        ({"image": (8, 0, 1)}, ValueError, r"image\[1\] must be at least 1, got 0"),
        ({"channels": ()}, ValueError, "channels must have at least 1 entries"),
        ({"channels": (3, -1)}, ValueError, r"channels\[1\] must be at least 1, got -1"),
        ({"dense": (0,)}, ValueError, r"dense\[0\] must be at least 1, got 0"),
        ({"outputs": 0}, ValueError, "outputs must be at least 1, got 0"),
        ({"pool": 0}, ValueError, "pool must be at least 1, got 0"),
        ({"pooling": "mean"}, ValueError, "pooling must be one of 'max', 'average', got 'mean'"),
        ({"pooling": 2}, TypeError, "pooling"),
        ({"kernel_size": 11}, ValueError, "kernel_size must fit .* 0, 10 x 10, got 11"),
        ({"kernel_size": 4}, ValueError, "kernel_size must fit .* convolution 1, 3 x 3, got 4"),
        ({"pool": 9}, ValueError, "pool must leave something .* convolution 0, 8 x 8, got 9"),
        ({"weight_std": (1.0, 1.0)}, ValueError, "weight_std must be .* 4 layers, got 2"),
        ({"activation": "swish"}, ValueError, "activation must be one of"),
        ({"scaling": "mup"}, ValueError, "scaling must be one of"),
        ({"dtype": "int8"}, TypeError, "dtype must be a floating-point type"),
    ],
)
def test_options_out_of_range(options, error, match):
    with pytest.raises(error, match=match):
        nets.cnn(KEY, **{"image": (10, 10, 1), **options})


@pytest.mark.parametrize("x", [X[0], X[..., :1], X.reshape(3, -1)[:, 1:], 1.0])
def test_images_of_another_shape_are_refused(x):
    with pytest.raises(ValueError, match=r"x must have shape \(n, 9, 8, 2\) or \(n, 144\)"):
        nets.cnn(KEY, **SMALL)(x)


def test_images_of_words_are_refused():
    with pytest.raises(TypeError, match="x must hold real numbers"):
        nets.cnn(KEY, **SMALL)("abc")

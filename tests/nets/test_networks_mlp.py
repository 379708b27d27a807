"""Fully connected networks: formulas, variances, scalings, symmetries."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nets
from nets._frozen import split

KEY = jax.random.key(0)
WIDTHS = (2, 5, 4, 1)
WEIGHTS, BIASES = (1.5, 0.8, 2.0), (0.3, 0.7, 1.1)
X = np.random.default_rng(0).normal(size=(6, 2))


def factors(scaling, widths, weights, biases):
    """Factors of weight and bias of every layer, from the definition of the scaling."""
    last = len(widths) - 2
    if scaling == "ntk":
        return [(u / math.sqrt(n), v) for u, v, n in zip(weights, biases, widths[:-1], strict=True)]
    mean = scaling == "mean-field"
    return [(1 / widths[i] if mean and i == last else 1.0, 1.0) for i in range(last + 1)]


def kernel_of_each_parameter(net, x):
    """J J^T, one for each array of parameters, in the order weight, bias, layer by layer."""
    parameters, static = split(net)
    jacobian = jax.jit(jax.jacrev(lambda parameters: eqx.combine(parameters, static)(x)))
    rows = [np.asarray(leaf).reshape(len(x), -1) for leaf in jax.tree.leaves(jacobian(parameters))]
    return [row @ row.T for row in rows]


@pytest.mark.parametrize("scaling", ["standard", "ntk", "mean-field"])
def test_output_is_that_of_a_loop_over_layers_and_units(scaling):
    net = nets.mlp(KEY, widths=WIDTHS, scaling=scaling, weight_std=WEIGHTS, bias_std=BIASES)
    expected = []
    for point in X:
        values = list(point)
        for i, (of_weight, of_bias) in enumerate(factors(scaling, WIDTHS, WEIGHTS, BIASES)):
            weight, bias = np.asarray(net.layers[i].weight), np.asarray(net.layers[i].bias)
            values = [
                of_weight * sum(weight[j, k] * values[j] for j in range(len(values)))
                + of_bias * bias[k]
                for k in range(len(bias))
            ]
            values = values if i == len(WIDTHS) - 2 else [math.tanh(z) for z in values]
        expected.append(values[0])
    np.testing.assert_allclose(net(X), expected, rtol=1e-12)


@pytest.mark.parametrize("distribution", ["gaussian", "uniform"])
@pytest.mark.parametrize("scaling", ["standard", "ntk", "mean-field"])
def test_parameters_have_the_standard_deviations_asked_for(scaling, distribution):
    widths, weights, biases = (300, 400, 500), (0.5, 2.0), (3.0, 0.2)
    net = nets.mlp(
        KEY,
        widths=widths,
        scaling=scaling,
        weight_std=weights,
        bias_std=biases,
        distribution=distribution,
    )
    of_each = factors(scaling, widths, weights, biases)
    for layer, weight_std, bias_std, (of_weight, of_bias) in zip(
        net.layers, weights, biases, of_each, strict=True
    ):
        u, v = (1.0, 1.0) if scaling == "ntk" else (weight_std, bias_std)
        for values, sigma in ((layer.weight, u), (layer.bias, v)):
            assert abs(np.std(values) / sigma - 1) < 5 / math.sqrt(2 * values.size)
            assert abs(np.mean(values)) < 5 * sigma / math.sqrt(values.size)
            bounded = np.abs(values).max() <= math.sqrt(3) * sigma
            assert bounded == (distribution == "uniform")
        assert layer.weight_factor == pytest.approx(of_weight)
        assert layer.bias_factor == pytest.approx(of_bias)
        assert layer.weight_std == pytest.approx(of_weight * u)
        assert layer.bias_std == pytest.approx(of_bias * v)


@pytest.mark.parametrize("scaling", ["standard", "ntk"])
@pytest.mark.parametrize(
    ("word", "variance"), [("he", 2 / 300), ("glorot", 2 / 1000), ("lecun", 1 / 300)]
)
def test_words_give_the_variance_of_factor_times_parameter(scaling, word, variance):
    layer = nets.mlp(KEY, widths=(300, 700), scaling=scaling, weight_std=word).layers[0]
    values = layer.weight_factor * np.asarray(layer.weight)
    assert abs(np.var(values) / variance - 1) < 5 * math.sqrt(2 / values.size)
    assert layer.weight_std == pytest.approx(math.sqrt(variance))


def test_words_and_numbers_may_be_mixed():
    net = nets.mlp(KEY, widths=(8, 6, 4), weight_std=("he", 0.25), bias_std=0.0)
    assert [layer.weight_std for layer in net.layers] == [0.5, 0.25]
    assert not any(np.asarray(layer.bias).any() for layer in net.layers)


@pytest.mark.parametrize("scaling", ["standard", "ntk", "mean-field"])
def test_variance_of_the_output_follows_from_layer_to_layer(scaling):
    """relu: E f_l^2 = u^2 fan_in E f_(l-1)^2 / 2 + v^2, the first layer without the half."""
    widths, count = (2, 30, 20, 1), 4000
    weights = (1.0, 1.2, 0.9) if scaling == "ntk" else (0.7, 0.2, 0.3)
    x = np.array([[0.6, -0.3]])
    options = {"activation": "relu", "weight_std": weights, "bias_std": BIASES}

    @jax.jit
    @jax.vmap
    def draw_output(key):
        return nets.mlp(key, widths=widths, scaling=scaling, **options)(x)[0]

    outputs = draw_output(jax.random.split(KEY, count))
    square = np.sum(x**2) / len(x[0])
    for i, (u, v) in enumerate(zip(weights, BIASES, strict=True)):
        fan_in = widths[i]
        spread = u**2 if scaling == "ntk" else u**2 * fan_in
        if scaling == "mean-field" and i == len(widths) - 2:
            spread /= fan_in**2
        square = spread * square * (1 if i == 0 else 0.5) + v**2
    squares = np.asarray(outputs) ** 2
    assert abs(squares.mean() - square) < 5 * squares.std() / math.sqrt(count)
    assert squares.std() / math.sqrt(count) < 0.06 * square


def test_ntk_scaling_gives_the_same_functions_and_another_kernel():
    """K = sum over layers of (u^2/fan_in) K_W + v^2 K_b of the network in standard scaling."""
    ntk = nets.mlp(KEY, widths=WIDTHS, scaling="ntk", weight_std=WEIGHTS, bias_std=BIASES)
    elementwise = tuple(u / math.sqrt(n) for u, n in zip(WEIGHTS, WIDTHS[:-1], strict=True))
    standard = nets.mlp(KEY, widths=WIDTHS, weight_std=elementwise, bias_std=BIASES)
    np.testing.assert_allclose(ntk(X), standard(X), rtol=1e-12)
    expected = np.zeros((len(X), len(X)))
    parts = iter(kernel_of_each_parameter(standard, X))
    for u, v in zip(elementwise, BIASES, strict=True):
        expected += u**2 * next(parts) + v**2 * next(parts)
    kernel = np.asarray(nets.tangent_kernel(ntk, X, X))
    np.testing.assert_allclose(kernel, expected, rtol=1e-11)
    ratio = kernel / np.asarray(nets.tangent_kernel(standard, X, X))
    assert ratio.max() > 1.1 * ratio.min(), "no factor of time turns one into the other"


def test_mean_field_divides_the_output_weights_by_their_fan_in():
    options = {"widths": WIDTHS, "weight_std": WEIGHTS, "bias_std": BIASES}
    mean, standard = nets.mlp(KEY, scaling="mean-field", **options), nets.mlp(KEY, **options)
    bias = np.asarray(standard.layers[-1].bias)
    np.testing.assert_allclose(mean(X) - bias, (standard(X) - bias) / 4, rtol=1e-12)
    parts = kernel_of_each_parameter(standard, X)
    expected = sum(parts[:-1]) / 4**2 + parts[-1]
    np.testing.assert_allclose(nets.tangent_kernel(mean, X, X), expected, rtol=1e-11)


def test_output_bias_adds_one_to_the_kernel():
    """And the a-part of the two-layer kernel comes without its 1/m in standard scaling."""
    width = 40
    two = nets.two_layer(KEY, dim=2, width=width, activation="tanh", sigma_b=1.0)
    deep = nets.mlp(KEY, widths=(2, width, 1))
    first, last = deep.layers
    deep = eqx.tree_at(
        lambda net: jax.tree.leaves(net.layers),
        deep,
        [two.w.T, two.b, two.a[:, None] / math.sqrt(width), jnp.zeros(1)],
    )
    np.testing.assert_allclose(deep(X), two(X), rtol=1e-12)
    of_a, of_w, of_b = kernel_of_each_parameter(two, X)
    np.testing.assert_allclose(
        nets.tangent_kernel(deep, X, X), width * of_a + of_w + of_b + 1, rtol=1e-11
    )
    assert first.weight.shape == (2, width)
    assert last.bias.shape == (1,)


def test_order_of_hidden_units_does_not_matter():
    net = nets.mlp(KEY, widths=(2, 7, 5, 1), weight_std="lecun", bias_std=0.5)
    rng = np.random.default_rng(1)
    first, second = rng.permutation(7), rng.permutation(5)
    a, b, c = net.layers
    shuffled = eqx.tree_at(
        lambda net: [net.layers[0].weight, net.layers[0].bias, *jax.tree.leaves(net.layers[1:])],
        net,
        [
            a.weight[:, first],
            a.bias[first],
            b.weight[first][:, second],
            b.bias[second],
            c.weight[second],
            c.bias,
        ],
    )
    np.testing.assert_allclose(shuffled(X), net(X), rtol=1e-12)
    np.testing.assert_allclose(
        nets.tangent_kernel(shuffled, X, X), nets.tangent_kernel(net, X, X), rtol=1e-11
    )


def test_each_of_several_outputs_is_a_network_of_its_own():
    net = nets.mlp(KEY, widths=(2, 6, 3))
    assert net(X).shape == (6, 3)
    last = net.layers[-1]
    for k in range(3):
        single = eqx.tree_at(
            lambda net: (net.layers[-1].weight, net.layers[-1].bias),
            net,
            (last.weight[:, k : k + 1], last.bias[k : k + 1]),
        )
        assert single(X).shape == (6,)
        np.testing.assert_allclose(single(X), net(X)[:, k], rtol=1e-12)


def test_one_layer_is_affine():
    net = nets.mlp(KEY, widths=(2, 1), weight_std=1.0)
    np.testing.assert_allclose(net(X) + net(-X), np.full(6, 2 * net.layers[0].bias[0]), rtol=1e-12)
    np.testing.assert_allclose(nets.tangent_kernel(net, X, X), 1 + X @ X.T, rtol=1e-12)


def test_points_on_a_line_may_be_a_plain_list():
    net = nets.mlp(KEY, widths=(1, 5, 1))
    x = np.linspace(-1, 1, 4)
    np.testing.assert_array_equal(net(x), net(x[:, None]))


def test_old_and_new_keys_both_work():
    old, new = jax.random.PRNGKey(3), jax.random.key(3)
    for one, other in zip(
        jax.tree.leaves(nets.mlp(old, widths=(1, 4, 1))),
        jax.tree.leaves(nets.mlp(new, widths=(1, 4, 1))),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_in_is_dtype_out(dtype):
    net = nets.mlp(KEY, widths=(2, 4, 1), scaling="ntk", weight_std="he", dtype=dtype)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(net)} == {dtype}
    assert net(X).dtype == dtype
    assert nets.tangent_kernel(net, X, X).dtype == dtype


def test_deep_network_is_trained_by_gradient_flow():
    net = nets.mlp(KEY, widths=(2, 20, 10, 1), scaling="ntk", weight_std=1.0)
    y = np.sin(X[:, 0])
    run = nets.gradient_flow(nets.antisymmetric(net), X, y, [0.0, 1.0, 1000.0])
    assert (np.diff(run.loss) < 0).all()
    assert run.loss[-1] < 0.02 * run.loss[0]
    np.testing.assert_allclose(run.net(X), run.fitted[-1], rtol=1e-10)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"widths": (1,)}, ValueError, r"widths must have at least 2 entries, got \(1,\)"),
        ({"widths": (1, 0, 1)}, ValueError, r"widths\[1\] must be at least 1, got 0"),
        ({"widths": (1, True)}, TypeError, r"widths\[1\] must be an integer, got True"),
        ({"widths": "12"}, TypeError, "widths"),
        ({"activation": "swish"}, ValueError, "activation must be one of 'relu'.*got 'swish'"),
        ({"activation": np.tanh}, TypeError, "activation must be a function of JAX arrays"),
        ({"activation": jnp.sum}, ValueError, "activation must keep shape and dtype"),
        ({"scaling": "mup"}, ValueError, "scaling must be one of 'standard', 'ntk', 'mean-field'"),
        ({"distribution": "cauchy"}, ValueError, "distribution must be one of 'gaussian', 'unif"),
        ({"weight_std": "xavier"}, ValueError, "weight_std must be one of 'he', 'glorot', 'lecun'"),
        ({"weight_std": 0.0}, ValueError, "weight_std must be positive and finite, got 0"),
        ({"weight_std": (1.0, 1.0)}, ValueError, "weight_std must be .* 3 layers, got 2"),
        ({"weight_std": (1.0, 1.0, -1.0)}, ValueError, "weight_std must be positive.*got -1"),
        ({"bias_std": -0.1}, ValueError, "bias_std must be at least 0 and finite, got -0.1"),
        ({"bias_std": "he"}, TypeError, "bias_std must be a number, got 'he'"),
        ({"bias_std": (0.1,)}, ValueError, "bias_std must be .* each of the 3 layers, got 1"),
        ({"dtype": "int32"}, TypeError, "dtype must be a floating-point type, got 'int32'"),
    ],
)
def test_options_out_of_range(options, error, match):
    with pytest.raises(error, match=match):
        nets.mlp(KEY, **options)


def test_unhashable_activation_is_refused():
    class Activation:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, z):
            return z

    with pytest.raises(TypeError, match="activation must be hashable"):
        nets.mlp(KEY, activation=Activation())


def test_something_else_than_a_key_is_refused():
    with pytest.raises(TypeError, match="key must be a random key"):
        nets.mlp(3)


@pytest.mark.parametrize("x", [np.ones((3, 3)), np.ones(3), np.ones((3, 2, 1)), 1.0])
def test_points_of_another_shape_are_refused(x):
    with pytest.raises(ValueError, match=r"x must have shape \(n, 2\) for this network"):
        nets.mlp(KEY, widths=(2, 3, 1))(x)

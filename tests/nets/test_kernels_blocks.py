"""Kernels in blocks, by products and of several outputs, against the whole Jacobian."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nets
from nets import _gram

RNG = np.random.default_rng(0)
KEY = jax.random.key(3)
DEEP = nets.mlp(KEY, widths=(2, 13, 11, 1), weight_std="lecun", activation="tanh")
THREE = nets.mlp(KEY, widths=(2, 9, 7, 3), weight_std="he", activation="relu")
IMAGES = nets.cnn(KEY, image=(6, 5, 2), channels=(3,), dense=(4,), outputs=2, activation="erf")
NETS = {
    "images": (IMAGES, 60),
    "pair": (nets.antisymmetric(THREE), 2),
    "frozen": (nets.two_layer_kinks(KEY, dim=2, width=9, frozen_directions=True), 2),
}
PRODUCTS, TILES, WHOLE = 1, 100_000, 2**28  # bytes: no row fits, some rows fit, all fit
BLOCKS = 2_000  # outputs of some points fit


def points(dim):
    return RNG.normal(size=(10, dim)), RNG.normal(size=(7, dim))


def jacobian(net, x):
    """All rows at once, (n c, parameters)."""
    trained = jax.tree.map(
        eqx.is_inexact_array, net, is_leaf=lambda node: isinstance(node, nets.Frozen)
    )
    parameters, static = eqx.partition(net, trained)
    outputs = lambda parameters: eqx.combine(parameters, static)(x).ravel()  # noqa: E731
    rows = jax.jit(jax.jacrev(outputs))(parameters)
    return np.concatenate(
        [np.asarray(leaf).reshape(len(leaf), -1) for leaf in jax.tree.leaves(rows)], axis=1
    )


@pytest.mark.parametrize(
    ("name", "memory"),
    [("images", PRODUCTS), ("pair", TILES), ("frozen", WHOLE)],
)
def test_kernel_is_the_product_of_two_jacobians_in_any_memory(name, memory):
    net, dim = NETS[name]
    x1, x2 = points(dim)
    outputs = eqx.filter_eval_shape(net, x1).shape[1:]
    kernel = np.asarray(nets.tangent_kernel(net, x1, x2, memory=memory))
    assert kernel.shape == (10, 7, *outputs, *outputs)
    if outputs:
        kernel = kernel.transpose(0, 2, 1, 3).reshape(10 * outputs[0], 7 * outputs[0])
    rows = jacobian(net, np.concatenate([x1, x2]))
    first = len(kernel)
    expected = rows[:first] @ rows[first:].T
    np.testing.assert_allclose(kernel, expected, rtol=1e-11, atol=1e-12 * np.abs(expected).max())


@pytest.mark.bits
def test_all_memories_give_the_same_symmetric_kernel(monkeypatch):
    """And the memories of these tests reach every way of summing."""
    ways = []
    for way in ("_by_products", "_tiled", "_contract"):
        real = getattr(_gram, way)

        def noted(*args, way=way, real=real):
            ways.append(way)
            return real(*args)

        monkeypatch.setattr(_gram, way, noted)
    net, dim = NETS["pair"]
    x, kernels = RNG.normal(size=(23, dim)), []  # a shape of its own: not compiled yet
    for memory, first in ((PRODUCTS, "_by_products"), (TILES, "_tiled"), (WHOLE, "_contract")):
        ways.clear()
        kernels.append(np.asarray(nets.tangent_kernel(net, x, x, memory=memory)))
        assert ways[0] == first
    for kernel in kernels:
        np.testing.assert_allclose(kernel, kernels[0], rtol=1e-11, atol=1e-13)
    np.testing.assert_array_equal(kernels[1], kernels[1].transpose(1, 0, 3, 2))


def test_quadratic_form_is_the_square_of_a_gradient():
    x = RNG.normal(size=(10, 2))
    v = RNG.normal(size=10)
    gradient = jax.grad(lambda net: jnp.dot(v, net(x)))(DEEP)
    square = sum(float(jnp.sum(leaf**2)) for leaf in jax.tree.leaves(gradient))
    assert v @ np.asarray(nets.kernel_product(DEEP, x, x, v)) == pytest.approx(square, rel=1e-12)
    assert v @ np.asarray(nets.tangent_kernel(DEEP, x, x)) @ v == pytest.approx(square, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "memory"), [("images", WHOLE), ("pair", PRODUCTS), ("frozen", BLOCKS)]
)
def test_product_is_that_with_the_kernel(name, memory):
    net, dim = NETS[name]
    x1, x2 = points(dim)
    v = RNG.normal(size=eqx.filter_eval_shape(net, x2).shape)
    kernel = np.asarray(nets.tangent_kernel(net, x1, x2))
    expected = kernel @ v if v.ndim == 1 else np.einsum("ijab,jb->ia", kernel, v)
    product = np.asarray(nets.kernel_product(net, x1, x2, v, memory=memory))
    np.testing.assert_allclose(product, expected, atol=1e-12 * np.abs(expected).max())


def test_blocks_hold_what_the_budget_says():
    """12 numbers a point in the hidden layers of a (2, 5, 7, 1) network, at least."""
    net = nets.mlp(KEY, widths=(2, 5, 7, 1))
    parameters, count, formed = _gram.sizes(lambda at, x: at(x), net, jnp.zeros((4, 2)))
    assert (parameters, count) == (2 * 5 + 5 + 5 * 7 + 7 + 7 + 1, 1)
    assert 12 <= formed <= 8 * 12


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_product_keeps_the_dtype_of_the_network(dtype):
    net = nets.two_layer(KEY, width=5, dtype=dtype)
    assert nets.kernel_product(net, [0.0, 1.0], [0.5], [1.0]).dtype == dtype


SMOOTH = nets.two_layer(KEY, width=4000, activation="gaussian", sigma_b=1.0, dtype="float32")


def test_kernel_beyond_float32_is_given_with_its_condition_number():
    x = np.linspace(-1, 1, 12)
    wide = jax.tree.map(lambda leaf: leaf.astype("float64"), SMOOTH)
    rates = np.linalg.eigvalsh(nets.tangent_kernel(wide, x, x))
    with pytest.warns(UserWarning, match="condition number of at least") as caught:
        kernel = nets.tangent_kernel(SMOOTH, x, x)
    assert kernel.dtype == np.float32
    message = str(caught[0].message)
    assert "float32 holds up to 8.4e+06" in message
    number = float(message.split("at least ")[1].split(",")[0])
    assert 8.4e6 < rates[-1] / rates[0] < 1e14
    assert number == pytest.approx(rates[-1] / rates[0], rel=0.2)


def test_condition_number_of_some_rows_is_a_lower_bound(monkeypatch):
    monkeypatch.setattr("nets.kernels.condition._ROWS", 12)
    x = np.linspace(-1, 1, 30)
    chosen = x[np.linspace(0, 29, 12).astype(int)]
    with pytest.warns(UserWarning, match="condition number of at least") as of_all:
        nets.tangent_kernel(SMOOTH, x, x)
    with pytest.warns(UserWarning, match="condition number of at least") as of_some:
        nets.tangent_kernel(SMOOTH, chosen, chosen)
    assert str(of_all[0].message) == str(of_some[0].message)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("net", "x"), [(SMOOTH, [-1.0, 0.0, 1.0]), (DEEP, np.zeros((5, 2)))], ids=["well", "float64"]
)
def test_kernels_that_their_dtype_holds_come_without_a_warning(net, x):
    nets.tangent_kernel(net, x, x)


def test_kernel_of_several_outputs_beyond_float32_is_told():
    net = nets.mlp(KEY, widths=(1, 30, 2), weight_std=1.0, dtype="float32")
    x = np.linspace(-1, 1, 12)
    with pytest.warns(UserWarning, match="condition number of at least"):
        nets.tangent_kernel(net, x, x)


@pytest.mark.parametrize(
    ("memory", "error", "match"),
    [
        (0, ValueError, "memory must be at least 1, got 0"),
        (True, TypeError, "memory must be an integer, got True"),
    ],
)
def test_memory_of_kernels(memory, error, match):
    with pytest.raises(error, match=match):
        nets.tangent_kernel(DEEP, np.ones((2, 2)), np.ones((2, 2)), memory=memory)
    with pytest.raises(error, match=match):
        nets.kernel_product(DEEP, np.ones((2, 2)), np.ones((2, 2)), [1.0, 1.0], memory=memory)


def test_product_refuses_a_vector_of_another_shape():
    x = np.ones((2, 2))
    with pytest.raises(ValueError, match=r"v must have the shape of the outputs at x2, \(2, 3\)"):
        nets.kernel_product(THREE, x, x, [1.0, 1.0])


def test_kernel_refuses_outputs_of_other_shapes():
    class Square(type(DEEP)):
        def __call__(self, x):
            return jnp.zeros((len(x), 2, 2))

    net = Square(**vars(DEEP))
    with pytest.raises(ValueError, match=r"net must give outputs of shape \(2,\) or \(2, c\), got"):
        nets.tangent_kernel(net, np.ones((2, 2)), np.ones((2, 2)))

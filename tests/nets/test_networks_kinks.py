"""Two-layer networks whose parameters are the places of the kinks, and frozen arrays."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lfp
import nets
from nets._frozen import split

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(6, 2))


def draw(frozen, dim=2, width=20, **options):
    return nets.two_layer_kinks(
        KEY, dim=dim, width=width, frozen_directions=frozen, sigma_l=1.5, **options
    )


def inner_weights(net):
    """r, (m, d), of a network with or without frozen directions."""
    if net.directions is None:
        return np.asarray(net.r)
    return np.asarray(net.r)[:, None] * np.asarray(net.directions.value)


@pytest.mark.parametrize("frozen", [False, True])
def test_output_is_the_sum_over_hidden_units(frozen):
    net = draw(frozen)
    w, r, l = np.asarray(net.w), inner_weights(net), np.asarray(net.l)  # noqa: E741
    expected = [
        sum(
            w[j] * max(r[j] @ (point + l[j] * r[j] / np.linalg.norm(r[j])), 0.0)
            for j in range(len(w))
        )
        / math.sqrt(len(w))
        for point in X
    ]
    np.testing.assert_allclose(net(X), expected, rtol=1e-12)
    assert net.activation == "relu"


@pytest.mark.parametrize("frozen", [False, True])
def test_functions_are_those_of_the_other_parametrisation(frozen):
    net = draw(frozen)
    r = inner_weights(net)
    lengths = np.linalg.norm(r, axis=1)
    other = nets.TwoLayer(a=net.w, w=jnp.asarray(r), b=net.l * lengths, activation="relu")
    np.testing.assert_allclose(net(X), other(X), rtol=1e-12)
    difference = nets.tangent_kernel(net, X, X) - nets.tangent_kernel(other, X, X)
    assert np.abs(difference).max() > 0.1, "the kernel depends on the parameters"


@pytest.mark.parametrize("frozen", [False, True])
def test_kernel_is_the_sum_over_hidden_units(frozen):
    net = draw(frozen)
    w, r, l = np.asarray(net.w), inner_weights(net), np.asarray(net.l)  # noqa: E741
    expected = np.zeros((len(X), len(X)))
    for w_j, r_j, l_j in zip(w, r, l, strict=True):
        length = np.linalg.norm(r_j)
        from_kink = X @ r_j / length + l_j
        active = from_kink > 0
        by_w = length * from_kink * active
        by_l = w_j * length * active
        by_r = w_j * active * (from_kink if frozen else (X + l_j * r_j / length).T)
        expected += np.outer(by_w, by_w) + np.outer(by_l, by_l)
        expected += np.outer(by_r, by_r) if frozen else by_r.T @ by_r
    np.testing.assert_allclose(nets.tangent_kernel(net, X, X), expected / len(w), rtol=1e-11)


def test_direction_on_a_line_is_only_a_sign():
    x = np.linspace(-1, 1, 6)
    free, frozen = draw(False, dim=1), draw(True, dim=1)
    np.testing.assert_allclose(free(x), frozen(x), rtol=1e-12)
    np.testing.assert_allclose(
        nets.tangent_kernel(free, x, x), nets.tangent_kernel(frozen, x, x), rtol=1e-12
    )


def without_affine_part(kernel, x):
    """P K P with the projection P on what is orthogonal to 1 and x on the samples."""
    basis = np.linalg.qr(np.hstack([np.ones((len(x), 1)), x]))[0]
    project = np.eye(len(x)) - basis @ basis.T
    return project @ np.asarray(kernel) @ project


def distance_from_law(dim, frozen, distribution, seeds=6):
    """Largest difference from the law, relative to it, and the same of its standard error."""
    sigma_w, sigma_r, sigma_l = 0.7, 1.3, 3.0 if distribution == "uniform" else 10.0
    grid = np.linspace(-1, 1, 12)
    x = grid[:, None] if dim == 1 else np.random.default_rng(1).uniform(-1, 1, (12, dim))
    kernels = []
    for key in jax.random.split(KEY, seeds):
        net = nets.two_layer_kinks(
            key,
            dim=dim,
            width=100_000,
            sigma_w=sigma_w,
            sigma_r=sigma_r,
            sigma_l=sigma_l,
            distribution=distribution,
            frozen_directions=frozen,
        )
        kernels.append(without_affine_part(nets.tangent_kernel(net, x, x), x))
    r2 = dim * sigma_r**2
    law = lfp.Simplified(r2=r2, w2=sigma_w**2, r2w2=r2 * sigma_w**2, scale=net.density)
    expected = without_affine_part(law.kernel(x, x), x)
    size = np.abs(expected).max()
    error = np.std(kernels, axis=0).max() / math.sqrt(seeds)
    return np.abs(np.mean(kernels, axis=0) - expected).max() / size, error / size


@pytest.mark.parametrize("distribution", ["gaussian", "uniform"])
@pytest.mark.parametrize(("dim", "frozen"), [(1, False), (2, True)])
def test_kernel_is_that_of_the_simplified_law_up_to_affine_functions(dim, frozen, distribution):
    distance, error = distance_from_law(dim, frozen, distribution)
    assert error < 0.02
    assert distance < 5 * error


def test_trained_directions_leave_the_simplified_law():
    distance, error = distance_from_law(2, False, "uniform", seeds=3)
    assert distance > 10 * error


@pytest.mark.parametrize("distribution", ["gaussian", "uniform"])
def test_parameters_have_the_standard_deviations_asked_for(distribution):
    net = nets.two_layer_kinks(
        KEY,
        dim=3,
        width=40_000,
        sigma_w=0.5,
        sigma_r=2.0,
        sigma_l=7.0,
        distribution=distribution,
    )
    for values, sigma in ((net.w, 0.5), (net.r, 2.0), (net.l, 7.0)):
        assert abs(np.std(values) / sigma - 1) < 5 / math.sqrt(2 * values.size)
        assert abs(np.mean(values)) < 5 * sigma / math.sqrt(values.size)
    assert (np.abs(net.l).max() <= 7 * math.sqrt(3)) == (distribution == "uniform")
    share = np.mean(np.abs(net.l) < 1.0)
    assert abs(share - 2 * net.density) < 5 * math.sqrt(share / net.l.size)
    assert net.sigmas == (0.5, 2.0, 7.0)


def test_frozen_directions_are_no_parameters():
    net = nets.antisymmetric(draw(True))
    parameters, _ = split(net)
    assert sum(leaf.size for leaf in jax.tree.leaves(parameters)) == 2 * 3 * 20
    directions = np.asarray(net.first.directions.value)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0, rtol=1e-12)
    y, ts = np.sin(X[:, 0]), [0.0, 1.0, 30.0]
    run = nets.gradient_flow(net, X, y, ts, record="networks")
    assert run.loss[-1] < 0.1 * run.loss[0]
    for trained in (run.net, run.net_at(1)):
        for copy in (trained.first, trained.second):
            np.testing.assert_array_equal(copy.directions.value, directions)
            assert np.abs(copy.r - net.first.r).max() > 1e-3
    np.testing.assert_allclose(run.net(X), run.fitted[-1], rtol=1e-10)
    kernels = run.kernels(X)
    np.testing.assert_allclose(kernels[0], nets.tangent_kernel(net, X, X), rtol=1e-12)


def test_least_movement_leaves_what_is_frozen():
    net = draw(True, width=100)
    end = nets.least_movement(net, X, np.cos(X[:, 1]))
    np.testing.assert_array_equal(end.net.directions.value, net.directions.value)
    moved = [getattr(end.net, name) - getattr(net, name) for name in ("w", "r", "l")]
    distance = math.sqrt(sum(float(np.sum(np.square(part))) for part in moved))
    assert end.distance == pytest.approx(distance, rel=1e-10)


def test_frozen_arrays_of_an_ensemble_are_those_of_each_network():
    keys = jax.random.split(KEY, 2)
    run = nets.ensemble(
        lambda key: nets.two_layer_kinks(key, dim=2, width=20, frozen_directions=True),
        keys,
        lambda net: nets.gradient_flow(net, X, X[:, 0], [0.0, 1.0], record="networks"),
    )
    assert run.net.directions.value.shape == (2, 20, 2)
    assert run.kernels(X).shape == (2, 2, 6, 6)


def test_array_of_ones_own_network_may_be_frozen():
    class Scaled(eqx.Module):
        slope: jax.Array
        shift: nets.Frozen

        def __call__(self, x):
            return self.slope * jnp.asarray(x)[:, 0] + self.shift.value

    net = Scaled(slope=jnp.ones(()), shift=nets.Frozen(jnp.ones(())))
    np.testing.assert_allclose(nets.tangent_kernel(net, X, X), np.outer(X[:, 0], X[:, 0]))


class OnlyFrozen(eqx.Module):
    slope: nets.Frozen

    def __call__(self, x):
        return self.slope.value * jnp.asarray(x)[:, 0]


@pytest.mark.parametrize(
    "use",
    [
        nets.antisymmetric,
        lambda net: nets.tangent_kernel(net, X, X),
        lambda net: nets.gradient_flow(net, X, X[:, 0], [1.0]),
    ],
)
def test_network_of_frozen_arrays_alone_is_refused(use):
    with pytest.raises(TypeError, match="net must have trained parameters, all are Frozen in Only"):
        use(OnlyFrozen(nets.Frozen(jnp.ones(()))))


def test_frozen_arrays_must_be_finite():
    net = eqx.tree_at(lambda net: net.directions.value, draw(True), jnp.full((20, 2), jnp.nan))
    with pytest.raises(ValueError, match="net must have finite parameters, got NaN"):
        nets.antisymmetric(net)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_in_is_dtype_out(dtype):
    net = draw(True, dtype=dtype)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(net)} == {dtype}
    assert net(X).dtype == dtype
    trained = nets.gradient_flow(net, X, X[:, 0], [0.0]).net
    assert {leaf.dtype.name for leaf in jax.tree.leaves(trained)} == {dtype}


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"sigma_w": 0.0}, ValueError, "sigma_w must be positive and finite, got 0"),
        ({"sigma_r": -1.0}, ValueError, "sigma_r must be positive and finite, got -1"),
        ({"sigma_l": math.inf}, ValueError, "sigma_l must be positive and finite, got inf"),
        ({"width": 0}, ValueError, "width must be at least 1, got 0"),
        ({"dim": 0}, ValueError, "dim must be at least 1, got 0"),
        ({"distribution": "he"}, ValueError, "distribution must be one of 'gaussian', 'uniform'"),
        ({"frozen_directions": 1}, TypeError, "frozen_directions"),
        ({"dtype": "foo"}, TypeError, "dtype must be a floating-point type, got 'foo'"),
    ],
)
def test_options_out_of_range(options, error, match):
    with pytest.raises(error, match=match):
        nets.two_layer_kinks(KEY, **options)


@pytest.mark.parametrize("frozen", [False, True])
def test_points_of_another_shape_are_refused(frozen):
    with pytest.raises(ValueError, match=r"x must have shape \(n, 2\) for this network"):
        draw(frozen)(np.ones((3, 3)))

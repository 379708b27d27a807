"""What other conventions call time: each one run by hand, against ours at the mapped time.

The hand-written side knows nothing of `nets`: one loop of plain gradient descent on
`weight * sum l` for `f = p sum_j a_j tanh(w_j x + b_j) + c`, every parameter multiplied by a
scale of its own. Descent is the same step by step, so that no step has to be small.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import linalg

import lfp
import nets

WIDTH, SAMPLES, STEPS, RATE = 30, 6, 100, 0.05
X = np.linspace(-1, 1, SAMPLES)
Y = np.sin(3 * X) + 0.3
KEY = jax.random.key(0)
NET = nets.two_layer(KEY, width=WIDTH, activation="tanh", sigma_a=0.8, sigma_w=1.5, sigma_b=1.2)
SGD = optax.sgd(RATE)
ROOT = math.sqrt(WIDTH)

# l(h, y), of outputs and values
LOSSES = (
    lambda h, y: (h - y) ** 2,
    lambda h, y: jnp.abs(h - y) ** 3,
    lambda h, y: jnp.log(jnp.cosh(h - y)),
    lambda h, y: jnp.where(jnp.abs(h - y) < 1, (h - y) ** 2 / 2, jnp.abs(h - y) - 1 / 2),
    lambda h, y: jnp.log(1 + jnp.exp(h)) - y * h,
)


def outputs(parameters, scales, p):
    """(n, c)."""
    a, w, b, c = (scale * array for scale, array in zip(scales, parameters, strict=True))
    return p * jnp.tanh(X[:, None] * w + b) @ a + c


@jax.jit
def descend(parameters, scales, p, y, kind, weight, rate, steps):
    """Outputs after steps of gradient descent, (n, c)."""

    def loss(parameters):
        values = jax.lax.switch(kind, LOSSES, outputs(parameters, scales, p), y)
        return weight * jnp.sum(values)

    def step(_, parameters):
        slopes = jax.grad(loss)(parameters)
        return [array - rate * slope for array, slope in zip(parameters, slopes, strict=True)]

    return outputs(jax.lax.fori_loop(0, steps, step, parameters), scales, p)


@jax.jit
def kernel_of(parameters, scales, p):
    """J J^T of the first output."""
    rows = jax.jacrev(lambda parameters: outputs(parameters, scales, p)[:, 0])(parameters)
    flat = jnp.concatenate([row.reshape(SAMPLES, -1) for row in rows], axis=1)
    return flat @ flat.T


def arrays(net):
    """The parameters of a two-layer network of one output, and an output bias of zero."""
    return [net.a[:, None], net.w[:, 0], net.b, jnp.zeros(1)]


PLAIN = (1.0, 1.0, 1.0, 0.0)  # every parameter as it is, no output bias


def by_hand(net, y=Y, *, p, weight, rate, kind=0, scales=PLAIN, steps=STEPS):
    return descend(arrays(net), scales, p, y[:, None], kind, weight, rate, steps)[:, 0]


def ours(net, y=Y, *, loss="mse", lazy_scale=1.0):
    run = nets.train(
        net,
        X,
        y,
        optimizer=SGD,
        steps=STEPS,
        record_at=[0, STEPS],
        loss=loss,
        lazy_scale=lazy_scale,
    )
    moved = np.abs(run.fitted[1] - run.fitted[0]).max()
    assert moved > 0.2, "the comparison is of something that moves"
    return run.fitted[1]


def assert_same(one, other):
    np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)


class Convention(NamedTuple):
    """`weight * sum r^2` of `p sum_j a_j tanh(...)`, where t_here = factor * t_there."""

    factor: float
    weight: float = 1 / (2 * SAMPLES)
    p: float = 1 / ROOT
    words: Mapping = MappingProxyType({})
    """What `lfp.time_factor` calls it."""

    @property
    def output_scale(self):
        """The constant that multiplies the outputs of our network."""
        return self.p * ROOT


CONVENTIONS = {
    "mean without 1/2": Convention(2, weight=1 / SAMPLES, words={"loss": "mean"}),
    "half the sum": Convention(SAMPLES, weight=1 / 2, words={"loss": "half_sum"}),
    "sum": Convention(2 * SAMPLES, weight=1.0, words={"loss": "sum"}),
    "no prefactor": Convention(WIDTH, p=1.0, words={"prefactor": "1"}),
    "mean over units": Convention(1 / WIDTH, p=1 / WIDTH, words={"prefactor": "1/width"}),
    "scaled output": Convention(9, p=3 / ROOT, words={"output_scale": 3}),
    "all of it": Convention(
        2 * SAMPLES * WIDTH * 9,
        weight=1.0,
        p=3.0,
        words={"loss": "sum", "prefactor": "1", "output_scale": 3},
    ),
}
EACH = pytest.mark.parametrize("there", CONVENTIONS.values(), ids=CONVENTIONS.keys())


@EACH
def test_descent_in_another_convention_is_ours_step_by_step(there):
    """rate_here = factor * rate_there; a constant times the output is our lazy scale."""
    found = by_hand(NET, p=there.p, weight=there.weight, rate=RATE / there.factor)
    assert_same(found, ours(NET, lazy_scale=there.output_scale))


@EACH
def test_kernel_of_another_convention_is_ours_times_the_factor(there):
    """h' = -2 weight K_there r there, h' = -(1/n) K r here."""
    kernel = 2 * there.weight * SAMPLES * kernel_of(arrays(NET), PLAIN, there.p)
    np.testing.assert_allclose(kernel, there.factor * nets.tangent_kernel(NET, X, X), rtol=1e-11)


@EACH
def test_linearised_flow_of_another_convention_is_ours_at_the_mapped_time(there):
    kernel = kernel_of(arrays(NET), PLAIN, there.p)
    start = np.asarray(there.output_scale * NET(X))
    times = np.array([0.3, 3.0, 30.0])  # ours
    expected = [
        Y + linalg.expm(-2 * there.weight * t / there.factor * np.asarray(kernel)) @ (start - Y)
        for t in times
    ]
    run = nets.linearized_flow(NET, X, Y, times, lazy_scale=there.output_scale)
    np.testing.assert_allclose(run.fitted, expected, atol=1e-9)


@EACH
def test_factors_are_those_of_the_theory(there):
    factor = lfp.time_factor(samples=SAMPLES, width=WIDTH, **there.words)
    assert factor == pytest.approx(there.factor, rel=1e-14)


def test_small_steps_in_another_convention_tend_to_our_gradient_flow():
    there, end, errors = CONVENTIONS["all of it"], 3.0, []
    flow = nets.gradient_flow(NET, X, Y, [end], lazy_scale=there.output_scale, rtol=1e-7)
    for steps in (400, 800):
        rate = end / there.factor / steps
        found = by_hand(NET, p=there.p, weight=there.weight, rate=rate, steps=steps)
        errors.append(np.abs(found - flow.fitted[0]).max())
    assert errors[0] < 0.01
    assert abs(errors[0] / errors[1] - 2) < 0.1


@pytest.mark.parametrize(("scale", "p"), [("standard", 1.0), ("mean-field", 1 / WIDTH), (5.0, 0.2)])
def test_scales_of_two_layer_networks_are_these_prefactors(scale, p):
    net = nets.TwoLayer(a=NET.a, w=NET.w, b=NET.b, activation="tanh", scale=scale)
    np.testing.assert_allclose(net(X), outputs(arrays(NET), PLAIN, p)[:, 0], rtol=1e-12)
    kernel = kernel_of(arrays(NET), PLAIN, p)
    np.testing.assert_allclose(nets.tangent_kernel(net, X, X), kernel, rtol=1e-11)


def test_small_outer_weights_without_prefactor_are_ours_with_small_outer_weights():
    """a ~ N(0, s^2/m), p = 1: the functions of sigma_a = s, the kernel m K(sigma_a = s/sqrt m)."""
    small = eqx.tree_at(lambda net: net.a, NET, NET.a / ROOT)
    np.testing.assert_allclose(outputs(arrays(small), PLAIN, 1.0)[:, 0], NET(X), rtol=1e-11)
    found = by_hand(small, p=1.0, weight=1 / (2 * SAMPLES), rate=RATE / WIDTH)
    assert_same(found, ours(small, lazy_scale=ROOT))
    kernel = kernel_of(arrays(small), PLAIN, 1.0)
    np.testing.assert_allclose(kernel, WIDTH * nets.tangent_kernel(small, X, X), rtol=1e-11)
    of_a = kernel - kernel_of(arrays(NET), PLAIN, 1 / ROOT)
    hidden = np.tanh(X[:, None] * np.asarray(NET.w[:, 0]) + np.asarray(NET.b))
    np.testing.assert_allclose(of_a, (1 - 1 / WIDTH) * hidden @ hidden.T, rtol=1e-10)


class Shifted(eqx.Module):
    """A network and an output bias."""

    net: nets.TwoLayer
    shift: jax.Array

    def __call__(self, x):
        return self.net(x) + self.shift


def test_output_bias_adds_one_to_the_kernel_before_the_factor():
    """alpha (m^(-1/2) sum + c) has alpha^2 (K + 1), and trains so."""
    alpha, net = 3.0, Shifted(NET, jnp.zeros(()))
    scales = (1.0, 1.0, 1.0, alpha)
    kernel = kernel_of(arrays(NET), scales, alpha / ROOT)
    plain = np.asarray(nets.tangent_kernel(NET, X, X))
    np.testing.assert_allclose(kernel, alpha**2 * (plain + 1), rtol=1e-11)
    np.testing.assert_allclose(nets.tangent_kernel(net, X, X), plain + 1, rtol=1e-11)
    weight = 1 / (2 * SAMPLES)
    found = by_hand(NET, p=alpha / ROOT, weight=weight, rate=RATE / alpha**2, scales=scales)
    assert_same(found, ours(net, lazy_scale=alpha))
    assert np.abs(found - ours(NET, lazy_scale=alpha)).max() > 0.01


def test_ntk_parametrisation_has_no_factor_but_a_kernel_of_its_own():
    """f = (u/sqrt m) sum a tanh(u w x + v b) + v c, the gradient taken in a, w, b and c."""
    (u, other_u), (v, other_v) = (1.5, 0.8), (1.2, 0.3)
    net = nets.mlp(
        KEY,
        widths=(1, WIDTH, 1),
        activation="tanh",
        scaling="ntk",
        weight_std=(u, other_u),
        bias_std=(v, other_v),
    )
    first, last = net.layers
    parameters = [last.weight, first.weight[0], first.bias, last.bias]
    scales = (other_u / ROOT, u, v, other_v)
    found = descend(parameters, scales, 1.0, Y[:, None], 0, 1 / (2 * SAMPLES), RATE, STEPS)
    assert_same(found[:, 0], ours(net))
    kernel = kernel_of(parameters, scales, 1.0)
    np.testing.assert_allclose(nets.tangent_kernel(net, X, X), kernel, rtol=1e-11)
    same = [scale * array for scale, array in zip(scales, parameters, strict=True)]
    same[0] = ROOT * same[0]
    np.testing.assert_allclose(outputs(same, (1, 1, 1, 1), 1 / ROOT)[:, 0], net(X), rtol=1e-11)
    ratio = kernel / kernel_of(same, (1.0, 1.0, 1.0, 1.0), 1 / ROOT)
    assert ratio.max() > 1.05 * ratio.min(), "no factor of time turns one into the other"


def test_mean_over_several_outputs_has_the_factor_two_over_their_number():
    """The mean over all n c residuals; ours is the sum over the outputs."""
    count = 3
    y = np.stack([Y, X**2, np.cos(2 * X)], axis=1)
    net = nets.mlp(KEY, widths=(1, WIDTH, count), activation="tanh", weight_std=0.5)
    first, last = net.layers
    parameters = [last.weight, first.weight[0], first.bias, last.bias]
    factor = lfp.time_factor(loss="mean", outputs=count)
    assert factor == 2 / 3
    weight = 1 / (SAMPLES * count)
    scales = (1.0, 1.0, 1.0, 1.0)
    found = descend(parameters, scales, 1.0, y, 0, weight, RATE / factor, STEPS)
    assert_same(found, ours(net, y))


CUBE = nets.Loss(lambda r: jnp.abs(r) ** 3 / 3, lambda r: r * jnp.abs(r))


@pytest.mark.parametrize(
    ("loss", "kind", "factor"),
    [
        ("mse", 0, 2),
        (2.0, 0, 2),
        (3, 1, 3),
        (CUBE, 1, 3),
        ("logistic", 2, 1),
        ("huber", 3, 1),
        ("cross-entropy", 4, 1),
    ],
)
def test_losses_are_means_of_these_functions(loss, kind, factor):
    """|r|^p without its 1/p is p times as fast."""
    y = (Y > 0.4) + 0.0 if loss == "cross-entropy" else Y
    found = by_hand(NET, y, p=1 / ROOT, weight=1 / SAMPLES, rate=RATE / factor, kind=kind)
    assert_same(found, ours(NET, y, loss=loss))

"""Mini-batches: what each epoch holds, and that the key decides."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import nets
from nets._loop import Batches

N = 10
X = np.linspace(-1, 1, N)
Y = np.sin(3 * X)
NET = nets.two_layer(jax.random.key(0), width=20, activation="tanh", sigma_b=1.0)
SGD = optax.sgd(0.1)


class Table(eqx.Module):
    """A parameter for each sample: x is one row of the unit matrix each."""

    a: jax.Array

    def __call__(self, x):
        return jnp.asarray(x) @ self.a


def batches_of(epoch, batches):
    order = batches.order(epoch)
    parts = []
    for step in range(epoch * batches.per_epoch, (epoch + 1) * batches.per_epoch):
        rows, inside = batches.rows(order, step)
        parts.append(np.asarray(rows)[np.asarray(inside)])
    return parts


@pytest.mark.parametrize(("samples", "size"), [(1, 1), (7, 3), (8, 4)])
def test_every_epoch_holds_each_sample_once(samples, size):
    batches = Batches(jax.random.key(0), samples, size)
    for epoch in (0, 3):
        parts = batches_of(epoch, batches)
        assert [len(part) for part in parts[:-1]] == [size] * (len(parts) - 1)
        assert len(parts[-1]) == samples - size * (len(parts) - 1)
        assert sorted(np.concatenate(parts)) == list(range(samples))


def test_epochs_have_different_orders():
    batches = Batches(jax.random.key(0), 100, 10)
    assert (np.asarray(batches.order(0)) != np.asarray(batches.order(1))).any()


@pytest.mark.parametrize("size", [4, 5])
def test_training_moves_each_sample_once_an_epoch(size):
    """With a_i for sample i, a step of its batch is a_i <- a_i - rate/size (a_i - y_i)."""
    rate, unit = 0.01, np.eye(N)
    steps = -(-N // size)
    run = nets.train(
        Table(jnp.zeros(N)),
        unit,
        np.arange(1.0, N + 1),
        optimizer=optax.sgd(rate),
        steps=2 * steps,
        record_at=range(2 * steps + 1),
        batch_size=size,
        key=jax.random.key(1),
    )
    for epoch in range(2):
        recorded = run.fitted[epoch * steps : (epoch + 1) * steps + 1]
        moved = np.diff(recorded, axis=0) != 0
        np.testing.assert_array_equal(moved.sum(axis=0), 1)
        sizes = moved.sum(axis=1)
        np.testing.assert_array_equal(sizes, [size] * (N // size) + [N % size] * (N % size > 0))
    own = sizes[np.argmax(moved, axis=0)]
    before = recorded[0]
    expected = before - rate / own * (before - np.arange(1.0, N + 1))
    np.testing.assert_allclose(recorded[-1], expected, rtol=1e-12)


def test_batches_equal_a_loop_of_single_steps():
    optimizer, key, steps, size = optax.adam(0.01), jax.random.key(2), 9, 3
    run = nets.train(
        NET, X, Y, optimizer=optimizer, steps=steps, record_at=[2, 7], batch_size=size, key=key
    )
    batches = Batches(key, N, size)
    rows = [rows for epoch in range(3) for rows in batches_of(epoch, batches)]

    @jax.jit
    def advance(net, memory, x, y):
        slope = jax.grad(lambda net: jnp.mean((net(x) - y) ** 2) / 2)(net)
        updates, memory = optimizer.update(slope, memory, net)
        return optax.apply_updates(net, updates), memory

    net, memory = NET, optimizer.init(NET)
    for step in range(steps):
        net, memory = advance(net, memory, X[rows[step]], Y[rows[step]])
        if step == 6:
            np.testing.assert_allclose(run.fitted[1], net(X), rtol=1e-10)
            np.testing.assert_allclose(run.loss[1], np.mean((net(X) - Y) ** 2) / 2, rtol=1e-10)
    np.testing.assert_allclose(run.net.w, net.w, rtol=1e-10)


def test_batch_of_all_samples_is_the_full_batch():
    options = {"optimizer": SGD, "steps": 20, "record_at": [20]}
    full = nets.train(NET, X, Y, **options)
    one = nets.train(NET, X, Y, batch_size=N, key=jax.random.key(0), **options)
    np.testing.assert_allclose(one.fitted, full.fitted, rtol=1e-10)


def test_the_key_decides():
    def run(key, record_at=(20,)):
        return nets.train(
            NET, X, Y, optimizer=SGD, steps=20, record_at=record_at, batch_size=3, key=key
        ).fitted[-1]

    first = run(jax.random.key(0))
    np.testing.assert_array_equal(run(jax.random.key(0)), first)
    np.testing.assert_array_equal(run(jax.random.key(0), range(21)), first)
    np.testing.assert_array_equal(run(jax.random.PRNGKey(0)), first)
    assert (run(jax.random.key(1)) != first).any()


def test_batches_of_classes():
    net = nets.mlp(jax.random.key(0), widths=(1, 16, 3), weight_std=0.5)
    classes = np.arange(N) * 3 // N
    run = nets.train(
        net,
        X,
        classes,
        optimizer=optax.adam(0.02),
        steps=800,
        record_at=[0, 800],
        loss=nets.Weighted("cross-entropy", rho=np.ones(N)),
        batch_size=4,
        key=jax.random.key(0),
    )
    np.testing.assert_array_equal(run.fitted[1].argmax(axis=1), classes)

"""Training with an optimiser as users call it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import nets
from nets._loop import Batches

X = np.arange(8) / 8 - 0.5
Y = np.sin(3 * X) + 0.3 * X
PROBE = np.array([-1.05, 0.11, 0.6])
KEY = jax.random.key(0)
NET = nets.two_layer(KEY, width=40, activation="tanh", sigma_b=1.0)
PAIR = nets.antisymmetric(NET)
DEEP = nets.mlp(KEY, widths=(1, 20, 10, 3), weight_std=0.5)
SGD, ADAM = optax.sgd(0.05), optax.adam(0.01)
BACKTRACKING = optax.chain(optax.sgd(1.0), optax.scale_by_backtracking_linesearch(15))
CLASSES = np.array([0, 0, 0, 1, 1, 2, 2, 2])


def leaves_of(net):
    return jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array))


def assert_same_network(one, two):
    for first, second in zip(leaves_of(one), leaves_of(two), strict=True):
        np.testing.assert_array_equal(first, second)


def reference(optimizer, net, x, y, steps):
    """A Python loop with one jitted step."""

    @jax.jit
    def step(net, memory):
        slope = jax.grad(lambda net: jnp.sum((net(x) - y) ** 2) / (2 * len(x)))(net)
        updates, memory = optimizer.update(slope, memory, net)
        return optax.apply_updates(net, updates), memory

    memory = optimizer.init(net)
    for _ in range(steps):
        net, memory = step(net, memory)
    return net


@pytest.mark.parametrize(
    ("optimizer", "net", "y"),
    [
        (SGD, NET, Y),
        (ADAM, DEEP, np.stack([Y, Y**2, 1 - Y], axis=1)),
        (optax.adam(optax.cosine_decay_schedule(0.1, 30)), NET, Y),
    ],
)
def test_optimisers_equal_a_loop_of_single_steps(optimizer, net, y):
    run = nets.train(net, X, y, optimizer=optimizer, steps=30, record_at=[10, 30])
    expected = reference(optimizer, net, X, y, 30)
    assert np.abs(expected(X) - net(X)).max() > 1e-3
    for one, two in zip(leaves_of(run.net), leaves_of(expected), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(run.fitted[1], expected(X), rtol=1e-11, atol=1e-13)


def reference_with_the_loss(optimizer, net, x, y, steps):
    """The same for an optimiser that asks for more than the gradient."""

    def loss(net):
        return jnp.sum((net(x) - y) ** 2) / (2 * len(x))

    @jax.jit
    def step(net, memory):
        value, slope = jax.value_and_grad(loss)(net)
        updates, memory = optimizer.update(
            slope, memory, net, value=value, grad=slope, value_fn=loss
        )
        return optax.apply_updates(net, updates), memory

    memory = optimizer.init(net)
    for _ in range(steps):
        net, memory = step(net, memory)
    return net


@pytest.mark.parametrize("optimizer", [BACKTRACKING, optax.polyak_sgd(max_learning_rate=0.5)])
def test_optimisers_that_ask_for_the_loss_are_given_it(optimizer):
    run = nets.train(NET, X, Y, optimizer=optimizer, steps=30, record_at=[30])
    expected = reference_with_the_loss(optimizer, NET, X, Y, 30)
    assert np.abs(expected(X) - NET(X)).max() > 1e-2
    np.testing.assert_allclose(run.fitted[0], expected(X), rtol=1e-9, atol=1e-11)


def test_quasi_newton_steps_converge_and_go_on_from_a_file(tmp_path):
    options = {"optimizer": optax.lbfgs(), "steps": 80, "record_at": [0, 20, 80]}
    options["checkpoint"] = tmp_path / "run"
    run = nets.train(NET, X, Y, **options)
    assert run.loss[1] < 1e-2 * run.loss[0]
    assert run.loss[2] < 1e-5 * run.loss[0]
    again = nets.train(NET, X, Y, **options)
    np.testing.assert_array_equal(again.fitted, run.fitted)


def test_line_search_of_a_batch_is_of_the_loss_of_the_batch():
    """On a batch of one sample every search makes its residual smaller; float32 within float64."""
    net = nets.two_layer(KEY, width=40, activation="tanh", sigma_b=1.0, dtype="float32")
    run = nets.train(
        *(net, X, Y),
        optimizer=BACKTRACKING,
        steps=8,
        record_at=range(9),
        batch_size=1,
        key=KEY,
        lazy_scale=2.0,
    )
    assert run.fitted.dtype == np.float32
    residual = np.abs(run.fitted - Y)
    steps, chosen = np.arange(8), Batches(KEY, 8, 1).order(0)
    assert (residual[steps + 1, chosen] < residual[steps, chosen]).all()
    assert (np.diff(run.loss) > 0).any()


def test_optimiser_that_asks_for_more_is_refused():
    def step(updates, state, params=None, *, curvature):
        return updates, state

    odd = optax.GradientTransformationExtraArgs(lambda _: optax.EmptyState(), step)
    with pytest.raises(TypeError, match=r"value, grad and value_fn; .* missing.*'curvature'"):
        nets.train(NET, X, Y, optimizer=odd, steps=1, record_at=[1])


def test_optimiser_that_takes_no_more_than_the_gradient_is_left_alone():
    def step(updates, state, params=None):
        return jax.tree.map(lambda leaf: -0.05 * leaf, updates), state

    plain = optax.GradientTransformation(lambda _: optax.EmptyState(), step)
    runs = [
        nets.train(NET, X, Y, optimizer=optimizer, steps=5, record_at=[5])
        for optimizer in (plain, SGD)
    ]
    np.testing.assert_allclose(runs[0].fitted, runs[1].fitted, rtol=1e-13)


@pytest.mark.parametrize("momentum", [None, 0.5])
def test_descent_tends_to_the_gradient_flow_at_first_order(momentum):
    end, errors = 2.0, []
    exact = nets.gradient_flow(NET, X, Y, [end], rtol=1e-8, probe=PROBE)
    for steps in (100, 200):
        rate = end / steps * (1 if momentum is None else 1 - momentum)
        optimizer = optax.sgd(rate, momentum=momentum)
        run = nets.train(
            NET, X, Y, optimizer=optimizer, steps=steps, record_at=[steps], probe=PROBE
        )
        errors.append(np.abs(run.fitted - exact.fitted).max())
        assert np.abs(run.probe - exact.probe).max() < 10 / steps
    assert abs(np.log2(errors[0] / errors[1]) - 1) < 0.1


def test_loss_falls_with_small_steps():
    for loss, y in (("mse", Y), (4, Y), ("cross-entropy", Y > 0)):
        run = nets.train(
            NET, X, y + 0.0, optimizer=optax.sgd(0.01), steps=50, record_at=range(51), loss=loss
        )
        assert (np.diff(run.loss) < 0).all()


def test_classes_of_several_outputs_are_learned():
    run = nets.train(
        DEEP, X, CLASSES, optimizer=ADAM, steps=500, record_at=[0, 500], loss="cross-entropy"
    )
    assert run.fitted.shape == (2, 8, 3)
    np.testing.assert_array_equal(run.fitted[1].argmax(axis=1), CLASSES)
    expected = optax.softmax_cross_entropy_with_integer_labels(run.fitted[1], CLASSES).mean()
    np.testing.assert_allclose(run.loss[1], expected, rtol=1e-9)


@pytest.mark.bits
def test_recordings_are_the_ends_of_shorter_runs():
    at, options = [0, 3, 3, 17, 40], {"optimizer": ADAM, "probe": PROBE}
    run = nets.train(PAIR, X, Y, steps=45, record_at=at, record="networks", **options)
    assert run.ts is None
    np.testing.assert_array_equal(run.steps, at)
    assert run.fitted.shape == (5, 8)
    for i, steps in enumerate(at):
        short = nets.train(PAIR, X, Y, steps=steps, record_at=[steps], **options)
        np.testing.assert_array_equal(run.fitted[i], short.fitted[0])
        np.testing.assert_array_equal(run.probe[i], short.probe[0])
        np.testing.assert_array_equal(run.loss[i], short.loss[0])
        assert_same_network(run.net_at(i), short.net)
        np.testing.assert_allclose(run.fitted[i], run.net_at(i)(X), atol=1e-14)
        np.testing.assert_allclose(run.probe[i], run.net_at(i)(PROBE), atol=1e-14)
        np.testing.assert_allclose(run.loss[i], np.mean((run.fitted[i] - Y) ** 2) / 2)
    assert run.status.steps == run.status.gradients == 45
    assert_same_network(run.net, nets.train(PAIR, X, Y, steps=45, record_at=[1], **options).net)


def test_recorded_networks_have_spectra_and_kernels():
    run = nets.train(NET, X, Y, optimizer=ADAM, steps=5, record_at=[0, 5], record="networks")
    waves = np.exp(-2j * np.pi * np.outer(X, [0.0, 1.5]))
    np.testing.assert_allclose(run.spectrum([0.0, 1.5]), run.fitted @ waves / 8, rtol=1e-12)
    kernels = run.kernels(PROBE)
    np.testing.assert_allclose(kernels[1], nets.tangent_kernel(run.net, PROBE, PROBE), rtol=1e-12)
    several = nets.train(
        DEEP, X, CLASSES, optimizer=ADAM, steps=5, record_at=[0, 5], loss="cross-entropy"
    )
    expected = np.einsum("tnc,nf->tfc", several.fitted, waves) / 8
    np.testing.assert_allclose(several.spectrum([0.0, 1.5]), expected, rtol=1e-12)


def test_recordings_share_one_compiled_program():
    traces = []

    class Counted(type(NET)):
        def __call__(self, x):
            traces.append(len(x))
            return super().__call__(x)

    net = Counted(a=NET.a, w=NET.w, b=NET.b, activation="tanh")
    options = {"optimizer": optax.adam(1e-3), "probe": PROBE}
    nets.train(net, X, Y, steps=2, record_at=[1], **options)
    first = len(traces)
    nets.train(net, X, Y, steps=99, record_at=[0, 2, *range(40, 80)], **options)
    assert len(traces) == first


@pytest.mark.bits
@pytest.mark.parametrize("count", [1, 31, 32, 33, 70])
def test_any_number_of_recordings_is_taken_in_blocks(count):
    at = np.arange(1, count + 1)
    run = nets.train(NET, X, Y, optimizer=ADAM, steps=90, record_at=at, probe=PROBE)
    bar = nets.train(NET, X, Y, optimizer=ADAM, steps=90, record_at=at, probe=PROBE, progress=True)
    assert run.fitted.shape == (count, 8)
    assert (np.diff(run.loss) != 0).all()
    for one, two in ((run.fitted, bar.fitted), (run.probe, bar.probe), (run.loss, bar.loss)):
        np.testing.assert_array_equal(one, two)
    assert_same_network(run.net, bar.net)


def test_power_two_is_mse():
    runs = [
        nets.train(NET, X, Y, optimizer=ADAM, steps=20, record_at=[20], loss=loss)
        for loss in ("mse", 2, 2.0)
    ]
    for run in runs[1:]:
        np.testing.assert_array_equal(run.fitted, runs[0].fitted)


def test_unit_weights_in_the_fourier_domain_train_as_mse():
    loss = nets.Fourier(np.fft.fftfreq(8, 1 / 8), np.ones(8))
    runs = [
        nets.train(NET, X, Y, optimizer=SGD, steps=50, record_at=[0, 50], loss=loss)
        for loss in (loss, "mse")
    ]
    np.testing.assert_allclose(runs[0].fitted, runs[1].fitted, rtol=1e-10)
    np.testing.assert_allclose(runs[0].loss, runs[1].loss, rtol=1e-10)


def test_time_of_a_schedule_is_the_number_of_steps_done():
    xi, low, all_of_them = np.arange(4.0), np.array([1.0, 1, 0, 0]), np.ones(4)
    changing = nets.Fourier(xi, lambda t: jnp.where(t < 7, low, all_of_them))
    run = nets.train(NET, X, Y, optimizer=SGD, steps=12, record_at=[3, 12], loss=changing)
    first = nets.train(NET, X, Y, optimizer=SGD, steps=7, record_at=[7], loss=nets.Fourier(xi, low))
    then = nets.train(
        first.net, X, Y, optimizer=SGD, steps=5, record_at=[5], loss=nets.Fourier(xi, all_of_them)
    )
    np.testing.assert_allclose(run.fitted[1], then.fitted[0], rtol=1e-12)


def test_stages_change_at_the_recording_where_their_peak_is_learned():
    y = np.cos(2 * np.pi * X) + 0.5 * np.cos(4 * np.pi * X)
    xi = np.arange(4.0)
    weights = (xi <= np.array([[1.0], [3.0]])).astype(float)
    options = {"optimizer": ADAM, "steps": 2000, "record_at": range(0, 2001, 20)}
    wide = nets.two_layer(KEY, width=100, activation="tanh", sigma_w=4.0, sigma_b=4.0)
    run = nets.train(wide, X, y, loss=nets.FourierStages(xi, weights, [1, 3]), **options)
    target = np.exp(-2j * np.pi * xi[1] * X) @ y / 8
    error = np.abs(run.spectrum(xi[1:2])[:, 0] - target) / np.abs(target)
    change = int(np.argmax(error < 0.1))
    assert 0 < change < 90
    alone = nets.train(wide, X, y, loss=nets.Fourier(xi, weights[0]), **options)
    np.testing.assert_allclose(run.fitted[: change + 1], alone.fitted[: change + 1], rtol=1e-9)
    assert np.abs(run.fitted[change + 1] - alone.fitted[change + 1]).max() > 1e-4
    far = np.exp(-2j * np.pi * xi[2] * X) @ (run.fitted[-1] - y) / 8
    assert np.abs(far) < 0.02


def test_lazy_scale_is_training_on_smaller_values():
    options = {"optimizer": ADAM, "steps": 30, "record_at": [0, 30], "probe": PROBE}
    lazy = nets.train(NET, X, Y, lazy_scale=7.0, **options)
    small = nets.train(NET, X, Y / 7, **options)
    np.testing.assert_allclose(lazy.fitted, 7 * small.fitted, rtol=1e-9)
    np.testing.assert_allclose(lazy.probe, 7 * small.probe, rtol=1e-9)
    np.testing.assert_allclose(lazy.loss, np.mean((lazy.fitted - Y) ** 2, axis=1) / 2)


@pytest.mark.bits
def test_antisymmetric_pair_starts_at_exactly_zero():
    run = nets.train(PAIR, X, Y, optimizer=ADAM, steps=1, record_at=[0, 1], probe=PROBE)
    np.testing.assert_array_equal(run.fitted[0], 0)
    np.testing.assert_array_equal(run.probe[0], 0)
    assert np.abs(run.fitted[1]).max() > 0


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_numbers_stay_in_the_precision_of_the_network(dtype):
    net = jax.tree.map(lambda leaf: leaf.astype(dtype), NET)
    run = nets.train(net, X, Y, optimizer=ADAM, steps=3, record_at=[3], probe=PROBE, lazy_scale=7.0)
    for array in (*leaves_of(run.net), run.fitted, run.probe, run.loss):
        assert array.dtype == dtype


class ByEquinox(eqx.Module):
    layers: eqx.nn.MLP

    def __call__(self, x):
        assert x.dtype == self.layers.layers[0].weight.dtype
        return jax.vmap(self.layers)(x)


def test_foreign_networks_get_points_in_the_precision_of_their_parameters():
    layers = eqx.nn.MLP(1, "scalar", 8, 1, activation=jnp.tanh, dtype=jnp.float32, key=KEY)
    net = ByEquinox(layers)
    run = nets.train(net, X, Y, optimizer=ADAM, steps=3, record_at=[0, 3], probe=PROBE)
    for array in (*leaves_of(run.net), run.fitted, run.probe, run.loss):
        assert array.dtype == np.float32
    np.testing.assert_allclose(run.fitted[0], net(X[:, None].astype(np.float32)), rtol=1e-5)


def test_training_needs_no_float64():
    with jax.enable_x64(False):
        net = nets.two_layer(KEY, width=8)
        run = nets.train(
            net, X, Y, optimizer=SGD, steps=3, record_at=[3], batch_size=3, key=jax.random.key(0)
        )
    assert run.fitted.dtype == run.loss.dtype == np.float32


class WithFrozen(eqx.Module):
    a: jax.Array
    directions: nets.Frozen

    def __call__(self, x):
        return jnp.tanh(x @ self.directions.value) @ self.a


def test_frozen_arrays_are_not_trained():
    frozen = nets.Frozen(jnp.arange(1.0, 6.0)[None])
    net = WithFrozen(a=jnp.ones(5), directions=frozen)
    run = nets.train(net, X, Y, optimizer=ADAM, steps=5, record_at=[5])
    np.testing.assert_array_equal(run.net.directions.value, frozen.value)
    assert (run.net.a != 1).all()


@pytest.mark.bits
def test_ensemble_of_trainings_equals_its_single_runs():
    def make(key):
        return nets.two_layer(key, width=20)

    def train(net):
        return nets.train(net, X, Y, optimizer=ADAM, steps=5, record_at=[0, 5], record="networks")

    keys = jax.random.split(KEY, 2)
    runs = nets.ensemble(make, keys, train)
    np.testing.assert_array_equal(runs.steps, [0, 5])
    for i, key in enumerate(keys):
        single = train(make(key))
        np.testing.assert_array_equal(runs.fitted[i], single.fitted)
        np.testing.assert_array_equal(runs.net_at(1).a[i], single.net_at(1).a)


def test_progress_bar_counts_the_recordings(capsys):
    nets.train(NET, X, Y, optimizer=SGD, steps=2, record_at=[0, 1, 2], progress=True)
    assert "3/3" in capsys.readouterr().err


def test_loss_that_is_no_longer_finite_is_raised_with_advice():
    with pytest.raises(RuntimeError, match=r"not finite at step \d+ of 900, .* smaller learning"):
        nets.train(NET, X, Y, optimizer=optax.sgd(1e3), steps=900, record_at=[900])


@pytest.mark.parametrize("keep", ["outputs", "networks"])
def test_loss_that_is_no_longer_finite_keeps_the_last_good_recording(keep):
    wild, at = optax.sgd(5.0), [0, 1, 2, 100_000_000, 200_000_000]
    run = nets.train(
        NET,
        X,
        Y**0 * 3,
        optimizer=wild,
        steps=at[-1],
        record_at=at,
        loss=4,
        throw=False,
        record=keep,
    )
    assert run.status.reason.startswith("the loss is not finite at step ")
    failed = int(run.status.reason.split()[-1])
    assert 2 < failed < 100
    assert run.status.gradients == failed
    good = int(np.isfinite(run.loss).sum())
    assert run.status.steps == at[good - 1] < failed
    assert 1 <= good < 5
    assert np.isfinite(run.fitted[:good]).all()
    assert np.isnan(run.fitted[good:]).all()
    np.testing.assert_allclose(run.net(X), run.fitted[good - 1], rtol=1e-12)
    before = nets.train(
        NET, X, Y**0 * 3, optimizer=wild, steps=failed - 1, record_at=[failed - 1], loss=4
    )
    assert np.isfinite(before.loss).all()
    if keep == "networks":
        assert_same_network(run.net_at(good - 1), run.net)
        assert all(np.isnan(leaf).all() for leaf in leaves_of(run.net_at(good)))


def test_output_that_is_not_finite_at_the_start_is_reported():
    huge = jax.tree.map(lambda leaf: 1e300 * leaf, NET)
    run = nets.train(huge, X, Y, optimizer=SGD, steps=3, record_at=[0, 3], throw=False)
    assert run.status.reason == "the loss is not finite at step 0"
    assert np.isnan(run.loss).all()
    assert_same_network(run.net, huge)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"record_at": [3, 1]}, ValueError, "record_at must be sorted, got 3 before 1"),
        ({"record_at": [-1, 1]}, ValueError, "record_at must be from 0 to steps = 9, got -1"),
        ({"record_at": [1, 10]}, ValueError, "record_at must be from 0 to steps = 9, got 10"),
        ({"record_at": []}, ValueError, "record_at must not be empty"),
        ({"record_at": [[1]]}, ValueError, r"record_at must have shape \(T,\), got \(1, 1\)"),
        ({"record_at": [1.5]}, TypeError, "record_at must hold integers, got dtype float64"),
        ({"record_at": [True]}, TypeError, "record_at must hold integers, got dtype bool"),
        ({"steps": -1}, ValueError, "steps must be from 0 to 2147483647, got -1"),
        ({"steps": 2**31}, ValueError, "steps must be from 0 to 2147483647, got 2147483648"),
        ({"steps": True}, TypeError, "steps must be an integer, got True"),
        ({"optimizer": "adam"}, TypeError, "optimizer must be an optax .*, got 'adam'"),
        ({"optimizer": optax.adam}, TypeError, "optimizer must be an optax transformation"),
        ({"batch_size": 9, "key": KEY}, ValueError, "batch_size must be at most 8, .* got 9"),
        ({"batch_size": 0, "key": KEY}, ValueError, "batch_size must be at least 1, got 0"),
        ({"batch_size": 2}, ValueError, "key must be a random key .* with batch_size"),
        ({"batch_size": 2, "key": 3}, TypeError, "key must be a random key such as .*, got 3"),
        ({"key": KEY}, ValueError, "key must be None without batch_size"),
        (
            {"batch_size": 2, "key": KEY, "loss": nets.Fourier([0.0], [1.0])},
            ValueError,
            "batch_size must be None for a loss in the Fourier domain",
        ),
        ({"loss": "mae"}, ValueError, "loss must be one of 'mse', .* got 'mae'"),
        ({"loss": "cross-entropy"}, ValueError, "y must be from 0 to 1"),
        ({"record": "all"}, ValueError, "record must be one of 'outputs', 'networks', got 'all'"),
        ({"lazy_scale": 0.0}, ValueError, "lazy_scale must be positive and finite, got 0"),
        ({"probe": [[0.0, 1.0]]}, ValueError, "probe must have points of dimension 1"),
        ({"probe": [np.nan]}, ValueError, "probe must be finite, got nan"),
    ],
)
def test_bad_options_of_the_training(options, error, match):
    with pytest.raises(error, match=match):
        nets.train(NET, X, Y, **{"optimizer": SGD, "steps": 9, "record_at": [9], **options})


class Scalar(eqx.Module):
    a: jax.Array

    def __call__(self, x):
        return self.a


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((NET, X, Y[:3]), ValueError, r"y must have shape \(8,\), .*got \(3,\)"),
        ((DEEP, X, Y), ValueError, r"y must have shape \(8, 3\), .*got \(8,\)"),
        ((NET, [0.0, np.nan], Y), ValueError, "x must be finite, got nan"),
        ((NET, X[:, None, None], Y), ValueError, r"x must have shape \(n,\) or \(n, d\)"),
        ((NET, np.ones((8, 2)), Y), ValueError, r"x must have shape \(n, 1\) for this network"),
        ((3.0, X, Y), TypeError, "net must be a network"),
        ((Scalar(jnp.ones(())), X, Y), ValueError, "net must give one or several outputs for each"),
    ],
)
def test_bad_data_and_networks_of_the_training(arguments, error, match):
    with pytest.raises(error, match=match):
        nets.train(*arguments, optimizer=SGD, steps=1, record_at=[1])

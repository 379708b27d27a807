"""An ensemble is its single runs, stacked."""

import importlib
import signal
import threading
import time
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import nets
from nets._resident import measured
from nets._threads import leave_if_interrupted, one_blas_thread

X = np.linspace(-1, 1, 8)
Y = np.sin(3 * X)
PROBE = np.array([0.1, 0.4, 1.1])
TS = [0.0, 1.0, 10.0]
KEYS = jax.random.split(jax.random.key(3), 2)


def make(key):
    return nets.antisymmetric(nets.two_layer(key, width=40, activation="tanh", sigma_b=1.0))


def train(net):
    return nets.gradient_flow(net, X, Y, TS, probe=PROBE, record="networks")


@pytest.mark.bits
def test_ensemble_equals_its_single_runs():
    runs, singles = nets.ensemble(make, KEYS, train), [train(make(key)) for key in KEYS]
    assert runs.probe is not None
    assert runs.status.reason == ("completed",) * 2
    for i, single in enumerate(singles):
        np.testing.assert_array_equal(runs.fitted[i], single.fitted)
        np.testing.assert_array_equal(runs.probe[i], single.probe)
        np.testing.assert_array_equal(runs.loss[i], single.loss)
        np.testing.assert_array_equal(runs.spectrum([1.5])[i], single.spectrum([1.5]))
        np.testing.assert_array_equal(runs.net.first.w[i], single.net.first.w)
        np.testing.assert_array_equal(runs.net_at(1).first.a[i], single.net_at(1).first.a)
        np.testing.assert_array_equal(runs.kernels(PROBE)[i], single.kernels(PROBE))
        assert runs.status.steps[i] == single.status.steps


def test_linearised_ensemble_has_a_leading_seed_axis():
    runs = nets.ensemble(make, KEYS, lambda net: nets.linearized_flow(net, X, Y, TS, probe=PROBE))
    assert runs.fitted.shape == (2, 3, 8)
    assert runs.probe is not None
    assert runs.probe.shape == (2, 3, 3)
    assert runs.loss.shape == (2, 3)
    assert runs.ts.shape == (3,)
    assert runs.spectrum([0.5, 1.0]).shape == (2, 3, 2)
    assert runs.networks is None


NET = nets.two_layer(KEYS[0], width=4)
DONE = nets.linearized_flow(NET, X, Y, TS)
MANY = jax.random.split(KEYS[0], 7)
SIZE = 2**26


@pytest.fixture
def _four_processors(monkeypatch):
    # the package has the function under the name of the module
    monkeypatch.setattr(importlib.import_module("nets.ensemble"), "processors", lambda: 4)


@pytest.fixture
def _interruptible():
    # a shell's background jobs begin with ctrl-c ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Counted:
    """Takes SIZE bytes and waits for `others`, all that should be on; counts those that are."""

    def __init__(self, others, alone):
        self.now = self.most = self.begun = 0
        self.others, self.alone = others, alone
        self.guard, self.all = threading.Lock(), threading.Event()

    def __call__(self, net):
        with self.guard:
            self.begun += 1
            self.now += 1
            self.most = max(self.most, self.now)
            first = self.begun == 1
            if self.now == self.others and not (first and self.alone):
                self.all.set()
        taken = np.ones(SIZE // 8)
        if not (first and self.alone):
            self.all.wait(20)
        time.sleep(0.05)  # for one more than there should be
        del taken
        with self.guard:
            self.now -= 1
        return DONE


@pytest.mark.usefixtures("_four_processors")
@pytest.mark.parametrize(
    ("memory", "most"),
    [(None, 4), (1, 1), (18 * SIZE // 10, 1), (28 * SIZE // 10, 2), (100 * SIZE, 4)],
)
def test_as_many_runs_at_a_time_as_the_budget_holds(memory, most):
    run = Counted(most, alone=memory is not None)
    runs, taken = measured(lambda: nets.ensemble(lambda key: NET, MANY, run, memory=memory))
    assert (run.begun, run.most) == (7, most)
    assert runs.fitted.shape == (7, 3, 8)
    if memory is not None and memory > SIZE:
        assert taken <= memory


@pytest.mark.bits
def test_budget_changes_no_number():
    once, again = (nets.ensemble(make, KEYS, train, memory=memory) for memory in (1, 2**40))
    for one, two in zip(
        jax.tree.leaves((once.fitted, once.net, once.networks)),
        jax.tree.leaves((again.fitted, again.net, again.networks)),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("memory", "error", "match"),
    [
        (0, ValueError, "memory must be at least 1, got 0"),
        (True, TypeError, "memory must be an integer, got True"),
    ],
)
def test_budget_that_is_none(memory, error, match):
    with pytest.raises(error, match=match):
        nets.ensemble(lambda key: NET, MANY, lambda net: DONE, memory=memory)


@pytest.mark.parametrize("piece", [2**13, 2**23])
def test_memory_is_measured_also_where_the_allocator_kept_it(piece):
    def call():
        return [np.ones(piece // 8) for _ in range(SIZE // piece)]

    kept, first = measured(call)
    pin = np.ones(piece // 8)  # above: the allocator cannot give back what lies below
    del kept
    _, second = measured(call)
    assert 0.9 * SIZE < first < 1.2 * SIZE
    assert 0.9 * SIZE < second < 1.2 * SIZE
    assert pin.all()


@pytest.mark.usefixtures("_four_processors")
@pytest.mark.parametrize("memory", [None, 1])
def test_error_of_a_run_names_its_seed_and_is_the_last_to_begin(memory):
    begun = []

    def broken(net):
        begun.append(net)
        raise FloatingPointError("too large")

    with pytest.raises(FloatingPointError, match="too large") as caught:
        nets.ensemble(lambda key: NET, MANY[:1], broken, memory=memory)
    assert caught.value.__notes__ == ["nets.ensemble: this was the run of keys[0]"]
    keys = np.asarray(jax.random.key_data(MANY))

    def third(key):
        if (np.asarray(key) == keys[2]).all():
            raise FloatingPointError("too large")
        return key

    def run(key):
        begun.append(key)
        time.sleep(0.2)
        return DONE

    begun.clear()
    with pytest.raises(FloatingPointError) as caught:
        nets.ensemble(third, keys, run, memory=memory)
    assert caught.value.__notes__ == ["nets.ensemble: this was the run of keys[2]"]
    assert len(begun) == 2 if memory else len(begun) <= 3


@pytest.mark.usefixtures("_four_processors", "_interruptible")
def test_ctrl_c_is_raised_at_once_and_no_further_run_begins():
    begun, waited, caught = [], [], threading.Event()

    def run(net):
        begun.append(net)
        if len(begun) == 4:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        if len(begun) <= 4:
            waited.append(caught.wait(10))  # while these runs are on
        return DONE

    with pytest.raises(KeyboardInterrupt) as interrupt:
        nets.ensemble(lambda key: NET, MANY, run)
    caught.set()
    assert interrupt.value.__notes__ == [
        "nets.ensemble: 0 of 7 runs were done, no further one begins"
    ]
    for thread in threading.enumerate():
        if "ThreadPoolExecutor" in thread.name:
            thread.join()
    assert (len(begun), waited) == (4, [True] * 4)


@pytest.mark.usefixtures("_four_processors", "_interruptible")
def test_runs_on_their_way_end_after_ctrl_c_where_they_ask():
    ended = []

    def run(net):
        try:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            for _ in range(2000):
                leave_if_interrupted()
                time.sleep(0.01)
        except KeyboardInterrupt:
            ended.append(net)
            raise
        return DONE

    leave_if_interrupted()  # nothing in this thread
    with pytest.raises(KeyboardInterrupt):
        nets.ensemble(lambda key: NET, MANY[:1], run)
    for thread in threading.enumerate():
        if "ThreadPoolExecutor" in thread.name:
            thread.join()
    assert len(ended) == 1
    nets.ensemble(lambda key: NET, KEYS, lambda net: leave_if_interrupted() or DONE)


SETTINGS = {
    "enable_x64": False,
    "default_matmul_precision": "float32",
    "default_prng_impl": "rbg",
    "threefry_partitionable": not jax.config.jax_threefry_partitionable,
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("memory", [None, 2**40])
def test_contexts_around_an_ensemble_hold_for_every_seed(name, memory):
    def settings():
        return {name: getattr(jax.config, f"jax_{name}") for name in SETTINGS}

    seen = []

    def run(net):
        seen.append((settings(), jnp.zeros(()).dtype))
        return DONE

    with getattr(jax, name)(SETTINGS[name]):
        expected = settings(), jnp.zeros(()).dtype
        nets.ensemble(lambda key: NET, MANY[:3], run, memory=memory)
    assert expected[0][name] == SETTINGS[name] != settings()[name]
    assert seen == [expected] * 3


def changed(**entries):
    """As DONE, but every run later than the first has other entries."""
    begun = iter([DONE])
    return lambda net: next(begun, replace(DONE, **entries))


SHAPES = r"shape \({}\) for keys\[1\] and shape \({}\) for keys\[0\]"
NONE = r"None for keys\[1\] and some for keys\[0\]"
SOME = r"some for keys\[1\] and None for keys\[0\]"
TWO = {"fitted": DONE.fitted[:2], "loss": DONE.loss[:2]}


@pytest.mark.parametrize(
    ("name", "entries", "got"),
    [
        ("ts", {"ts": np.array([0.0, 2.0, 9.0])}, r"2.0 at index \(1,\) for keys\[1\] and 1.0 at"),
        ("ts", {"ts": DONE.ts[:2], **TWO}, SHAPES.format("2,", "3,")),
        ("ts", {"ts": None}, NONE),
        ("steps", {"steps": np.arange(3)}, SOME),
        (
            "x",
            {"x": DONE.x[::-1]},
            r"1.0 at index \(0, 0\) for keys\[1\] and -1.0 at",
        ),
        ("x", {"x": DONE.x[:3]}, SHAPES.format("3, 1", "8, 1")),
        ("probe", {"probe": np.zeros((3, 1))}, SOME),
        ("networks", {"networks": NET}, SOME),
    ],
)
def test_runs_of_different_axes_are_not_stacked(name, entries, got):
    with pytest.raises(
        ValueError, match=f"run must give the same {name} for every seed, got {got}"
    ):
        nets.ensemble(lambda key: NET, KEYS, changed(**entries), memory=1)


def test_ensembles_are_not_nested():
    def run(net):
        return nets.ensemble(lambda key: NET, MANY[:3], lambda net: DONE)

    with pytest.raises(TypeError, match="Run of one network, got an ensemble of 3: ens"):
        nets.ensemble(lambda key: NET, KEYS, run)


def test_progress_bar_counts_the_seeds(capsys):
    for memory in (None, 1):
        nets.ensemble(lambda key: NET, KEYS, lambda net: DONE, memory=memory, progress=True)
        assert "2/2" in capsys.readouterr().err


def test_recorded_networks_of_an_ensemble_stay_on_the_host():
    runs = nets.ensemble(make, KEYS, train)
    assert {type(leaf) for leaf in jax.tree.leaves(runs.networks)} == {np.ndarray}
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(runs.net))
    assert isinstance(runs.net_at(0).first.a, jax.Array)


@pytest.mark.parametrize("old", [False, True])
def test_keys_reach_make_as_they_are(old):
    keys = jax.random.split(jax.random.PRNGKey(5) if old else jax.random.key(5, impl="rbg"), 3)
    seen = []

    def make(key):
        seen.append(key)
        return NET

    nets.ensemble(make, list(keys) if old else keys, lambda net: DONE, memory=1)
    assert all(key.dtype == keys.dtype for key in seen)
    assert (jnp.stack(seen) == keys).all()


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_limit_of_blas_lasts_until_the_last_context_ends():
    with threadpool_limits(2, user_api="blas"):
        first, second = one_blas_thread(), one_blas_thread()
        first.__enter__()
        second.__enter__()
        assert blas_threads() == {1}
        first.__exit__(None, None, None)
        assert blas_threads() == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == {2}

"""Files from which a killed run goes on, as users and the engines meet them."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jaxlib
import numpy as np
import optax
import pytest

import nets
from nets import _checkpoint, _following
from nets._checkpoint import Checkpoint, program
from nets._loop import Batches

X = np.linspace(-1, 1, 8, dtype=np.float32)
Y = np.sin(3 * X)
NET = nets.two_layer(jax.random.key(0), width=10, activation="tanh", sigma_b=1.0, dtype=jnp.float32)
ADAM = optax.adam(optax.cosine_decay_schedule(0.05, 40))
XI = np.arange(3) / 2
STAGES = nets.FourierStages(XI, weights=np.tri(3), peaks=[0, 1, 2], patience=1)
BATCHES = {
    "optimizer": ADAM,
    "steps": 23,
    "record_at": [0, 7, 8, 20],
    "batch_size": 3,
    "key": jax.random.key(1),
    "probe": X + 0.1,
}
LONG = BATCHES | {"steps": 300, "record_at": [100, 300]}
CASES = {
    "batches": BATCHES,
    "networks": BATCHES | {"record": "networks", "lazy_scale": 2.0},
    "stages": {"optimizer": ADAM, "loss": STAGES, "steps": 12, "record_at": [3, 6, 12]},
    "divergence": {
        "optimizer": optax.sgd(1e3),
        "steps": 60,
        "record_at": [1, 2, 59, 60],
        "throw": False,
    },
}


def assert_same(one, two):
    assert one.status.reason == two.status.reason
    assert (one.status.steps, one.status.gradients) == (two.status.steps, two.status.gradients)
    trees = [(run.steps, run.fitted, run.probe, run.loss, run.networks) for run in (one, two)]
    trees = [jax.tree.leaves((tree, run.net)) for tree, run in zip(trees, (one, two), strict=True)]
    for first, second in zip(*trees, strict=True):
        if eqx.is_array_like(first):
            assert type(first) is type(second)
            assert first.dtype == second.dtype
            np.testing.assert_array_equal(first, second)


class Killed(Exception):
    pass


def interrupt(monkeypatch, after):
    """The call number `after` of the device never comes back."""
    calls = []

    def advance(*arguments):
        calls.append(0)
        if len(calls) == after:
            raise Killed
        return _loop_advance(*arguments)

    monkeypatch.setattr(_following, "advance", advance)


_loop_advance = _following.advance


def write_after_every_step(monkeypatch):
    monkeypatch.setattr(_checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(_checkpoint, "_SHARE", 0.0)


@pytest.mark.bits
@pytest.mark.parametrize("name", CASES)
def test_interrupted_runs_end_with_the_same_bits(name, tmp_path, monkeypatch):
    options, path = CASES[name], tmp_path / "run"
    whole = nets.train(NET, X, Y, **options)
    write_after_every_step(monkeypatch)
    for after in (2, 5, 4):
        with monkeypatch.context() as patch:
            interrupt(patch, after)
            with pytest.raises(Killed):
                nets.train(NET, X, Y, **options, checkpoint=path)
        assert os.listdir(tmp_path) == ["run"]
    monkeypatch.undo()
    assert_same(nets.train(NET, X, Y, **options, checkpoint=path), whole)


@pytest.mark.bits
def test_files_after_every_step_change_no_bit(tmp_path, monkeypatch):
    write_after_every_step(monkeypatch)
    for name, options in CASES.items():
        run = nets.train(NET, X, Y, **options, checkpoint=tmp_path / name)
        assert_same(run, nets.train(NET, X, Y, **options))
    assert len(set(run.status.reason.split()) & {"finite", "step"}) == 2


def test_a_killed_process_leaves_a_file_to_go_on_from(tmp_path):
    root, path = Path(__file__).parents[2], tmp_path / "run"
    inherited = os.environ.get("PYTHONPATH", "")
    environment = {"JAX_ENABLE_X64": "1", "PYTHONPATH": f"{root}{os.pathsep}{inherited}"}
    with subprocess.Popen(
        [sys.executable, __file__, path],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        said = child.stdout.readline()
        child.kill()
    assert said == "writing\n"
    assert child.returncode == -signal.SIGKILL
    # killed while it was writing: nobody knows that it is not writing still, before an hour is over
    partial, run = sorted(tmp_path.iterdir())
    assert (partial.name[:5], partial.suffix, run) == (".run.", ".partial", path)
    other = tmp_path / ".run2.0.partial"
    other.touch()
    for age, left in ((3500, [partial, other, path]), (3700, [path])):
        for file in (partial, other):
            os.utime(file, (time.time() - age,) * 2)
        Checkpoint(path, "nets.train", {})
        assert set(tmp_path.iterdir()) == {other, *left}
    other.unlink()
    ends = []

    def advance(problem, state, *rest):
        ends.append(int(state.step))
        return _loop_advance(problem, state, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_following, "advance", advance)
        run = nets.train(NET, X, Y, **LONG, checkpoint=path)
    assert ends[0] == 149
    assert_same(run, nets.train(NET, X, Y, **LONG))
    assert os.listdir(tmp_path) == ["run"]


def train_until_killed(path):
    """The child: stays for ever in the middle of writing the file number 150."""
    replace, written = os.replace, []

    def stay(*names):
        written.append(names)
        if len(written) == 150:
            print("writing", flush=True)
            signal.pause()
        replace(*names)

    os.replace = stay
    write_after_every_step(pytest.MonkeyPatch())
    nets.train(NET, X, Y, **LONG, checkpoint=path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("finished") / "run"
    return path, nets.train(NET, X, Y, **BATCHES, checkpoint=path)


def test_a_finished_run_comes_back_without_training(finished, monkeypatch):
    path, run = finished
    before = path.stat().st_mtime_ns
    interrupt(monkeypatch, 1)
    assert_same(nets.train(NET, X, Y, **BATCHES, checkpoint=path), run)
    again = nets.train(NET, X, Y, **BATCHES, checkpoint=str(path), progress=True)
    assert_same(again, run)
    assert path.stat().st_mtime_ns == before


def test_a_diverged_run_says_so_again_without_training(tmp_path, monkeypatch):
    options, path = CASES["divergence"] | {"throw": True}, tmp_path / "run"
    for _ in range(2):
        with pytest.raises(RuntimeError, match="the loss is not finite at step"):
            nets.train(NET, X, Y, **options, checkpoint=path)
        interrupt(monkeypatch, 1)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("x", {"x": X + 0.1}),
        ("y", {"y": Y + 0.1}),
        ("probe", {"probe": None}),
        ("probe", {"probe": X}),
        (r"steps \(23, not 24\)", {"steps": 24}),
        ("record_at", {"record_at": [0, 7, 9, 20]}),
        (r"batch_size \(3, not 4\)", {"batch_size": 4}),
        ("key", {"key": jax.random.key(2)}),
        (r"lazy_scale \(1.0, not 2.0\)", {"lazy_scale": 2}),
        (r"record \('outputs', not 'networks'\)", {"record": "networks"}),
        ("network", {"net": eqx.tree_at(lambda net: net.a, NET, replace_fn=jnp.negative)}),
        ("network", {"net": dataclasses.replace(NET, activation="erf")}),
        ("network", {"net": nets.antisymmetric(NET)}),
        ("loss", {"loss": "huber"}),
        ("loss", {"loss": 3}),
        ("loss", {"loss": nets.Weighted(rho=np.linspace(0.5, 1.5, 8))}),
        ("optimizer", {"optimizer": optax.adam(optax.cosine_decay_schedule(0.05, 41))}),
        ("optimizer", {"optimizer": optax.adam(0.05)}),
        ("optimizer", {"optimizer": optax.sgd(0.05)}),
    ],
)
def test_checkpoints_of_other_runs_are_refused(finished, name, changed):
    path, _ = finished
    options = {"net": NET, "x": X, "y": Y} | BATCHES | changed
    with pytest.raises(ValueError, match=f"run' belongs to a run with another {name}.*: give an"):
        nets.train(**options, checkpoint=path)


def test_checkpoints_of_other_functions_and_versions_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "run"
    Checkpoint(path, "nets.train", {"n": 1}).write({"a": np.zeros(2)})
    with pytest.raises(ValueError, match=r"belongs to nets.train, not to nets.gradient_flow: give"):
        Checkpoint(path, "nets.gradient_flow", {"n": 1}).read({"a": np.zeros(2)})
    for like in ({"b": np.zeros(2)}, {"a": np.zeros(2, np.float32)}, {"a": 0.0}, {}):
        with pytest.raises(ValueError, match="was written by another version of nets: give"):
            Checkpoint(path, "nets.train", {"n": 1}).read(like)
    for module in (jax, jaxlib, eqx, diffrax, optax):
        with monkeypatch.context() as patch:
            version = module.__version__.replace(".", r"\.")
            patch.setattr(module, "__version__", "0.0.1")
            words = rf"another version of {module.__name__} \('?{version}'?, not '?0.0.1'?\): give"
            with pytest.raises(ValueError, match=words):
                Checkpoint(path, "nets.train", {"n": 1}).read({"a": np.zeros(2)})


class Accelerator:
    """A device of another kind, and an array that lies there."""

    device_kind = "Abacus 3000"

    def devices(self):
        return {self}


def test_checkpoints_of_another_kind_of_device_are_refused(tmp_path, monkeypatch):
    Checkpoint(tmp_path / "run", "nets.train", {}).write({"a": 1})
    monkeypatch.setattr(_checkpoint.jnp, "zeros", lambda shape: Accelerator())
    other = Checkpoint(tmp_path / "run", "nets.train", {})
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"another kind of device \(cpu, not Abacus 3000\): give"):
        other.read({"a": 0})


@pytest.mark.parametrize("folder", [False, True])
def test_equal_runs_write_at_the_same_time(tmp_path, monkeypatch, folder):
    """Both files are there in full before one gets its name."""
    replace, both, path = os.replace, threading.Barrier(2), tmp_path if folder else tmp_path / "run"

    def together(*names):
        both.wait(20)
        replace(*names)

    def write(number):
        checkpoint = Checkpoint(path, "nets.train", {})
        checkpoint.write({"a": np.full(1000, number)})
        return checkpoint

    monkeypatch.setattr(os, "replace", together)
    with ThreadPoolExecutor(2) as pool:
        checkpoints = list(pool.map(write, (1, 2)))
    (file,) = tmp_path.iterdir()
    assert file == checkpoints[0].path == checkpoints[1].path
    found = checkpoints[0].read({"a": np.zeros(0, int)})["a"]
    assert (found == found[0]).all()
    assert found[0] in (1, 2)


def test_one_file_for_several_networks_is_refused_with_the_way_out(tmp_path):
    path = tmp_path / "run"
    Checkpoint(path, "nets.train", {"network": np.ones(2)}).write({"a": 1})
    with pytest.raises(ValueError, match="network: give another path, for an ensemble that of a f"):
        Checkpoint(path, "nets.train", {"network": np.zeros(2)}).read({"a": 1})


def test_damaged_files_are_refused(tmp_path):
    path, like = tmp_path / "run", {"a": np.arange(5.0), "n": 1}
    checkpoint = Checkpoint(path, "nets.train", {})
    checkpoint.write(like)
    whole = path.read_bytes()
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"run' is truncated or damaged: give another path"):
            checkpoint.read(like)
    for place in (20, 90, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ValueError, match="is truncated or damaged: give another path"):
            checkpoint.read(like)
    path.write_bytes(whole + b"\0")
    with pytest.raises(ValueError, match="is truncated or damaged: give another path"):
        checkpoint.read(like)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="is empty: give another path"):
        checkpoint.read(like)
    path.write_text("x,y\n1,2\n")
    with pytest.raises(ValueError, match="is no checkpoint, or one of another version: give"):
        checkpoint.read(like)
    path.unlink()
    path.mkdir()
    with pytest.raises(ValueError, match="run' cannot be read: Is a directory"):
        checkpoint.read(like)


def test_damaged_files_stop_the_training_before_it_begins(finished, tmp_path, monkeypatch):
    path = tmp_path / "run"
    path.write_bytes(finished[0].read_bytes()[:-1])
    interrupt(monkeypatch, 1)
    with pytest.raises(ValueError, match="run' is truncated or damaged"):
        nets.train(NET, X, Y, **BATCHES, checkpoint=path)


def test_paths_that_cannot_be_written_are_refused_before_the_training(tmp_path, monkeypatch):
    interrupt(monkeypatch, 1)
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "no" / "run", tmp_path / "file" / "run"):
        with pytest.raises(ValueError, match="checkpoint must be in a folder that files can be"):
            nets.train(NET, X, Y, **BATCHES, checkpoint=path)
    with pytest.raises(TypeError, match="checkpoint must be a path, got 3"):
        Checkpoint(3, "nets.train", {})


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_writing_is_all_or_nothing(tmp_path, monkeypatch, error, where):
    def fail(*arguments):
        raise error

    checkpoint = Checkpoint(tmp_path / "run", "nets.train", {})
    checkpoint.write({"a": 1})
    with monkeypatch.context() as patch:
        patch.setattr(os, where, fail)
        with pytest.raises(error):
            checkpoint.write({"a": 2})
    assert os.listdir(tmp_path) == ["run"]
    assert checkpoint.read({"a": 0}) == {"a": 1}


def test_what_is_written_is_read(tmp_path):
    checkpoint = Checkpoint(tmp_path / "run", "nets.train", {})
    tree = {
        "keys": (jax.random.split(jax.random.key(3)), jax.random.PRNGKey(4)),
        "other key": jax.random.key(5, impl="rbg"),
        "half": jnp.arange(3, dtype=jnp.bfloat16) / 3,
        "none": None,
        "empty": np.zeros((0, 4)),
        "array": np.array([[np.nan, -0.0], [np.inf, 5e-324]]),
        "numbers": [0.1, 1 / 3, float("inf"), 2**70, True, "word"],
        "placed": jax.device_put(jnp.ones(2, bool), jax.devices()[-1]),
    }
    assert checkpoint.read(tree) is None
    checkpoint.write(tree)
    found = checkpoint.read(jax.tree.map(lambda leaf: leaf, tree))
    assert jax.tree.structure(found) == jax.tree.structure(tree)
    for one, two in zip(jax.tree.leaves(found), jax.tree.leaves(tree), strict=True):
        assert type(one) is type(two)
        if isinstance(two, jax.Array | np.ndarray):
            assert one.dtype == two.dtype
            is_key = jnp.issubdtype(two.dtype, jax.dtypes.prng_key)
            one, two = (map(jax.random.key_data, (one, two))) if is_key else (one, two)
            assert np.asarray(one).tobytes() == np.asarray(two).tobytes()
            assert one.shape == two.shape
        else:
            assert one == two
    assert found["placed"].devices() == tree["placed"].devices()
    shape = jax.ShapeDtypeStruct((), jnp.bfloat16)
    half = checkpoint.read(tree | {"half": shape})["half"]
    assert isinstance(half, np.ndarray)
    assert half.shape == (3,)


def test_writing_takes_a_twentieth_of_the_time_at_most(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(_checkpoint.time, "monotonic", lambda: now[0])
    checkpoint = Checkpoint(tmp_path / "run", "nets.train", {})

    def due_after(seconds):
        start, now[0] = now[0], now[0] + seconds
        due, now[0] = checkpoint.due, start
        return due

    assert not due_after(9.9)
    assert due_after(10.0)
    checkpoint.write({"a": 1})
    assert not due_after(9.9)
    assert due_after(10.0)
    replace = os.replace

    def slow(*names):
        now[0] += 3.0
        replace(*names)

    monkeypatch.setattr(os, "replace", slow)
    checkpoint.write({"a": 1})
    assert not due_after(59.9)
    assert due_after(60.0)


def test_calls_of_the_device_grow_between_recordings(tmp_path, monkeypatch):
    ends = []

    def advance(problem, state, at, count):
        ends.append(int(at[int(count) - 1]))
        return _loop_advance(problem, state, at, count)

    monkeypatch.setattr(_following, "advance", advance)
    monkeypatch.setattr(_checkpoint, "SECONDS", 1e9)
    options = BATCHES | {"steps": 2000, "record_at": [0, 2, 3, 2000]}
    nets.train(NET, X, Y, **options, checkpoint=tmp_path / "run")
    assert ends == [0, 1, 3, 103, 1103, 2000]


class Line(eqx.Module):
    a: jax.Array

    def __call__(self, x):
        return jnp.asarray(x)[:, 0] * self.a


LINE = Line(jnp.zeros((), jnp.float32))


def in_order(samples):
    """Options for batches of one sample each, in this order, and recordings after the last."""
    keys = map(jax.random.key, range(100))
    key = next(key for key in keys if list(Batches(key, 3, 1).order(0)) == samples)
    return {"steps": 3, "record_at": [3, 3], "batch_size": 1, "key": key, "throw": False}


def test_loss_of_all_samples_ends_a_run_only_where_it_is_recorded(tmp_path, monkeypatch):
    """After the first step, where a = 1, it is a^2 10^40, beyond float32; then a = 0."""
    x, y = np.array([1, 1, 1e20], np.float32), np.array([1, 0, 0], np.float32)
    options = in_order([0, 1, 2]) | {"optimizer": optax.sgd(1.0)}
    write_after_every_step(monkeypatch)
    run = nets.train(LINE, x, y, **options, checkpoint=tmp_path / "run")
    assert run.status.reason == "completed"
    assert_same(run, nets.train(LINE, x, y, **options))
    recorded = nets.train(LINE, x, y, **options | {"record_at": [1, 3]})
    assert recorded.status.reason == "the loss is not finite at step 1"


def test_loss_of_a_batch_ends_a_run_between_recordings(tmp_path, monkeypatch):
    """It is 10^40 before the second step, which takes a from 10^10 to about 0."""
    x, y = np.array([1, 1, 1e10], np.float32), np.array([1e10, 0, 0], np.float32)
    rates = jnp.array([1, 1e-20, 1], jnp.float32)
    options = in_order([0, 2, 1]) | {"optimizer": optax.sgd(lambda count: rates[count])}
    write_after_every_step(monkeypatch)
    run = nets.train(LINE, x, y, **options, checkpoint=tmp_path / "run")
    assert run.status.reason == "the loss is not finite at step 1"
    assert_same(run, nets.train(LINE, x, y, **options))


def test_programs_tell_functions_by_what_they_compute():
    def power(p, name="f"):
        def function(r):
            return r**p + big.sum() * 0.0 + jax.jit(lambda r: table @ r)(r)

        function.__name__ = name
        return function

    big, table = jnp.arange(5.0), np.arange(3000.0)
    r = jnp.ones(3000)
    one = program(power(3.0), r)
    assert program(power(3.0), r + 1) == one
    assert program(power(3.0 + 1e-15), r) != one
    table = table.copy()
    assert program(power(3.0), r) == one
    table[1234] += 1e-12
    assert program(power(3.0), r) != one


if __name__ == "__main__":
    train_until_killed(sys.argv[1])


def test_runs_share_a_folder(tmp_path, monkeypatch):
    runs = [nets.train(NET, X, y, **BATCHES, checkpoint=tmp_path) for y in (Y, Y + 1)]
    assert len(list(tmp_path.glob("nets.train-*.checkpoint"))) == 2
    interrupt(monkeypatch, 1)  # nothing is left to do
    for y, run in zip((Y, Y + 1), runs, strict=True):
        assert_same(nets.train(NET, X, y, **BATCHES, checkpoint=tmp_path), run)

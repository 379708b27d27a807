"""A gradient flow that was killed goes on from its file with the same bits."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nets
from nets import _checkpoint, _integrate

X = np.linspace(-1, 1, 6)
Y = np.stack([np.sin(3 * X), X**2], axis=1)
NET = nets.mlp(jax.random.key(0), widths=(1, 8, 2), scaling="ntk", weight_std=1.0, bias_std=1.0)
TS = [0.0, 0.1, 1.0, 5.0]
PLAIN = {"probe": X[:2] + 0.1, "record": "networks"}
CASES = {
    "exponential": PLAIN | {"solver": "exponential", "loss": "huber"},
    "chebyshev": {"solver": "chebyshev", "rtol": 1e-2},
    "diffrax": PLAIN | {"solver": diffrax.Tsit5(), "lazy_scale": 3.0},
}


class Killed(Exception):
    pass


@pytest.fixture(autouse=True)
def written_after_every_step(monkeypatch):
    monkeypatch.setattr(_integrate, "_FIRST", 1)
    monkeypatch.setattr(_integrate, "_SECONDS", 0.0)
    monkeypatch.setattr(_checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(_checkpoint, "_SHARE", 0.0)


def interrupt(patch, after):
    """The step number `after` never comes back."""
    advance, calls = _integrate.advance, []

    def killed(*arguments):
        calls.append(0)
        if len(calls) == after:
            raise Killed
        return advance(*arguments)

    patch.setattr(_integrate, "advance", killed)


def assert_same(one, two):
    np.testing.assert_equal(vars(one.status), vars(two.status))  # NaN equals NaN
    for name in ("fitted", "probe", "loss"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    for trees in ((one.net, two.net), (one.networks, two.networks)):
        leaves = [
            [leaf for leaf in jax.tree.leaves(tree) if hasattr(leaf, "dtype")] for tree in trees
        ]
        for first, second in zip(*leaves, strict=True):
            assert first.dtype == second.dtype
            np.testing.assert_array_equal(first, second)


@pytest.mark.bits
@pytest.mark.parametrize(
    "name", ["exponential", "chebyshev", pytest.param("diffrax", marks=pytest.mark.slow)]
)
def test_interrupted_flows_end_with_the_same_bits(name, tmp_path, monkeypatch):
    net = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), NET) if name == "chebyshev" else NET
    options, path = CASES[name], tmp_path / "flow"
    with monkeypatch.context() as patch:
        patch.setattr(_integrate, "_FIRST", 100)
        whole = nets.gradient_flow(net, X, Y, TS, **options)
    for after in (3, 4, 3):
        with monkeypatch.context() as patch:
            interrupt(patch, after)
            with pytest.raises(Killed):
                nets.gradient_flow(net, X, Y, TS, **options, checkpoint=path)
    resumed = nets.gradient_flow(net, X, Y, TS, **options, checkpoint=path)
    assert_same(resumed, whole)
    interrupt(monkeypatch, 1)  # a flow that has ended takes no step
    assert_same(nets.gradient_flow(net, X, Y, TS, **options, checkpoint=path), whole)


class Wall(eqx.Module):
    """Output sqrt(a): pulled to -1 it reaches a = 0 in finite time, where the flow ends."""

    a: jax.Array

    def __call__(self, x):
        return jnp.sqrt(self.a) * jnp.ones(len(x))


def test_flow_that_fails_fails_again_from_its_file(tmp_path):
    call = {"ts": [0.1, 9.0], "throw": False, "checkpoint": tmp_path / "flow"}
    runs = [nets.gradient_flow(Wall(jnp.ones(())), X, -np.ones(6), **call) for _ in range(2)]
    assert "miss the tolerance" in runs[0].status.reason
    assert_same(*runs)


def test_file_of_another_flow_is_refused(tmp_path):
    path = tmp_path / "flow"
    nets.gradient_flow(NET, X, Y, [0.1], checkpoint=path)
    other = nets.mlp(jax.random.key(9), widths=(1, 8, 2), scaling="ntk")
    for name, call in {
        "y": lambda: nets.gradient_flow(NET, X, Y + 1, [0.1], checkpoint=path),
        "ts": lambda: nets.gradient_flow(NET, X, Y, [0.2], checkpoint=path),
        "rtol": lambda: nets.gradient_flow(NET, X, Y, [0.1], rtol=1e-4, checkpoint=path),
        "solver": lambda: nets.gradient_flow(NET, X, Y, [0.1], solver="chebyshev", checkpoint=path),
        "network": lambda: nets.gradient_flow(other, X, Y, [0.1], checkpoint=path),
        "loss": lambda: nets.gradient_flow(NET, X, Y, [0.1], loss=4, checkpoint=path),
    }.items():
        with pytest.raises(ValueError, match=f"flow' belongs to a run with another {name}"):
            call()
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="flow' is truncated or damaged"):
        nets.gradient_flow(NET, X, Y, [0.1], checkpoint=path)


def test_seeds_of_an_ensemble_share_a_folder(tmp_path, monkeypatch):
    def make(key):
        return nets.mlp(key, widths=(1, 8, 2), scaling="ntk")

    def run(net):
        return nets.gradient_flow(net, X, Y, [0.1, 1.0], checkpoint=tmp_path)

    keys = jax.random.split(jax.random.key(2), 3)
    runs = nets.ensemble(make, keys, run)
    assert len(list(tmp_path.iterdir())) == 3
    interrupt(monkeypatch, 1)
    np.testing.assert_array_equal(nets.ensemble(make, keys, run).fitted, runs.fitted)

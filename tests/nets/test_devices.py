"""Where networks are trained changes nothing: virtual CPU devices, accelerators, matrix units."""

import os
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import nets

X = np.linspace(-1, 1, 8)
Y = np.sin(3 * X)
DEVICES = 4
ADAM = optax.adam(1e-2)


def make(key, dtype="float32"):
    return nets.mlp(key, widths=(1, 32, 1), weight_std=1.0, bias_std=1.0, dtype=dtype)


def train(net):
    at = [0, 20]
    return nets.train(net, X, Y, optimizer=ADAM, steps=20, record_at=at, record="networks")


def flow(net):
    return nets.gradient_flow(net, X, Y, [0.0, 1.0, 10.0], probe=[0.1])


def linearized(net):
    return nets.linearized_flow(net, X, Y, [0.0, 1.0, 10.0])


CASES = {
    "train": (make, train),
    "flow": (lambda key: make(key, "float64"), flow),
    "linearized": (lambda key: make(key, "float64"), linearized),
}


def numbers(name, seen):
    """All arrays of an ensemble, and in `seen` the devices that its networks lay on."""
    make, run = CASES[name]

    def noted(net):
        seen.update(*(leaf.devices() for leaf in jax.tree.leaves(net)))
        result = run(net)
        seen.update(*(leaf.devices() for leaf in jax.tree.leaves(result.net)))
        return result

    runs = nets.ensemble(make, jax.random.split(jax.random.key(1), DEVICES), noted)
    assert {device for leaf in jax.tree.leaves(runs.net) for device in leaf.devices()} == set(
        jnp.zeros(()).devices()
    )
    arrays = [runs.fitted, runs.loss, *jax.tree.leaves((runs.probe, runs.net, runs.networks))]
    return [np.asarray(array) for array in arrays]


def child(*arguments, flags, **variables):
    variables["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}"
    environment = {**os.environ, "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu", **variables}
    return subprocess.run(
        [sys.executable, __file__, *map(str, arguments)],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def on_many_devices(name, path):
    """What the child process does: a case on all devices."""
    seen = set()
    np.savez(path, *numbers(name, seen))
    print(*sorted(device.id for device in seen))


def of_one_processor(name):
    seen = set()
    device = jax.devices("cpu")[0]
    with jax.default_device(device):
        arrays = numbers(name, seen)
    assert seen == {device}
    return arrays


# every device compiles anew, and the flow is the longest program
NAMES = ["train", "linearized", pytest.param("flow", marks=pytest.mark.slow)]
FOUR = ["train", *(pytest.param(name, marks=pytest.mark.slow) for name in ("linearized", "flow"))]


@pytest.mark.bits
@pytest.mark.parametrize("name", FOUR)
def test_ensemble_is_the_same_on_one_device_and_on_four(name, tmp_path):
    flags = f"--xla_force_host_platform_device_count={DEVICES}"
    used = child("devices", name, tmp_path / "found.npz", flags=flags)
    assert used.split() == [str(i) for i in range(DEVICES)]
    with np.load(tmp_path / "found.npz") as found:
        expected = of_one_processor(name)
        assert len(found) == len(expected)
        for one, four in zip(expected, found.values(), strict=True):
            np.testing.assert_array_equal(four, one)


def accelerators():
    try:
        return jax.devices("gpu")
    except RuntimeError:
        return []


@pytest.mark.parametrize("device", [*jax.devices("cpu")[-1:], *accelerators()], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_device_asked_for_has_all_of_the_ensemble_and_its_numbers(name, device):
    seen = set()
    with jax.default_device(device):
        arrays = numbers(name, seen)
    assert seen == {device}
    # two compilers round differently: in float32 twenty steps of Adam spread it
    tolerance = {"train": 1e-4, "flow": 1e-8, "linearized": 1e-10}[name]
    for found, expected in zip(arrays, of_one_processor(name), strict=True):
        np.testing.assert_allclose(found, expected, tolerance, tolerance)


def programs():
    """What the other child process does: all that multiplies matrices in float32, once."""
    key = jax.random.key(0)
    images = np.linspace(0, 1, 2 * 36).reshape(2, 36)
    cnn = nets.cnn(key, image=(6, 6, 1), channels=(2,), dense=(3,), dtype="float32")
    for net, x in (
        (nets.two_layer(key, width=6, dtype="float32"), X),
        (nets.two_layer_kinks(key, width=6, dtype="float32"), X),
        (nets.mlp(key, widths=(1, 6, 5, 1), dtype="float32"), X),
        (cnn, images),
    ):
        net(x)
        nets.tangent_kernel(net, x, x)
        nets.kernel_product(net, x, x, np.ones(len(x)))
    net = make(key)
    train(net)
    fourier = nets.Fourier([1.0, 2.0], [1.0, 0.5])
    nets.train(net, X, Y, optimizer=ADAM, steps=1, record_at=[1], loss=fourier)
    nets.gradient_flow(net, X, Y, [1e-3])


PRODUCT = re.compile(
    r"stablehlo\.(dot_general|dot|convolution)\b.*tensor<(?:\d+x)*(?:f32|bf16|f16)>"
)


def test_products_in_float32_are_not_rounded_to_fewer_bits(tmp_path):
    child("programs", JAX_DUMP_IR_TO=str(tmp_path), flags="--xla_backend_optimization_level=0")
    products = [
        (path.name, line.strip())
        for path in sorted(tmp_path.glob("*.mlir"))
        for line in path.read_text().splitlines()
        if PRODUCT.search(line)
    ]
    kinds = {PRODUCT.search(line)[1] for _, line in products}
    assert kinds == {"dot_general", "convolution"}
    assert [pair for pair in products if pair[1].count("HIGHEST") != 2] == []


if __name__ == "__main__":
    if sys.argv[1] == "devices":
        on_many_devices(*sys.argv[2:])
    else:
        programs()

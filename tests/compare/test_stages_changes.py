"""What changed between recordings, against transforms written out and against derivatives."""

import jax
import numpy as np
import optax
import pytest

import lfp
import nets
from compare import stages

N = 14
X = 0.2 + 1.6 * np.arange(N) / N
Y = np.sin(5 * X)
NAMES = ("loss_ratio", "low_loss_ratio", "output_ratio", "low_output_ratio")


def by_hand(x, y, outputs, chi, rho, eta):
    """The four ratios and the changes of L, frequency by frequency."""
    n = len(x)
    xi = np.abs(np.fft.fftfreq(n, x[1] - x[0]))
    power = np.abs(np.fft.fft(np.sqrt(rho) * chi * (outputs - y), axis=1) / n) ** 2
    moved = np.abs(np.fft.fft(chi * np.diff(outputs, axis=0), axis=1) / n) ** 2
    found = []
    for up in (xi >= eta - 1e-9, xi < eta - 1e-9):
        part = np.diff(power[:, up].sum(axis=1))
        found.append(np.abs(part) / np.abs(np.diff(power.sum(axis=1))))
        found.append(np.sqrt(moved[:, up].sum(axis=1) / moved.sum(axis=1)))
    return found[0], found[2], found[1], found[3], np.diff(power.sum(axis=1))


@pytest.mark.parametrize("n", [14, 15])
@pytest.mark.parametrize("weights", [False, True])
def test_changes_are_those_of_the_transforms(n, weights):
    random = np.random.default_rng(n)
    x = 0.3 + 1.7 * np.arange(n) / n
    y, outputs = random.normal(size=n), random.normal(size=(4, n))
    chi = stages.bump(x) if weights else np.ones(n)
    rho = random.uniform(0.2, 2, n) if weights else np.ones(n)
    found = stages.changes(x, y, outputs, chi=chi, rho=7 * rho)
    np.testing.assert_allclose(found.eta, np.arange(1, n // 2 + 1) / 1.7)
    for f, eta in enumerate(found.eta):
        *ratios, change = by_hand(x, y, outputs, chi, rho / rho.mean(), eta)
        for name, ratio in zip(NAMES, ratios, strict=True):
            np.testing.assert_allclose(getattr(found, name)[:, f], ratio, rtol=1e-10, err_msg=name)
        np.testing.assert_allclose(found.loss_change, change, rtol=1e-10)


def test_changes_of_close_recordings_are_derivatives_of_gradient_flow():
    law = lfp.TwoLayer(sigma_b=4.0)
    ts = np.array([0.1, 0.1 + 1e-7])
    outputs = np.asarray(lfp.solve(law, X, Y, ts).fitted)
    weights = {"chi": stages.bump, "eta": [1.0, 2.0, 3.5]}
    moved = stages.changes(X, Y, outputs, **weights)
    at = stages.measure(X, Y, outputs, law.kernel(X, X), ts, rho=None, eta=weights["eta"])
    plain = stages.changes(X, Y, outputs, eta=weights["eta"])
    for name in NAMES:
        np.testing.assert_allclose(getattr(plain, name)[0], getattr(at, name)[0], rtol=1e-4)
    assert not np.allclose(moved.loss_ratio, plain.loss_ratio, rtol=0.1)


def test_steps_of_adam_are_not_those_of_gradient_flow():
    net = nets.mlp(jax.random.key(0), widths=(1, 20, 1), activation="tanh", weight_std=1.0)
    run = nets.train(
        net, X, Y, optimizer=optax.adam(1e-5), steps=1, record_at=[0, 1], record="networks"
    )
    moved = stages.changes(X, Y, run.fitted)
    flow = stages.measure(X, Y, run.fitted, run.kernels(X), [0.0, 1e-5])
    assert (np.abs(moved.loss_ratio[0] / flow.loss_ratio[0] - 1) > 0.1).any()
    assert (flow.loss_ratio[:, None] <= flow.initial.bound * (1 + 1e-12)).all()


def test_where_nothing_changes_there_is_no_ratio():
    outputs = np.stack([0 * Y, 0 * Y, 2 * Y])  # the error of the last is that of the others
    found = stages.changes(X, Y, outputs)
    assert np.isnan(found.output_ratio[0]).all()
    assert np.isnan(found.loss_ratio[0]).all()
    assert np.isfinite(found.output_ratio[1]).all()
    np.testing.assert_allclose(found.loss_change, 0, atol=1e-15)


def test_where_only_rounding_changes_the_loss_there_is_no_ratio():
    x = np.arange(16) / 16
    y = np.sin(6 * np.pi * x)
    around = [np.cos(2 * np.pi * x), np.sin(2 * np.pi * x), 1.001 * np.sin(4 * np.pi * x)]
    found = stages.changes(x, y, y + around)
    assert np.isnan(found.loss_ratio[0]).all()
    assert np.isnan(found.low_loss_ratio[0]).all()
    np.testing.assert_allclose(found.output_ratio[0, 0], 1)
    np.testing.assert_allclose(found.loss_change[1], (1.001**2 - 1) / 2)
    np.testing.assert_allclose(found.loss_ratio[1, 1], 1.001**2 / (1.001**2 - 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_outputs_that_differ_in_their_last_digit_do_not_move(dtype):
    outputs = np.stack([Y, Y]).astype(dtype)
    outputs[1] = np.nextafter(outputs[1], dtype(np.inf))
    found = stages.changes(X, 0 * Y, outputs)
    assert all(np.isnan(getattr(found, name)).all() for name in NAMES)
    outputs[1] = Y + 200 * np.finfo(dtype).eps
    found = stages.changes(X, 0 * Y, outputs)
    assert all(np.isfinite(getattr(found, name)).all() for name in NAMES)


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_ratios_do_not_depend_on_the_unit_of_huge_or_tiny_outputs(scale):
    outputs = np.stack([0 * Y, 0.3 * Y, Y + 0.1 * X])
    found, plain = (stages.changes(X, c * Y, c * outputs) for c in (scale, 1.0))
    for name in NAMES:
        np.testing.assert_allclose(getattr(found, name), getattr(plain, name), rtol=1e-9)
    expected = [-np.inf, -np.inf] if scale > 1 else [0, 0]
    np.testing.assert_array_equal(found.loss_change, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outputs": np.zeros((1, N))}, r"at least 2 recordings, got \(1, 14\)"),
        ({"outputs": np.zeros((2, N + 1))}, r"outputs must have shape \(T, 14\) .* got \(2, 15\)"),
        ({"y": Y[1:]}, r"y must have shape \(14,\) like x, got \(13,\)"),
        ({"x": X**2}, r"x must be a uniform grid .* compare\.spectra\.spectrum"),
        ({"eta": [5.0]}, "eta must be above 0 and at most 4.375 cycles per unit of x"),
        ({"chi": -Y}, "chi must not be negative, nor 0 everywhere"),
        ({"rho": np.ones(3)}, r"rho must have shape \(14,\) like x"),
        ({"period": 1.0}, "period must be n times the step of x"),
    ],
)
def test_bad_input_is_named(change, message):
    given = {"x": X, "y": Y, "outputs": np.zeros((2, N)), **change}
    x, y, outputs = (given.pop(name) for name in ("x", "y", "outputs"))
    with pytest.raises(ValueError, match=message):
        stages.changes(x, y, outputs, **given)

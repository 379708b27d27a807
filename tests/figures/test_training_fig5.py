"""Weights opened in the Fourier domain: low to high works, high to low waits for the low ones."""

from pathlib import Path

import numpy as np
import pytest
import training_fig5 as script

from compare import store

DATA = Path(script.__file__).parent / "data" / "training_fig5.nc"


@pytest.fixture
def data():
    return store.load(DATA).load()


def test_all_facts_are_seen(data):
    assert all(fact.holds for fact in script.check(data)), script.check(data)


def late_second_peak(data, loss):
    error = data["relative_error"].sel(loss=loss, frequency=4)
    error[:] = np.where(np.arange(error.size) < script.one(data, loss).sizes["step"] - 9, 0.5, 0.01)


def slow(data):
    """The mean square twenty times as fast."""
    error = data["relative_error"].sel(loss="mean square")
    error.values[20:-20] = error.values[400:][:, :].repeat(20, axis=0)[: len(error) - 40]
    error.values[20:] = 0.01


def learned_alone(data):
    last = script.last_opened(script.one(data, "high to low"))
    data["relative_error"].sel(loss="high to low", frequency=36)[last] = 0.1


def mean_square_is_late(data):
    """At one of the peaks it is no better before the last weights open."""
    high = script.one(data, "high to low")
    step = high["step"].values[script.last_opened(high)]
    data["relative_error"].loc[{"loss": "mean square", "frequency": 20, "step": step}] = 0.4


def not_learned(data):
    end = script.one(data, "high to low").sizes["step"] - 1
    data["relative_error"].sel(loss="high to low", frequency=36)[end] = 0.2


@pytest.mark.parametrize(
    ("fact", "mutate"),
    [
        (0, lambda data: late_second_peak(data, "low to high")),
        (1, slow),
        (2, learned_alone),
        (3, mean_square_is_late),
        (4, not_learned),
        (5, lambda data: late_second_peak(data, "high to low")),
    ],
)
def test_a_mutated_datum_makes_the_fact_fail(data, fact, mutate):
    mutate(data)
    assert not script.check(data)[fact].holds


def test_the_first_peak_has_no_weight_until_the_last_stage(data):
    high = script.one(data, "high to low")
    assert (np.diff(high["opened"].values) >= 0).all()
    assert high["opened"].values[[0, -1]].tolist() == [1, 6]
    assert (script.one(data, "mean square")["opened"] == 6).all()


def test_stages_end_at_the_tolerance_or_when_patience_is_out():
    error = np.array([[0.5, 0.9], [0.05, 0.9], [0.5, 0.9], [0.5, 0.01], [0.5, 0.01]])
    assert script.stages_of(error, None).tolist() == [0, 0, 1, 1, 1]
    assert script.stages_of(np.ones((6, 3)), 2).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.slow
def test_stages_are_those_of_the_training(tmp_path):
    """The loss that a run records jumps where `stages_of` says that weights open."""
    import jax.numpy as jnp

    import nets

    x = np.linspace(-1, 1, 40)
    y = np.sign(np.sin(3 * x))
    peaks, k = np.array([1, 3]), np.abs(np.fft.fftfreq(40, 1 / 40)).round()
    xi = np.fft.fftfreq(40, x[1] - x[0])
    loss = nets.FourierStages(xi, np.array([k <= 1, k <= 3], float), peaks, 0.1, 20)
    recipe = script.Recipe(widths=(20,), std=1.0, rate=0.01, steps=600)
    run = recipe.train(x, y, 0, loss=loss, record_at=np.arange(0, 601, 10))
    transform = np.fft.fft(np.asarray(run.fitted, float) - y) / 40
    error = np.abs(transform[:, peaks]) / np.abs(np.fft.fft(y)[peaks] / 40)
    stage = script.stages_of(error, 20)
    power = np.abs(transform) ** 2
    expected = [power[i, k <= peaks[stage[i]]].sum() / 2 for i in range(len(stage))]
    assert 0 < stage.mean() < 1
    np.testing.assert_allclose(run.loss, jnp.array(expected), rtol=1e-3, atol=1e-7)


def test_pictures_can_be_drawn(data):
    assert len(script.draw(data).axes) == 3

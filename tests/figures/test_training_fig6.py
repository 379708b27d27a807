"""The test loss on noisy stairs is least about when the dominant peak is captured."""

from pathlib import Path

import numpy as np
import pytest
import training_fig6 as script

from compare import store

DATA = Path(script.__file__).parent / "data" / "training_fig6.nc"


@pytest.fixture
def data():
    return store.load(DATA).load()


def test_all_facts_are_seen(data):
    assert all(fact.holds for fact in script.check(data)), script.check(data)


def no_rise(data):
    """The test loss of one seed falls to the end."""
    data["test_loss"][1] = np.sort(data["test_loss"][1])[::-1]


def training_stops(data):
    """The training loss of one seed stays where it is at the test's minimum."""
    step = script.best_steps(data)[0]
    late = data["step"].values > step
    data["train_loss"][0, late] = float(data["train_loss"][0].sel(step=step))


def captured_late(data):
    """In one seed, near the end."""
    data["peak_error"][1, :-2] = 0.5


def captured_at_once(data):
    """In one seed."""
    data["peak_error"][0, 20:] = 0.01


def data_differ(data):
    """The test data lack the dominant peak."""
    data["amplitude"].loc[{"line": "test_data", "frequency": 3}] = 0


def data_agree(data):
    data["amplitude"].loc[{"line": "test_data"}] = data["amplitude"].sel(line="train_data").values


def noise_is_fitted(data):
    """The output at the least test loss is that of the end, the noisy data."""
    data["amplitude"].loc[{"line": "train_output"}] = (
        data["amplitude"].sel(line="train_data").values
    )


@pytest.mark.parametrize(
    ("fact", "mutate"),
    list(
        enumerate(
            [
                no_rise,
                training_stops,
                captured_late,
                captured_at_once,
                data_differ,
                data_agree,
                noise_is_fitted,
            ]
        )
    ),
)
def test_a_mutated_datum_makes_the_fact_fail(data, fact, mutate):
    mutate(data)
    assert not script.check(data)[fact].holds


def test_a_peak_that_is_lost_again_is_not_yet_captured(data):
    late = int(np.flatnonzero(data["step"].values > 10_000)[0])
    data["peak_error"][0, late] = 0.5
    assert script.captured(data)[0] == data["step"].values[late + 1]
    data["peak_error"][0, -1] = 0.5
    assert np.isnan(script.captured(data)[0])

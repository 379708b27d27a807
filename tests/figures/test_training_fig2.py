"""An eye is learned from low to high from small parameters, and becomes noise from large ones."""

from pathlib import Path

import numpy as np
import pytest
import training_fig2 as script

from compare import images, store

DATA = Path(script.__file__).parent / "data" / "training_fig2.nc"


@pytest.fixture
def data():
    return store.load(DATA).load()


def test_all_facts_are_seen(data):
    assert all(fact.holds for fact in script.check(data)), script.check(data)


def resolved(data):
    places = np.flatnonzero(data["peak"].values[0])
    return places[places < data.sizes["column"] // 4]


def high_first(data):
    """The order of the peaks' errors is turned round."""
    places = resolved(data)
    error = data["relative_error"].values
    error[0][:, places] = error[0][:, places[::-1]]


def none_converges(data):
    data["relative_error"].values[0][:, resolved(data)] = 1


def set_end(data, name, initial, share):
    power = float((data["image"] ** 2).mean())
    data[name].loc[{"initial": initial, "step": data["step"].values[-1]}] = share * power


def small_does_not_generalise(data):
    set_end(data, "test_loss", "small", 0.6)


def large_does_not_fit(data):
    set_end(data, "train_loss", "large", 0.2)


def large_generalises(data):
    set_end(data, "test_loss", "large", 0.1)


def large_learns_the_peaks(data):
    data["relative_error"][1, -1] = 0.1


@pytest.mark.parametrize(
    ("fact", "mutate"),
    list(
        enumerate(
            [
                high_first,
                none_converges,
                small_does_not_generalise,
                large_does_not_fit,
                large_generalises,
                large_learns_the_peaks,
            ]
        )
    ),
)
def test_a_mutated_datum_makes_the_fact_fail(data, fact, mutate):
    mutate(data)
    assert not script.check(data)[fact].holds


def test_the_eye_is_made_of_means_of_squares():
    fine = images.photograph("chelsea")[script.CROP]
    found = script.eye(3)
    assert found.shape == (24, 48)
    assert abs(found.mean()) < 1e-12
    expected = fine[3:6, 9:12].mean() - fine.mean()
    np.testing.assert_allclose(found[1, 3], expected, atol=1e-12)

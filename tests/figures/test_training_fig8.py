"""A network that has learned a sine is flat where it has no samples."""

from pathlib import Path

import numpy as np
import pytest
import training_fig8 as script

from compare import store

DATA = Path(script.__file__).parent / "data" / "training_fig8.nc"


@pytest.fixture
def data():
    return store.load(DATA).load()


def test_all_facts_are_seen(data):
    assert all(fact.holds for fact in script.check(data)), script.check(data)


def not_fitted(data):
    """One seed misses half of a wave inside."""
    inside = (data["point"].values > 0) & (data["point"].values < 3)
    data["output"][1, inside] = 0


def steep(data):
    data["output"][0] += 0.2 * np.maximum(data["point"] - 20, 0)


def periodic(data):
    """One seed, beyond the samples on the right, follows the sine in small."""
    right = data["point"].values > 10
    data["output"][1, right] = 0.03 * np.sin(data["point"].values[right])


@pytest.mark.parametrize(("fact", "mutate"), [(0, not_fitted), (1, steep), (2, periodic)])
def test_a_mutated_datum_makes_the_fact_fail(data, fact, mutate):
    mutate(data)
    assert not script.check(data)[fact].holds


def test_turning_points_are_counted_and_ripples_are_not():
    x = np.linspace(0, 4 * np.pi, 500)
    assert script.turning_points(np.sin(x)) == 4
    assert script.turning_points(np.sin(x) + 0.005 * np.sin(40 * x)) == 4
    assert script.turning_points(x) == 0
    assert script.turning_points(0.005 * np.sin(x)) == 0


def test_slopes_outside_are_relative_to_those_inside(data):
    data["output"][:] = np.sin(data["point"])
    np.testing.assert_allclose(script.slopes(data), 1, rtol=1e-3)


def test_pictures_can_be_drawn(data):
    assert len(script.draw(data).axes) == 2

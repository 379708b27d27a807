"""Low to high where amplitudes rise, for other targets and other optimisers."""

from pathlib import Path

import numpy as np
import pytest
import training_fig4 as script

from compare import store

DATA = Path(script.__file__).parent / "data" / "training_fig4.nc"


@pytest.fixture
def data():
    return store.load(DATA).load()


def test_all_facts_are_seen(data):
    assert all(fact.holds for fact in script.check(data)), script.check(data)


def falling_amplitudes(data):
    data["amplitude"][:] = 1 / data["frequency"]


def late_first_peak(data):
    data["relative_error"].sel(frequency=3)[:] = 0.5


def late_peak_of(dim, place):
    """The first peak of one of the other trainings does not converge."""

    def mutate(data):
        name = data[dim].values[place]
        first = script.one(data, dim, name)["frequency"].values[0]
        data[f"relative_error_{dim}"].loc[{dim: name, "frequency": first}] = 0.5

    return mutate


MUTATIONS = [falling_amplitudes, late_first_peak]
MUTATIONS += [late_peak_of("target", place) for place in range(6)]
MUTATIONS += [late_peak_of("optimizer", place) for place in range(3)]


@pytest.mark.parametrize(("fact", "mutate"), list(enumerate(MUTATIONS)))
def test_a_mutated_datum_makes_the_fact_fail(data, fact, mutate):
    mutate(data)
    assert not script.check(data)[fact].holds


def test_every_fact_has_a_mutation(data):
    assert len(script.check(data)) == len(MUTATIONS)


def test_the_target_is_the_sum_of_three_sines():
    x = np.linspace(-10, 10, 7)
    expected = np.sin(x) + 2 * np.sin(3 * x) + 3 * np.sin(5 * x)
    np.testing.assert_allclose(script.waves(x), expected, atol=1e-12)


def test_peaks_of_the_target_are_those_of_its_sines_and_one_of_the_stairs(data):
    at = data["frequency"].values[data["peak"].values]
    assert at[:3].tolist() == [3, 10, 16]
    assert len(at) == 4


def test_pictures_can_be_drawn(data):
    assert len(script.draw(data).axes) == 9

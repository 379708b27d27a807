"""ReLU and non-uniform samples keep the order of the peaks."""

from pathlib import Path

import numpy as np
import pytest
import training_fig7 as script

from compare import store

DATA = Path(script.__file__).parent / "data" / "training_fig7.nc"


@pytest.fixture
def data():
    return store.load(DATA).load()


def test_all_facts_are_seen(data):
    assert all(fact.holds for fact in script.check(data)), script.check(data)


def late_second_peak(label):
    def mutate(data):
        data[f"relative_error_{label}"].loc[{f"seed_{label}": 0, "frequency": 4}] = 0.5

    return mutate


def late_first_peak(label):
    """Of one seed: nearly as late as the third peak."""

    def mutate(data):
        found = script.part(data, label)
        third = script.peak_panels.converged(found)[0, 2]
        early = data[f"step_{label}"].values < 0.5 * third
        data[f"relative_error_{label}"][0, np.flatnonzero(early), 0] = 0.5

    return mutate


def late_fifth_peak(label):
    """Of one seed, lost at the end."""

    def mutate(data):
        data[f"relative_error_{label}"].loc[{f"seed_{label}": 0, "frequency": 28}] = 0.5

    return mutate


@pytest.mark.parametrize(
    ("fact", "mutate"),
    list(
        enumerate(
            change(label)
            for label in script.PARTS
            for change in (late_second_peak, late_first_peak, late_fifth_peak)
        )
    ),
)
def test_a_mutated_datum_makes_the_fact_fail(data, fact, mutate):
    mutate(data)
    assert not script.check(data)[fact].holds


def test_samples_are_fitted_with_their_own_transform(data):
    many = script.part(data, "random")
    assert (
        many["relative_error_samples"].isel(step=-1).max()
        < many["relative_error"].isel(step=0).min()
    )


def test_the_order_at_the_samples_is_that_of_the_docstring(data):
    many = script.part(data, "random").drop_vars("relative_error")
    at_samples = many.rename(relative_error_samples="relative_error")
    assert f"{script.peak_panels.order(at_samples):.3f}" in script.__doc__


def test_parts_have_the_same_peaks(data):
    for label in script.PARTS:
        assert script.part(data, label)["frequency"].values.tolist() == [1, 4, 12, 20, 28, 36]


def test_pictures_can_be_drawn(data):
    assert len(script.draw(data).axes) == 8

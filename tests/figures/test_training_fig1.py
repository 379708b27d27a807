"""Images along their first principal component: what the labels' mean does to the order."""

from pathlib import Path

import numpy as np
import pytest
import training_fig1 as script

from compare import store

DATA = Path(script.__file__).parent / "data" / "training_fig1.nc"
PAPER, CENTRED = script.MEASURES


@pytest.fixture
def data():
    return store.load(DATA).load()


def test_all_facts_are_seen(data):
    assert all(fact.holds for fact in script.check(data)), script.check(data)


def high_first(name):
    """The errors of the selected components, turned round."""

    def mutate(data, kind):
        place = {"data": name, "network": kind, "measure": PAPER}
        selected = data["frequency"].values[data["peak"].sel(place).values]
        errors = data["relative_error"].sel(place | {"frequency": selected}).values
        data["relative_error"].loc[place | {"frequency": selected}] = errors[:, ::-1]

    return mutate


def late(name, measure, factor, count=1):
    """The lowest components stay at 1 up to a multiple of the last step of convergence."""

    def mutate(data, kind):
        found = script.one(data, name, kind, measure)
        until = factor * np.nanmax(script.peak_panels.converged(found, script.HALF))
        place = {"data": name, "network": kind, "measure": measure}
        early = np.flatnonzero(data["step"].sel(data=name, network=kind) < until)
        lowest = found["frequency"].values[:count]
        data["relative_error"].loc[place | {"frequency": lowest, "recording": early}] = 1

    return mutate


def low_first(data, kind):
    """The errors of the patches' components, sorted by when they converge."""
    found = script.one(data, "patches", kind, PAPER)
    order = np.argsort(script.peak_panels.converged(found, script.HALF))
    place = {"data": "patches", "network": kind, "measure": PAPER}
    place |= {"frequency": found["frequency"].values}
    data["relative_error"].loc[place] = data["relative_error"].sel(place).values[:, order]


MUTATIONS = [
    (mutate, kind)
    for kind in script.NETWORKS
    for mutate in (
        high_first("digits"),
        late("digits", PAPER, 0.8, 3),
        late("digits", CENTRED, 3),
        high_first("waves"),
        late("waves", PAPER, 0.8),
    )
] + [(low_first, kind) for kind in script.NETWORKS]


@pytest.mark.parametrize("fact", range(len(MUTATIONS)))
def test_a_mutated_datum_makes_the_fact_fail(data, fact):
    mutate, kind = MUTATIONS[fact]
    mutate(data, kind)
    facts = script.check(data)
    assert len(facts) == len(MUTATIONS)
    assert not facts[fact].holds


def test_outputs_that_are_the_mean_leave_what_is_not_the_means():
    random = np.random.default_rng(0)
    positions = random.uniform(size=200) ** 2
    labels = 3 + np.cos(2 * np.pi * positions) + random.normal(size=200)
    outputs = np.full((1, 200), labels.mean())
    found = script.reduced("digits", positions, labels, outputs).isel(recording=0)
    paper, centred = (found.sel(measure=measure) for measure in script.MEASURES)
    waves = np.exp(-2j * np.pi * found["frequency"].values[:, None] * positions)
    np.testing.assert_allclose(paper["amplitude"], np.abs(waves @ labels) / 200, rtol=1e-6)
    left = centred["amplitude"] / paper["amplitude"]
    np.testing.assert_allclose(paper["relative_error"][1:], left[1:], rtol=1e-5)
    assert paper["relative_error"][0] < 1e-6
    np.testing.assert_allclose(centred["relative_error"][1:], 1, rtol=1e-6)
    assert not centred["peak"][0]
    assert paper["peak"][:2].all()


def test_selected_are_the_leading_components_above_the_noise():
    positions = np.arange(400) / 400
    labels = sum(np.cos(2 * np.pi * k * positions) for k in (1, 2, 5)) + 2
    found = script.reduced("digits", positions, labels, labels[None])
    assert found["frequency"].values[found["peak"][0]].tolist() == [0, 1, 2]
    assert found["frequency"].values[found["peak"][1]].tolist() == [1, 2]
    waves = script.reduced("waves", positions, labels, labels[None])
    assert waves["frequency"].values[waves["peak"][0]].tolist() == list(script.WAVES)


def test_halves_are_means_of_squares():
    pixels = np.random.default_rng(0).uniform(size=(3, 4, 6, 2))
    found = script.halves(pixels)
    assert found.shape == (3, 2, 3, 2)
    np.testing.assert_allclose(found[1, 1, 2, 0], pixels[1, 2:4, 4:6, 0].mean())

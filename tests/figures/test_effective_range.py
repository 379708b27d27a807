"""A peak above the range of the samples is fitted and does not generalise."""

from pathlib import Path

import effective_range as script
import numpy as np
import pytest

from compare import store

DATA = Path(script.__file__).parent / "data" / "effective_range.nc"


@pytest.fixture
def data():
    return store.load(DATA).load()


def test_all_facts_are_seen(data):
    assert all(fact.holds for fact in script.check(data)), script.check(data)


def samples_are_missed(data):
    data["at_samples"][-1, 0, -1] = 0.2


def peak_within_is_missed(data):
    data["at_population"][1, 0, -1] = 1.0


def peak_above_is_learned(data):
    data["at_population"][-1, 1, -1] = 0.1


def add_wave(data, index, amplitude):
    """To all outputs with the peak that is drawn."""
    place = int(np.flatnonzero(data["peak"] == script.shown(data)["peak"])[0])
    count = data.sizes["point"]
    wave = amplitude * np.cos(2 * np.pi * index * np.arange(count) / count)
    data["output"][place] += wave


def alias_is_too_large(data):
    add_wave(data, 12, 2.0)


def peak_itself_is_there(data):
    add_wave(data, int(script.shown(data)["peak"]), 0.5)


@pytest.mark.parametrize(
    ("fact", "mutate"),
    list(
        enumerate(
            [
                samples_are_missed,
                peak_within_is_missed,
                peak_above_is_learned,
                alias_is_too_large,
                peak_itself_is_there,
            ]
        )
    ),
)
def test_a_mutated_datum_makes_the_fact_fail(data, fact, mutate):
    mutate(data)
    assert not script.check(data)[fact].holds


def test_peaks_that_are_equal_at_the_samples_have_the_same_training(data):
    peaks = data["peak"].values
    period = data.sizes["sample"] * float(data["sample"][1] - data["sample"][0])
    values = np.array([script.target(data["sample"].values, k, period) for k in peaks])
    same = [
        (int(one), int(other))
        for i, one in enumerate(peaks)
        for j, other in enumerate(peaks[i + 1 :], i + 1)
        if np.allclose(values[i], values[j])
    ]
    assert same == [(4, 76), (12, 68), (28, 52), (36, 44)]
    for one, other in same:
        errors = [data["at_samples"].sel(peak=k).values for k in (one, other)]
        np.testing.assert_allclose(*errors, rtol=1e-4)


def test_alias_is_the_same_wave_at_the_samples(data):
    n = data.sizes["sample"]
    for peak in (3, 19, 21, 28, 36, 44, 52, 79):
        waves = [np.cos(2 * np.pi * k * np.arange(n) / n) for k in (peak, script.alias(data, peak))]
        np.testing.assert_allclose(waves[0], waves[1], atol=1e-12)

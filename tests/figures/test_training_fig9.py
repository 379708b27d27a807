"""Compression in the information plane for stairs, none for a smooth target."""

from pathlib import Path

import numpy as np
import pytest
import training_fig9 as script

from compare import store

DATA = Path(script.__file__).parent / "data" / "training_fig9.nc"


@pytest.fixture
def data():
    return store.load(DATA).load()


def test_all_facts_are_seen(data):
    assert all(fact.holds for fact in script.check(data)), script.check(data)


def smooth_is_compressed(data):
    data["output_entropy"][0, -1] -= 0.5


def smooth_is_not_learned(data):
    """The output is constant throughout."""
    data["output_entropy"][0] = 0


def stairs_are_not_compressed(data):
    """The last value is the largest."""
    data["output_entropy"][1, -1] = data["output_entropy"][1].max()


def stairs_at_once(data):
    """The entropy never exceeds that of the stairs."""
    data["output_entropy"][1] = np.minimum(data["output_entropy"][1], 2.25)


def early_output_is_flat(data):
    data["output_early"][1] = 0.5 * data["output_early"][1]


def target_is_missed(data):
    data["target_information"][1, -1] = 1.5


@pytest.mark.parametrize(
    ("fact", "mutate"),
    list(
        enumerate(
            [
                smooth_is_compressed,
                smooth_is_not_learned,
                stairs_are_not_compressed,
                stairs_at_once,
                early_output_is_flat,
                target_is_missed,
            ]
        )
    ),
)
def test_a_mutated_datum_makes_the_fact_fail(data, fact, mutate):
    mutate(data)
    assert not script.check(data)[fact].holds


def test_bins_round_to_multiples_of_their_size():
    values = np.random.default_rng(0).uniform(-1.2, 1.2, 500)
    rounded = np.round(values / script.BIN)
    np.testing.assert_array_equal(script.BINS.labels(values) - script.BINS.count // 2, rounded)

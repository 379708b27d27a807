"""The facts of the half-learning times on their committed data, and that each can fail."""

import absolute_time
import gallery
import numpy as np
import pytest

from compare import store


@pytest.fixture
def data():
    return store.load(gallery.HERE / "data" / "absolute_time.nc")


def missed(data):
    return [fact.what for fact in absolute_time.check(data) if not fact.holds]


def test_all_facts_are_seen(data):
    assert missed(data) == []


MUTATIONS = {
    "decades": lambda d: d["half_time_theory"].values.__ipow__(0.5),
    "slope": lambda d: d["half_time_network"].values.__ipow__(1.05),
    "median": lambda d: d["half_time_network"].values.__imul__(1.2),
    "failed": lambda d: d["short_kernel_drift"].values[0, 0, 0, -1:].fill(np.nan),
    "exponent": lambda d: d["width_part"].values[0].__imul__(3),
    "drift's part, widest": lambda d: d["drift_part"].values[-1].__imul__(10),
    "drift's part, largest": lambda d: d["short_drift_part"].values[:, :, -1].__imul__(10),
    "kernel drift, largest": lambda d: d["short_kernel_drift"].values[:, :, -1].__imul__(10),
    "kernel drift at alpha 1": lambda d: d["short_kernel_drift"].values[-1, :, 0].__imul__(10),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_changed_datum_is_seen(data, name):
    MUTATIONS[name](data)
    assert any(what.startswith(name) or name in what for what in missed(data))


def test_an_unlearned_frequency_is_seen(data):
    data["half_time_network"].values[..., :5] = np.nan
    assert "frequencies learned by all" in missed(data)

"""Figures of the three stages: the committed data show every fact, and a changed datum none."""

import numpy as np
import pytest
import stages_panels
import stages_trainings
import theory_fig1
import theory_fig2

from compare import store

FIGURES = {"theory_fig1": theory_fig1.FIGURE, "theory_fig2": theory_fig2.FIGURE}


@pytest.fixture(params=FIGURES)
def data(request):
    figure = FIGURES[request.param]
    found = store.load(figure.data(full=True)).load()
    assert found.attrs["figure"] == request.param
    return found


def when(data, name, stage):
    """Where the errors of that stage are."""
    dim = data[f"{name}_error"].dims[0]
    return {dim: float(data[f"{name}_stage"].sel(stage=stage))}


def error(name, stage, k, value):
    def change(data):
        data[f"{name}_error"].loc[when(data, name, stage) | {"frequency": k}] = value

    return change


def curve(name, stage, quantity, k, value):
    def change(data):
        place = {"source": name, "stage": stage, "quantity": quantity}
        data["curves"].loc[place | ({} if k is None else {"frequency": k})] = value

    return change


def backwards(name):
    def change(data):
        data[f"{name}_error"].loc[when(data, name, "final")] = 1 / data["frequency"]

    return change


def of_windows(name, change_ratio):
    def change(data):
        ratio = data[f"{name}_window_ratio"].values
        places = np.flatnonzero(np.isfinite(ratio))
        ratio[places] = change_ratio(ratio[places])

    return change


def level(ratio):
    return np.clip(ratio, ratio[-1] / 1.4, None)


def dented(ratio):
    middle = len(ratio) // 2
    return np.where(np.arange(len(ratio)) == middle, ratio[middle - 1] - 0.2 * ratio.max(), ratio)


def of_training(name):
    return [
        error(name, "initial", 19, 0.1),
        curve(name, "initial", "loss ratio", 19, 100.0),
        curve(name, "initial", "loss ratio", None, 1.0),
        curve(name, "initial", "output ratio", 7, 1.0),
        curve(name, "final", "loss ratio", 19, 100.0),
        error(name, "final", 19, 0.1),
        backwards(name),
        of_windows(name, level),
        of_windows(name, dented),
    ]


def above_bound(name, place):
    def change(data):
        data[name].loc[place | {"frequency": 3}] = 1.01

    return change


def wrong_sum(data):
    data["flow_window_error"] = ((), 0.2)


MUTATIONS = [
    *of_training("adam"),
    *of_training("flow"),
    above_bound("adam_worst", {}),
    *(above_bound("flow_worst", {"theorem": k}) for k in (1, 2, 3)),
    wrong_sum,
]


def test_the_committed_data_show_every_fact(data):
    facts = stages_panels.check(data)
    assert len(facts) == len(MUTATIONS)
    assert [str(fact) for fact in facts if not fact.holds] == []


@pytest.mark.parametrize("index", range(len(MUTATIONS)))
def test_a_changed_datum_breaks_its_fact(data, index):
    MUTATIONS[index](data)
    assert not stages_panels.check(data)[index].holds


def test_stages_are_found_from_the_errors_at_the_peaks():
    x = np.linspace(-3.14, 3.14, 100)
    y = stages_trainings.Recipe(100, (), (), 0.0, 0, 0.0).data()[1]
    xi = np.fft.rfft(y)
    left = np.ones((6, len(xi)))  # what is missing of each frequency
    left[:, 3] = [0.5, 0.4, 0.45, 0.3, 0.05, 0.5]
    left[1:, 1] = 0.1
    left[5, 5] = 0.1
    left[:, 7] = [0.9, 0.9, 0.9, 0.5, 0.6, 0.1]  # the largest of the second half at 16
    outputs = np.fft.irfft(xi * (1 - left), 100)
    found = stages_trainings.errors_of(x, y, outputs, np.array([1.0, 2, 4, 8, 16, 32]))
    np.testing.assert_allclose(found.relative[:, 2], left[:, 3], rtol=1e-6)
    assert (found.initial, found.intermediate, found.final) == (1, 4, 5)


def test_a_training_that_is_too_short_is_refused():
    x = np.linspace(-3.14, 3.14, 100)
    with pytest.raises(ValueError, match="long enough for four peaks to be learned"):
        stages_trainings.errors_of(x, np.sign(x), np.zeros((3, 100)), np.arange(1.0, 4))

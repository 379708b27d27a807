"""Constants of the theorems: the committed data show every fact, and a changed datum none."""

import pytest
import theory_bounds

from compare import store


@pytest.fixture
def data():
    return store.load(theory_bounds.FIGURE.data(full=True)).load()


def above_bound(theorem, source):
    def change(data):
        data["worst"].loc[{"theorem": theorem, "source": source, "eta": 2.0}] = 1.01

    return change


def wrong_sum(data):
    data["window_error"].loc[{"source": "seed 0"}] = 0.2


def far_from_theory(theorem):
    def change(data):
        data["pointwise"].loc[{"pointwise_theorem": theorem, "source": "seed 1", "m": 2}] *= 1.5

    return change


def late_maximum(theorem):
    def change(data):
        place = {"source": "seed 1", "m": 2}
        if theorem == 2:
            data["window_constant"].loc[place] *= 2
        else:
            place |= {"pointwise_theorem": theorem, "time": data["time"].values[-1]}
            data["pointwise"].loc[place] *= 2

    return change


def refined(name, activation, chi, m, power):
    """As if the constants were multiplied by `n^power`."""

    def change(data):
        place = {"activation": activation, "chi": chi, "m": m}
        data[name].loc[place] = data[name].loc[place] * data["samples"].astype(float) ** power

    return change


MUTATIONS = [
    *(above_bound(k, source) for source in ("lfp", "seed 1") for k in (1, 2, 3)),
    wrong_sum,
    far_from_theory(1),
    far_from_theory(3),
    *(late_maximum(k) for k in (1, 2, 3)),
    refined("refined_third", "tanh", True, 2, 0.1),
    refined("refined_first", "relu", True, 1, 0.1),
    refined("refined_first", "relu", True, 3, -0.3),
    refined("refined_third", "relu", True, 2, -1.2),
    refined("refined_third", "relu", False, 2, -1.5),
]


def test_the_committed_data_show_every_fact(data):
    facts = theory_bounds.check(data)
    assert len(facts) == len(MUTATIONS)
    assert [str(fact) for fact in facts if not fact.holds] == []


@pytest.mark.parametrize("index", range(len(MUTATIONS)))
def test_a_changed_datum_breaks_its_fact(data, index):
    MUTATIONS[index](data)
    assert not theory_bounds.check(data)[index].holds

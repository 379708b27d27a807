"""Peaks of stairs converge from low to high; what decides that a peak has converged."""

from pathlib import Path

import gallery
import numpy as np
import peak_panels
import pytest
import training_fig3 as script
import xarray
from training_recipe import Recipe

from compare import store

DATA = Path(script.__file__).parent / "data" / "training_fig3.nc"


@pytest.fixture
def data():
    return store.load(DATA).load()


def test_all_facts_are_seen(data):
    assert all(fact.holds for fact in script.check(data)), script.check(data)


def one_peak_less(data):
    last = int(np.flatnonzero(data["peak"].values)[-1])
    data["peak"][last] = False


def first_peak_higher(data):
    data["amplitude"][0] *= 1.1


def late_second_peak(data):
    """Of one seed: the second peak of f, k = 4, converges last."""
    data["relative_error"][1, :-1, 3] = 0.5


def late_first_peak(data):
    before = data["step"].values < 2000
    data["relative_error"][:, before, 0] = 0.5


def in_order(data):
    """Every component converges later than those below it."""
    steps = np.linspace(1000, 15_000, data.sizes["frequency"])
    late = data["step"].values[:, None] < steps
    shown = data["relative_error"].notnull().values
    data["relative_error"].values[:] = np.where(shown, np.where(late, 0.9, 0.01), np.nan)


@pytest.mark.parametrize(
    ("fact", "mutate"),
    list(
        enumerate([one_peak_less, first_peak_higher, late_second_peak, late_first_peak, in_order])
    ),
)
def test_a_mutated_datum_makes_the_fact_fail(data, fact, mutate):
    mutate(data)
    assert not script.check(data)[fact].holds


def errors(*rows):
    """A dataset of Delta_F with a row a step, a column a frequency."""
    values = np.array(rows)
    return xarray.Dataset(
        {"relative_error": (("step", "frequency"), values)},
        {"step": np.arange(len(rows)), "frequency": np.arange(1, values.shape[1] + 1)},
    )


def test_convergence_is_where_the_error_stays_below():
    column = [1.0] * 5 + [0.01] * 5 + [1.0] * 5 + [0.04] * 10
    found = peak_panels.converged(errors(*([value] for value in column)), threshold=0.2)
    assert found == pytest.approx([14 + 0.5])  # half way from log 1 to log 0.04
    never = peak_panels.converged(errors(*([value] for value in column[:15])), threshold=0.2)
    assert np.isnan(never).all()


def test_single_jumps_do_not_undo_convergence():
    column = [1.0] * 5 + [0.04] * 20
    column[15] = 3.0
    found = peak_panels.converged(errors(*([value] for value in column)), threshold=0.2)
    assert found == pytest.approx([4.5])


def test_what_is_below_from_the_start_has_converged_at_the_first_step():
    assert peak_panels.converged(errors([0.1], [0.1], [0.0]), threshold=0.2) == [0]


def test_order_is_the_rank_correlation_and_what_has_not_converged_is_last():
    steps = np.arange(30)[:, None]
    error = np.where(steps < np.array([3, 9, 15, 40]), 0.9, 0.01)
    assert peak_panels.order(errors(*error)) == pytest.approx(1)
    assert peak_panels.order(errors(*error[:, ::-1])) == pytest.approx(-1)


def test_peaks_stand_above_their_valleys_and_are_not_small():
    amplitude = np.array([1.0, 0.5, 0.9, 0.8, 0.85, 0.0, 0.06, 0.0, 0.04, 0.0])
    np.testing.assert_array_equal(np.flatnonzero(peak_panels.peaks(amplitude)), [0, 2, 6])


def test_stairs_have_their_peaks_between_exact_zeros(data):
    marked = data["frequency"].values[data["peak"].values]
    np.testing.assert_array_equal(marked, [1, 4, 12, 20, 28, 36])
    assert data["relative_error"].sel(frequency=[8, 16, 24, 32, 40]).isnull().all()


def test_delta_f_is_that_of_the_definition():
    x = np.linspace(-1, 1, 50)
    y, outputs = np.sin(9 * x), np.array([np.sin(8 * x), np.cos(x)])

    class Run:
        steps = np.array([0, 5])
        loss = np.zeros(2)

    found = peak_panels.reduced(Run(), x, y, outputs)
    target, fitted = np.fft.fft(y)[1:26], np.fft.fft(outputs)[:, 1:26]
    expected = np.abs(target - fitted) / np.abs(target)
    np.testing.assert_allclose(found["relative_error"], expected, rtol=1e-5)


def test_recipes_record_the_start_and_the_end():
    at = Recipe(steps=1000, recordings=50).record_at()
    assert at[0] == 0
    assert at[-1] == 1000
    assert len(at) <= 50
    assert (np.diff(at) > 0).all()


def test_pictures_can_be_drawn(data):
    assert len(script.draw(data).axes) == 4
    assert isinstance(script.check(data)[0], gallery.Fact)

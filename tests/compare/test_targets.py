"""The functions that studies and figures learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare import spectra, targets


def test_sines_add_up_term_by_term():
    x = np.linspace(-1, 2, 7)
    found = targets.sines(x, [0.5, 2.0], amplitudes=[3.0, -1.0], phases=[0.1, 0.2])
    expected = [
        3 * np.sin(2 * np.pi * 0.5 * at + 0.1) - np.sin(2 * np.pi * 2.0 * at + 0.2) for at in x
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_one_amplitude_and_phase_serve_all_frequencies():
    x, xi = np.linspace(0, 1, 5), [1.0, 2.0]
    found = targets.sines(x, xi, amplitudes=2.0, phases=0.5)
    np.testing.assert_array_equal(
        found, targets.sines(x, xi, amplitudes=[2.0, 2.0], phases=[0.5, 0.5])
    )


def test_sines_at_grid_frequencies_have_their_amplitudes_as_spectrum():
    x = np.arange(32) / 8
    xi = spectra.frequencies(x)[:10]
    amplitudes = np.arange(1.0, 11.0)
    y = targets.sines(x, xi, amplitudes=amplitudes, phases=targets.quadratic_phases(10))
    np.testing.assert_allclose(2 * np.abs(spectra.spectrum(x, y, xi)), amplitudes, rtol=1e-12)


def test_quadratic_phases_keep_the_sum_low():
    x = np.arange(1024) / 1024
    for count in (8, 32, 127):
        waves = np.arange(1, count + 1)
        spread = targets.sines(x, waves, phases=targets.quadratic_phases(count))
        piled = targets.sines(x, waves, phases=np.pi / 2)
        assert np.abs(piled).max() == pytest.approx(count)
        assert np.abs(spread).max() < 2.7 * np.sqrt(count / 2)


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.floats(-100, 100), min_size=1), step=st.floats(0.01, 10))
def test_stairs_stay_within_half_a_step_on_multiples_of_it(values, step):
    found = targets.stairs(values, step)
    assert (np.abs(found - values) <= step / 2 * (1 + 1e-12)).all()
    np.testing.assert_allclose(found / step, np.round(found / step), atol=1e-9)


def test_stairs_of_no_height_are_the_function_itself():
    values = np.linspace(-1, 1, 5)
    found = targets.stairs(values, 0)
    np.testing.assert_array_equal(found, values)
    assert found is not values


def test_stairs_lower_than_rounding_are_the_function_itself():
    values = np.array([1.0, -0.3, 0.0, 1e-320])
    np.testing.assert_array_equal(targets.stairs(values, 1e-320), values)


def test_stairs_of_twice_the_largest_value_are_flat():
    values = np.sin(np.linspace(0, 6, 50))
    assert not targets.stairs(values, 2 * np.abs(values).max()).any()
    assert targets.stairs(values, 1.99 * np.abs(values).max()).any()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: targets.sines([], [1.0]), ValueError, "x must have shape"),
        (lambda: targets.sines([0.0], [[1.0]]), ValueError, "frequencies must have shape"),
        (lambda: targets.sines([np.nan], [1.0]), ValueError, "x must be finite"),
        (lambda: targets.sines([0.0], [1.0], phases=[1.0, 2.0]), ValueError, "phases must have"),
        (lambda: targets.sines([1j], [1.0]), TypeError, "x must hold real numbers"),
        (lambda: targets.quadratic_phases(0), ValueError, "count must be at least 1"),
        (lambda: targets.stairs([1.0], -0.5), ValueError, "step must be at least 0"),
        (lambda: targets.stairs([np.inf], 1), ValueError, "values must be finite"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()

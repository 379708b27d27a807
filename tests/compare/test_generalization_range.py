"""The effective frequency range: conditions by hand, the sampling theorem, aliases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lfp
from compare.generalization import effective_range, error_by_frequency, frequency_range
from lfp import _checks

SEEDS = st.integers(0, 2**31)


def condition_of(x, last):
    """Condition number of the weighted matrix of the waves |k| <= last, written out."""
    x = np.sort(x)
    n = len(x)
    period = n / (n - 1) * (x[-1] - x[0])
    around = np.concatenate([[x[-1] - period], x, [x[0] + period]])
    weights = (around[2:] - around[:-2]) / 2
    waves = np.exp(2j * np.pi * np.outer(x, np.arange(-last, last + 1)) / period)
    sizes = np.linalg.svd(np.sqrt(weights)[:, None] * waves, compute_uv=False)
    return sizes[0] / sizes[-1]


@pytest.mark.parametrize("n", [3, 4, 9, 40, 41])
@pytest.mark.parametrize("condition", [1.001, 10, 1e6])
def test_even_samples_resolve_all_below_the_nyquist_frequency(n, condition):
    x = 7 + 0.25 * np.arange(n)
    found = effective_range(x, condition=condition)
    # the lattice k/P has spacing 1/P, and the last of it below n/(2 P) is resolved
    assert found.period == pytest.approx(0.25 * n)
    assert found.nyquist == pytest.approx(2.0)
    assert found.gap == pytest.approx(2.0)
    assert found.limit * found.period == pytest.approx((n - 1) // 2)


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.integers(5, 30), st.floats(1.5, 50))
def test_limit_is_the_last_frequency_of_which_the_condition_is_small_enough(seed, n, condition):
    x = np.random.default_rng(seed).uniform(-1, 1, n)
    found = effective_range(x, condition=condition)
    last = round(found.limit * found.period)
    if last > 0:
        assert condition_of(x, last) <= condition * (1 + 1e-6)
    if 2 * (last + 1) + 1 <= n:
        assert condition_of(x, last + 1) >= condition * (1 - 1e-6)
    assert last <= (n - 1) // 2
    # Feichtinger, Groechenig and Strohmer: the widest gap alone bounds the condition
    assured = (condition - 1) / (condition + 1) * found.gap
    assert found.limit >= np.floor(assured * found.period * (1 - 1e-9)) / found.period
    assert found.gap <= found.nyquist * (1 + 1e-12)


@pytest.mark.parametrize(("condition", "power"), [(1e7, 1), (1e11, 3)])
def test_large_conditions_are_kept_as_well(condition, power):
    # of the squared condition nothing would be left
    x = np.random.default_rng(4).uniform(-1, 1, 40) ** power
    found = effective_range(x, condition=condition)
    last = round(found.limit * found.period)
    assert condition_of(x, last) <= condition < condition_of(x, last + 1)
    assert last < 19


def test_range_of_many_samples_takes_matrices_of_few_waves(monkeypatch):
    # bisection of all waves would begin with 249 of them, a matrix of 499 columns
    shapes = []

    def seen(matrix):
        shapes.append(matrix.shape)
        return np.linalg.svd(matrix, compute_uv=False)

    monkeypatch.setattr(frequency_range.scipy.linalg, "svdvals", seen)
    effective_range(np.random.default_rng(0).uniform(-1, 1, 500))
    assert max(columns for _, columns in shapes) < 200
    shapes.clear()
    effective_range(np.linspace(-1, 1, 60))
    assert len(shapes) <= 2


def test_range_and_errors_refuse_before_their_work_what_memory_does_not_hold(monkeypatch):
    monkeypatch.setattr(_checks.os, "sysconf", lambda _: 100)
    monkeypatch.setattr(lfp, "interpolate", lambda *_: pytest.fail("interpolated"))
    x = np.linspace(-1, 1, 41)
    with pytest.raises(ValueError, match=r"bytes for 20 waves at 41 samples.*; use fewer samples"):
        error_by_frequency(lfp.PowerLaw(2.0), x, [1.0])


def test_samples_closer_than_rounding_count_once():
    x = np.linspace(-1, 1, 19)
    for offset, apart in ((0, 1e-13), (1e6, 2e-10)):
        one, twice = (effective_range(at + offset) for at in (x, np.append(x, x + apart)))
        assert twice.nyquist == pytest.approx(one.nyquist, rel=1e-9)
        assert twice.limit == pytest.approx(one.limit, rel=1e-9)
    assert effective_range(np.append(x, x + 1e-9)).nyquist == pytest.approx(9.25, rel=1e-6)


@settings(deadline=None, max_examples=20)
@given(SEEDS, st.floats(-5, 5), st.floats(0.01, 100))
def test_range_has_the_unit_of_one_over_x_and_repeated_samples_count_once(seed, shift, unit):
    x = np.random.default_rng(seed).uniform(-1, 1, 15)
    one, other = effective_range(x), effective_range(shift + unit * np.append(x, x[:5]))
    for name in ("limit", "nyquist", "gap"):
        assert getattr(other, name) * unit == pytest.approx(getattr(one, name), rel=1e-9)


def test_clusters_narrow_the_range_to_that_of_the_gaps_between_them():
    even = effective_range(np.linspace(-1, 1, 41))
    clustered = np.concatenate([np.linspace(-1, 0, 31), np.linspace(0.1, 1, 10)])
    found = effective_range(clustered)
    assert found.nyquist == pytest.approx(even.nyquist)
    assert found.gap == pytest.approx(5, rel=0.05)
    assert 0.9 * found.gap < found.limit < 0.7 * even.limit


@pytest.mark.parametrize("law", [lfp.PowerLaw(4.0), lfp.TwoLayer(sigma_b=10.0)], ids=str)
def test_waves_beyond_the_range_fit_the_samples_and_not_what_is_between(law):
    x = np.linspace(-1, 1, 41)
    xi = np.array([1.0, 3.0, 5.0, 11.0, 15.0, 19.0, 20.0])
    found = error_by_frequency(law, x, xi)
    assert found.range == effective_range(x)
    np.testing.assert_allclose(found.at_samples, 0, atol=1e-6)
    within = xi <= found.range.limit
    assert (found.at_population[within] < 0.25).all()
    # more than the error 1 of the function 0 from somewhat beyond the limit on
    assert (found.at_population[xi > 1.1 * 10 * 1.2] > 1).all()
    # at 1/dx the samples see a constant, and the error is that of two orthogonal functions
    assert found.at_population[-1] == pytest.approx(np.sqrt(2), rel=0.01)


def test_more_samples_widen_the_range_and_what_is_learned():
    law, xi = lfp.TwoLayer(sigma_b=10.0), [6.0, 12.0]
    few, many = (error_by_frequency(law, np.linspace(-1, 1, n), xi) for n in (20, 100))
    assert many.range.limit > 12 > 6 > few.range.limit
    assert (few.at_population > 0.7).all()
    assert (many.at_population < 0.35).all()


def test_error_by_frequency_is_that_of_interpolants_over_all_phases():
    law, x = lfp.PowerLaw(3.0), np.sort(np.random.default_rng(0).uniform(-1, 1, 25))
    found = error_by_frequency(law, x, [2.3])
    fine = np.linspace(x[0], x[-1], 20_001)
    squares = []
    for phase in np.pi / 8 * np.arange(8):
        target = lambda x, p=phase: np.sqrt(2) * np.cos(2 * np.pi * 2.3 * x + p)  # noqa: E731
        squares.append(np.mean((lfp.interpolate(law, x, target(x))(fine) - target(fine)) ** 2))
    assert found.at_population[0] == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-3)


@pytest.mark.parametrize("frequency", [0.37, 40 + np.sqrt(0.1)])
def test_population_of_the_error_is_fine_for_samples_and_for_waves(frequency):
    # 16 points a sample alone would take the second wave for one of frequency sqrt(0.1)
    law, x = lfp.PowerLaw(3.0), np.array([-1.0, -0.55, 0.1, 0.4, 1.0])
    found = error_by_frequency(law, x, [frequency])
    fine = np.linspace(-1, 1, 40_001)
    angle = 2 * np.pi * np.outer(np.concatenate([x, fine]), frequency * np.ones(2)) - [0, np.pi / 2]
    both = np.cos(angle)
    left = lfp.interpolate(law, x, both[:5])(fine) - both[5:]
    assert found.at_population[0] == pytest.approx(np.sqrt((left**2).sum(axis=1).mean()), rel=2e-4)


def test_population_in_blocks_is_the_population_at_once(monkeypatch):
    x, xi = np.linspace(-1, 1, 9), [0.4, 3.0]
    whole = error_by_frequency(lfp.PowerLaw(2.0), x, xi)
    sizes = []
    monkeypatch.setattr(frequency_range, "BLOCK", 100)
    real = lfp.interpolate
    monkeypatch.setattr(
        lfp, "interpolate", lambda *all: lambda at: (sizes.append(len(at)), real(*all)(at))[1]
    )
    parts = error_by_frequency(lfp.PowerLaw(2.0), x, xi)
    assert max(sizes) <= 11
    np.testing.assert_allclose(parts.at_population, whole.at_population, rtol=1e-12)


def test_bad_arguments_of_the_range_are_refused():
    with pytest.raises(ValueError, match="x must have at least 3 different values, got 2"):
        effective_range([0.0, 1.0, 1.0])
    with pytest.raises(ValueError, match=r"condition must be above 1 and at most 1e\+12, got 1\.0"):
        effective_range([0.0, 1.0, 2.0], condition=1.0)
    with pytest.raises(ValueError, match=r"condition must be above 1 and .*, got 10000000000000"):
        effective_range([0.0, 1.0, 2.0], condition=1e13)
    with pytest.raises(ValueError, match=r"x must have shape \(n,\) .* got \(3, 2\)"):
        effective_range(np.ones((3, 2)))
    with pytest.raises(ValueError, match="frequencies must be finite, got nan"):
        error_by_frequency(lfp.PowerLaw(2.0), [0.0, 1.0, 2.0], [np.nan])
    with pytest.raises(TypeError, match="x must hold numbers"):
        effective_range(["a", "b", "c"])

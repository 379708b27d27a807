"""Entropies and mutual informations against exact values on discrete data."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from compare import information
from compare.information import Bins


def entropy_written_out(labels):
    shares = [count / len(labels) for count in Counter(labels).values()]
    return -sum(share * math.log2(share) for share in shares)


def information_written_out(first, second):
    n = len(first)
    alone, other, both = Counter(first), Counter(second), Counter(zip(first, second, strict=True))
    return sum(
        count / n * math.log2(count * n / (alone[u] * other[v])) for (u, v), count in both.items()
    )


def test_entropy_of_equally_many_labels_is_the_logarithm_of_their_number():
    assert information.entropy([0, 1]) == 1
    assert information.entropy(np.repeat([5, -3, 8, 100], 7)) == 2
    assert information.entropy([4, 4, 4]) == 0
    np.testing.assert_allclose(information.entropy(np.arange(1000)), math.log2(1000), rtol=1e-14)


def test_entropy_of_a_half_and_two_quarters_is_one_and_a_half_bits():
    assert information.entropy([0, 0, 1, 2]) == 1.5


def test_mutual_information_of_a_coin_and_its_noisy_copy_is_the_capacity_of_the_channel():
    # 1 of 8 copies is wrong, equally often for both faces: 1 - h(1/8)
    first = np.repeat([0, 1], 8)
    second = np.array([0] * 7 + [1] + [1] * 7 + [0])
    flip = 1 / 8
    expected = 1 + flip * math.log2(flip) + (1 - flip) * math.log2(1 - flip)
    assert information.mutual_information(first, second) == pytest.approx(expected, rel=1e-13)


def test_mutual_information_of_independent_labels_is_zero_and_with_itself_the_entropy():
    first, second = (a.ravel() for a in np.meshgrid(np.arange(4), [0, 1, 1]))
    assert information.mutual_information(first, second) == 0
    assert information.mutual_information(second, second) == information.entropy(second)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 4)), min_size=1, max_size=60))
def test_both_are_the_sums_of_the_definition(pairs):
    first, second = ([pair[i] for pair in pairs] for i in (0, 1))
    assert information.entropy(first) == pytest.approx(entropy_written_out(first), abs=1e-12)
    assert information.mutual_information(first, second) == pytest.approx(
        information_written_out(first, second), abs=1e-12
    )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 50))
def test_information_is_symmetric_at_most_either_entropy_and_not_raised_by_processing(seed, n):
    first, second = np.random.default_rng(seed).integers(0, 6, (2, n))
    found = information.mutual_information(first, second)
    assert found == pytest.approx(float(information.mutual_information(second, first)), abs=1e-12)
    assert 0 <= found <= min(information.entropy(first), information.entropy(second)) + 1e-12
    assert information.mutual_information(first // 2, second) <= found + 1e-12


def test_entropies_agree_with_scipy_and_every_row_is_its_own():
    labels = np.random.default_rng(0).integers(-5, 5, (2, 3, 40))
    found = information.entropy(labels)
    assert found.shape == (2, 3)
    for place in np.ndindex(2, 3):
        counts = np.unique(labels[place], return_counts=True)[1]
        assert found[place] == pytest.approx(stats.entropy(counts, base=2), rel=1e-12)
    one = np.random.default_rng(1).integers(0, 3, 40)
    joint = information.mutual_information(labels, one)
    expected = information_written_out(labels[1, 2].tolist(), one.tolist())
    assert joint[1, 2] == pytest.approx(expected, rel=1e-12)


def test_bins_are_equal_closed_below_and_the_last_above():
    bins = Bins(-1.0, 1.0, 4)
    values = [[-1.0, -0.51, -0.5, -0.49], [0.0, 0.5, 0.999, 1.0]]
    np.testing.assert_array_equal(bins.labels(values), [[0, 0, 1, 1], [2, 3, 3, 3]])
    counts, _ = np.histogram(np.linspace(-1, 1, 2001), bins=4, range=(-1, 1))
    labels = bins.labels(np.linspace(-1, 1, 2001))
    np.testing.assert_array_equal(np.bincount(labels), counts)


def test_bins_between_odd_multiples_of_half_a_size_round_as_the_paper_does():
    values = np.random.default_rng(2).uniform(-1, 1, 5000)
    rounded = np.rint(values / 0.05).astype(int)
    labels = Bins(-1.025, 1.025, 41).labels(values)
    np.testing.assert_array_equal(labels - 20, rounded)


def test_plane_of_a_training_is_its_numbers_one_by_one():
    random = np.random.default_rng(3)
    x, y = random.uniform(-1, 1, 60), random.uniform(-1, 1, 60)
    outputs = random.uniform(-1, 1, (2, 5, 60))
    x_bins, bins = Bins(-1, 1, 10), Bins(-1.5, 1.5, 7)
    found = information.plane(x, y, outputs, x_bins=x_bins, bins=bins)
    where = np.floor((x + 1) / 0.2).astype(int).tolist()
    target = np.floor((y + 1.5) / (3 / 7)).astype(int).tolist()
    for place in np.ndindex(2, 5):
        output = np.floor((outputs[place] + 1.5) / (3 / 7)).astype(int).tolist()
        assert found.output_entropy[place] == pytest.approx(entropy_written_out(output))
        assert found.input_information[place] == pytest.approx(
            information_written_out(where, output)
        )
        assert found.target_information[place] == pytest.approx(
            information_written_out(output, target)
        )
    assert found.input_entropy == pytest.approx(entropy_written_out(where))
    assert found.target_entropy == pytest.approx(entropy_written_out(target))


def test_where_inputs_are_told_apart_their_information_is_the_entropy_of_the_output():
    x = np.linspace(0, 1, 32)
    outputs = np.stack([np.zeros(32), x**3, np.round(3 * x) / 3])
    found = information.plane(x, x, outputs, x_bins=Bins(0, 1, 1000), bins=Bins(0, 1, 20))
    assert found.input_entropy == 5
    np.testing.assert_allclose(found.input_information, found.output_entropy, atol=1e-13)
    assert found.output_entropy[0] == 0
    assert found.target_information[0] == 0


def test_fitting_a_discretised_function_raises_information_and_then_compresses():
    x = np.linspace(-1, 1, 400)
    target = np.round(2 * x) / 2
    smooth = 0.9 * x
    outputs = np.stack([0 * x, smooth, (smooth + 3 * target) / 4, target])
    found = information.plane(
        x, target, outputs, x_bins=Bins(-1, 1, 400), bins=Bins(-1.025, 1.025, 41)
    )
    zero, first, later, last = found.output_entropy
    assert zero == 0
    assert first > later > last
    assert last == pytest.approx(found.target_entropy)
    assert found.target_information[-1] == pytest.approx(found.target_entropy)


def test_inputs_of_several_coordinates_are_binned_in_each():
    x = np.array([[0.1, 0.1], [0.1, 0.9], [0.9, 0.1], [0.9, 0.9]])
    found = information.plane(
        x, [0, 0, 1, 1], [[0, 1, 1, 0]], x_bins=Bins(0, 1, 2), bins=Bins(0, 1, 2)
    )
    assert found.input_entropy == 2
    assert found.input_information == [1]
    assert found.target_information == [0]


def test_many_labels_far_apart_do_not_overflow():
    first = np.array([2**62, -(2**62), 0, 2**62])
    assert information.mutual_information(first, first) == information.entropy(first) == 1.5


def test_bad_arguments_are_refused_by_name():
    bins, x = Bins(0, 1, 4), np.array([0.0, 0.5, 1.0])
    with pytest.raises(ValueError, match=r"high must be finite and above low = 1, got 1"):
        Bins(1, 1, 4)
    with pytest.raises(ValueError, match="low must be finite, got nan"):
        Bins(np.nan, 1, 4)
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        Bins(0, 1, 0)
    with pytest.raises(TypeError, match=r"count must be an integer, got 2\.5"):
        Bins(0, 1, 2.5)
    with pytest.raises(ValueError, match=r"outputs must lie between the limits 0 and 1 of their"):
        information.plane(x, x, [1.5 * x], x_bins=bins, bins=bins)
    with pytest.raises(ValueError, match=r"got -0\.5 at index \(1,\)"):
        bins.labels([0.0, -0.5])
    with pytest.raises(ValueError, match=r"y must be finite, got nan at index \(0,\)"):
        information.plane(x, [np.nan, 0, 0], [x], x_bins=bins, bins=bins)
    with pytest.raises(TypeError, match="values must hold real numbers, got dtype complex128"):
        bins.labels([1j])
    with pytest.raises(ValueError, match=r"outputs \(\.\.\., T, 3\) like x, got \(3,\) and \(3,\)"):
        information.plane(x, x, x, x_bins=bins, bins=bins)
    with pytest.raises(ValueError, match=r"y must have shape \(3,\) .* got \(2,\) and \(1, 3\)"):
        information.plane(x, x[:2], [x], x_bins=bins, bins=bins)
    with pytest.raises(ValueError, match=r"x must have shape \(n,\) or \(n, d\), got \(1, 1, 3\)"):
        information.plane([[x]], x, [x], x_bins=bins, bins=bins)
    with pytest.raises(TypeError, match="labels must hold integers, got dtype float64"):
        information.entropy([0.5])
    with pytest.raises(ValueError, match=r"labels must have shape \(\.\.\., n\) with n at least 1"):
        information.entropy(np.zeros((3, 0), dtype=int))
    with pytest.raises(ValueError, match=r"with the same n, got \(2,\) and \(3,\)"):
        information.mutual_information([0, 1], [0, 1, 2])

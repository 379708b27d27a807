"""Entropies and mutual informations of binned values along training: the information plane.

Everything is in bits and of the distribution that gives every sample the weight 1/n. Xu, Zhang,
Xiao 2019, section 6.4, with logarithms to base 2.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from compare.spectra import _checks as check
from compare.spectra._checks import ArrayLike, Real
from lfp import _checks as lfp_check


@dataclass(frozen=True)
class Bins:
    """`count` equal bins from `low` to `high`, the last one closed.

    Xu et al. 2019 round to multiples of a bin size b = 0.05: these are bins whose limits are odd
    multiples of b/2, `Bins(-1.025, 1.025, 41)` for values in [-1, 1].

    Raises:
        ValueError: if low and high are not finite with low < high, or count < 1.
        TypeError: if they are of the wrong kind.
    """

    low: Real
    high: Real
    count: Real

    def __post_init__(self) -> None:
        lfp_check.number("low", self.low, allowed="finite", valid=lambda value: True)
        lfp_check.number(
            "high",
            self.high,
            allowed=f"finite and above low = {self.low}",
            valid=lambda value: bool(value > self.low),
        )
        lfp_check.integer("count", self.count, least=1)

    def labels(self, values: ArrayLike, *, name: str = "values") -> Int[np.ndarray, "*shape"]:
        """Number of the bin, 0 .. count - 1, of each value; errors call the values `name`.

        Raises:
            ValueError: if a value is not finite or not between low and high.
            TypeError: if they are not real numbers.
        """
        array = check.finite(name, values, real=True)
        outside = (array < self.low) | (array > self.high)
        if outside.any():
            place = tuple(int(i) for i in np.argwhere(outside)[0])
            raise ValueError(
                f"{name} must lie between the limits {self.low:g} and {self.high:g} of their bins, "
                f"got {array[place]:g} at index {place}"
            )
        limits = np.linspace(self.low, self.high, int(self.count) + 1)
        return np.searchsorted(limits[1:-1], array, side="right")


def entropy(labels: ArrayLike) -> Float[np.ndarray, "*batch"]:
    """`H(U) = -sum_u P(u) log2 P(u)`, P(u) the share of samples with the label u.

    Args:
        labels: what each sample shows, as of `Bins.labels`, any integers, shape (..., n).

    Returns:
        Bits, shape (...,): between 0 and log2 n.

    Raises:
        ValueError: if there is no sample.
        TypeError: if labels are not integers.
    """
    return _entropy(_integers("labels", labels))


def mutual_information(first: ArrayLike, second: ArrayLike) -> Float[np.ndarray, "*batch"]:
    """`I(U, V) = sum_uv P(u, v) log2 (P(u, v) / (P(u) P(v))) = H(U) + H(V) - H(U, V)`.

    Args:
        first, second: labels of the same samples, any integers, shapes (..., n); they broadcast.

    Returns:
        Bits, shape (...,): between 0 and the smaller entropy of the two.

    Raises:
        ValueError: if there is no sample, or the shapes do not match.
        TypeError: if labels are not integers.
    """
    first, second = _integers("first", first), _integers("second", second)
    if first.shape[-1] != second.shape[-1]:
        raise ValueError(
            "first and second must have shape (..., n) with the same n, "
            f"got {first.shape} and {second.shape}"
        )
    joint = _entropy(_joint(first, second))
    # rounding may leave less than nothing
    return np.asarray(np.maximum(_entropy(first) + _entropy(second) - joint, 0.0))


@dataclass(frozen=True)
class Plane:
    """A training in the information plane, in bits.

    Attributes:
        output_entropy: H(T), T the binned output, shape (..., T).
        input_information: I(X, T), shape (..., T). For bins of X that tell all samples apart it
            is H(T), the output being a function of the input.
        target_information: I(T, Y), shape (..., T).
        input_entropy: H(X).
        target_entropy: H(Y), which I(T, Y) cannot exceed.
    """

    output_entropy: np.ndarray
    input_information: np.ndarray
    target_information: np.ndarray
    input_entropy: float
    target_entropy: float


def plane(x: ArrayLike, y: ArrayLike, outputs: ArrayLike, *, x_bins: Bins, bins: Bins) -> Plane:
    """Information of the outputs on inputs and targets along training (Xu et al. 2019, 6.4).

    Args:
        x: samples, shape (n,) or (n, d), each coordinate binned by x_bins.
        y: targets, shape (n,).
        outputs: of a network, or a flow, at the samples along training, shape (..., T, n).
        x_bins: of the inputs.
        bins: of outputs and targets alike.

    Returns:
        A `Plane`.

    Raises:
        ValueError: if values are not finite, lie beyond their bins, or do not match.
        TypeError: if they are not real numbers.
    """
    where = x_bins.labels(x, name="x")
    if where.ndim not in (1, 2) or where.size == 0:
        raise ValueError(f"x must have shape (n,) or (n, d), got {where.shape}")
    if where.ndim == 2:
        where = np.unique(where, axis=0, return_inverse=True)[1].reshape(-1)
    target, output = bins.labels(y, name="y"), bins.labels(outputs, name="outputs")
    if target.shape != where.shape or output.shape[-1:] != where.shape or output.ndim < 2:
        n = len(where)
        raise ValueError(
            f"y must have shape ({n},) and outputs (..., T, {n}) like x, "
            f"got {target.shape} and {output.shape}"
        )
    return Plane(
        output_entropy=entropy(output),
        input_information=mutual_information(where, output),
        target_information=mutual_information(output, target),
        input_entropy=float(entropy(where)),
        target_entropy=float(entropy(target)),
    )


def _integers(name: str, labels: ArrayLike) -> np.ndarray:
    array = np.asarray(labels)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, got dtype {array.dtype}")
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ValueError(f"{name} must have shape (..., n) with n at least 1, got {array.shape}")
    return array


def _joint(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One label for each pair of labels."""
    first, second = (np.unique(a, return_inverse=True)[1].reshape(a.shape) for a in (first, second))
    return first * (second.max() + 1) + second


def _entropy(labels: np.ndarray) -> np.ndarray:
    """Of the runs of equal labels in each sorted row."""
    n = labels.shape[-1]
    rows = np.sort(labels.reshape(-1, n), axis=-1)
    starts = np.ones(rows.shape, dtype=bool)
    starts[:, 1:] = rows[:, 1:] != rows[:, :-1]
    places = np.flatnonzero(starts)
    counts = np.diff(places, append=rows.size)
    # a run of c samples of each has -(c/n) log2 (c/n)
    terms = counts / n * np.log2(n / counts)
    return np.bincount(places // n, terms, minlength=len(rows)).reshape(labels.shape[:-1])

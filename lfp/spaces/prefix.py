"""Exact sums of the powers `|z|^3` and `|z|` over samples in d = 1, in O(n) after sorting."""

import numpy as np

BLOCK = 2**22  # entries of the running sums at a time


class PowerSums:
    """`sum_j (c_3 |z|^3 - c_1 |z| - c_m x x_j |z|) v_j`, z = x - x_j, for given sources x_j.

    On either side of x the powers are polynomials in x, whose coefficients are sums of
    `x_j^p v_j` over the sources on that side: running sums give them all. Positions are taken
    from the middle of the sources, which loses the fewest digits.

    Args:
        sources: positions `(n,)`.
        powers: `(c_3, c_1, c_m)`.
    """

    def __init__(self, sources: np.ndarray, powers: tuple[float, float, float]) -> None:
        self.powers, self.order = powers, np.argsort(sources)
        self.sorted = sources[self.order]
        self.middle = (self.sorted[0] + self.sorted[-1]) / 2
        # at the sources themselves it does not matter on which side a source is counted
        self._own_rank = np.empty(len(sources), dtype=np.intp)
        self._own_rank[self.order] = np.arange(len(sources))

    def __call__(self, values: np.ndarray, targets: np.ndarray | None = None) -> np.ndarray:
        """Sums `(m, k)` at the targets `(m,)`, or at the sources, for values `(n, k)`."""
        x = self.sorted
        if targets is None:
            rank, at = self._own_rank, np.empty(len(x))
            at[self.order] = x
        else:
            rank, at = np.searchsorted(x, targets), targets
        result = np.empty((len(at), values.shape[1]))
        step = max(1, BLOCK // len(x))
        for i in range(0, values.shape[1], step):
            result[:, i : i + step] = self._sums(values[self.order, i : i + step], rank, at)
        return result

    def _sums(self, values: np.ndarray, rank: np.ndarray, at: np.ndarray) -> np.ndarray:
        cubic, linear, modulated = self.powers
        position = (self.sorted - self.middle)[:, None]
        offset, x = (at - self.middle)[:, None], at[:, None]

        def moment(weights: np.ndarray) -> np.ndarray:
            """What lies to the left of each target minus what lies to the right."""
            running = np.zeros((len(weights) + 1, weights.shape[1]))
            np.cumsum(weights, axis=0, out=running[1:])
            return (2 * running - running[-1])[rank]

        zeroth, first = moment(values), moment(position * values)
        result = -linear * (offset * zeroth - first)
        if cubic:
            squared = position**2 * values
            second, third = moment(squared), moment(position * squared)
            cubes = ((offset * zeroth - 3 * first) * offset + 3 * second) * offset - third
            result += cubic * cubes
        if modulated:
            scaled = self.sorted[:, None] * values
            inner = offset * moment(scaled) - moment(position * scaled)
            result -= modulated * x * inner
        return result

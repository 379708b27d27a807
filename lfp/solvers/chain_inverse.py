"""What a change of one value does to its own weight along the chain, for leaving samples out."""

import numpy as np

from lfp.solvers.chain import Chain, factorise


def response_of_weights(chain: Chain) -> np.ndarray:
    """Diagonal `(n,)` of `Q S^-1 Q* / 2`, `dc_i/dv_i` with p fixed at the two ends.

    S is the tridiagonal matrix of the chain, Q the second divided differences: row i of Q has
    `1/h_(i-1)`, `-1/h_(i-1) - 1/h_i`, `1/h_i`. The entries of S^-1 that a row needs follow from the
    pivots of S from both sides.

    At small gaps `Q S^-1 Q*` cancels. There row i of Q is that of `-S/a`, `a = c_1 + c_m x_i^2`,
    but for a row eta without 1/h, and `Q S^-1 Q* = S/a^2 - 2 eta/a + eta S^-1 eta*` does not.
    """
    cubic, linear, modulated = chain.powers
    sub = chain.off[1:-1]
    forward = factorise(chain.diagonal, sub)[0]
    backward = factorise(chain.diagonal[::-1], sub[::-1])[0][::-1]
    # S^-1 on its diagonal, next to it, and two places off; rows and columns of the ends are 0
    own = np.pad(1 / (forward + backward - chain.diagonal), 2)
    ratio = np.pad(-sub / forward[:-1], 2)
    near = ratio * own[1:]
    far = ratio[:-1] * near[1:]

    def form(left: np.ndarray, middle: np.ndarray, right: np.ndarray) -> np.ndarray:
        """`q S^-1 q*` of rows q with three entries around every sample."""
        square = left**2 * own[:-2] + middle**2 * own[1:-1] + right**2 * own[2:]
        mixed = left * middle * near[:-1] + middle * right * near[1:] + left * right * far
        return square + 2 * mixed

    before, after = np.pad(1 / chain.gaps, (1, 0)), np.pad(1 / chain.gaps, (0, 1))
    result = form(before, -before - after, after) / 2
    inner, left, right = chain.x[1:-1], chain.gaps[:-1], chain.gaps[1:]
    conducted = linear + modulated * inner**2
    rules = np.pad(conducted > cubic * np.maximum(left, right) ** 2, 1)
    a = np.where(rules[1:-1], conducted, 1.0)
    middle = (modulated + 2 * cubic) * (left + right) / a
    small = form(
        np.pad((modulated * inner + cubic * left) / a, 1),
        np.pad(middle, 1),
        np.pad((cubic * right - modulated * inner) / a, 1),
    )
    smooth = np.pad(chain.diagonal / a**2 - 2 * middle / a, 1) + small
    result[rules] = smooth[rules] / 2
    return result

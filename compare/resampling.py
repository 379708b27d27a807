"""The bootstrap over seeds, with quantiles widened for few of them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from compare.spectra._checks import Real
from lfp import _checks as check


@dataclass(frozen=True)
class Bootstrap:
    """Seeds drawn again with replacement, and limits from what comes out.

    Attributes:
        level: probability of the intervals, between 0 and 1.
        resamples: how many, at least 1.
        seed: of the draws; the same seed gives the same ones.
    """

    level: float
    resamples: int
    seed: int

    def shares(self, count: int) -> Float[np.ndarray, "R s"]:
        """How much of each resample every one of `count` seeds is; a row sums to 1."""
        draws = np.random.default_rng(self.seed)
        return draws.multinomial(count, np.full(count, 1 / count), size=self.resamples) / count

    def limits(self, values: Float[np.ndarray, "R ..."], count: int) -> np.ndarray:
        """Lower and upper limits `(2, *shape)` of a number of each resample of `count` seeds.

        Quantiles at levels widened for few seeds (Hesterberg 2015, What teachers should know about
        the bootstrap, The American Statistician 69, "expanded percentile interval"): the lower one
        is that of the normal tail beyond `sqrt(s/(s - 1))` Student's t.
        """
        student = stats.t.ppf((1 + self.level) / 2, count - 1)
        tail = float(stats.norm.cdf(-np.sqrt(count / (count - 1)) * student))
        return np.quantile(values, [tail, 1 - tail], axis=0)


def bootstrap(*, level: Real, resamples: Real, seed: Real) -> Bootstrap:
    """A `Bootstrap` of checked options.

    Raises:
        ValueError: if level is not between 0 and 1, resamples is below 1 or seed below 0.
        TypeError: if one is of the wrong kind.
    """
    return Bootstrap(
        check.number("level", level, allowed="between 0 and 1", valid=lambda v: 0 < v < 1),
        check.integer("resamples", resamples, least=1),
        check.integer("seed", seed, least=0),
    )

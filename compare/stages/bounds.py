"""Theorems 1 and 3: pointwise in time, step by step from the ratio to the bound."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from compare.stages.rates import Rates, above


@dataclass(frozen=True)
class Scales:
    """The frequencies eta of a measurement and the powers m of its bounds."""

    xi: Float[np.ndarray, " K"]
    eta: Float[np.ndarray, " F"]
    m: Float[np.ndarray, " M"]

    @property
    def first(self) -> np.ndarray:
        """Index of the first `xi >= eta`; an eta that misses one by rounding includes it."""
        return np.searchsorted(self.xi, self.eta * (1 - 1e-12))

    @property
    def powers(self) -> Float[np.ndarray, "M F"]:
        """`eta^-m`."""
        return self.eta ** -self.m[:, None]

    def weights(self, *, scaled: bool = False) -> Float[np.ndarray, "M K"]:
        """`<xi>^m`, `<xi> = (1 + xi^2)^(1/2)` (eq. 21); scaled, `|xi|^m`."""
        size = self.xi if scaled else np.hypot(1.0, self.xi)
        return size ** self.m[:, None]


@dataclass(frozen=True)
class Bound:
    """Constants and bounds for every m, beside the ratio they bound, and the proof's steps.

    Three forms of one theorem. The first is the paper's; with `eta <= <eta>` replaced by
    `<eta>` the same constant gives a lower one; with `|xi|^m` for `<xi>^m` throughout, the
    bound does not depend on the unit of x, and is never above the first.

    Attributes:
        ratio: what is bounded: `(T, F)`, or `(W, F)` over windows.
        constant: C, `(M,)`, or `(W, M)`; in units of (cycles per unit)^m.
        bound: `C eta^-m`, `(M, F)`, or `(W, M, F)`.
        bracket_bound: `C <eta>^-m`.
        scaled_constant, scaled_bound: C with `|xi|^m` for `<xi>^m`, and that times `eta^-m`.
        chain: the steps of the proof by name, from the ratio to the bound, none smaller than
            the one before; `(T, 1, F)` or, where m enters, `(T, M, F)`.
    """

    ratio: Float[np.ndarray, "R F"]
    constant: Float[np.ndarray, "*W M"]
    bound: Float[np.ndarray, "*W M F"]
    bracket_bound: Float[np.ndarray, "*W M F"]
    scaled_constant: Float[np.ndarray, "*W M"]
    scaled_bound: Float[np.ndarray, "*W M F"]
    chain: dict[str, np.ndarray]

    @property
    def tightest(self) -> Float[np.ndarray, "*W F"]:
        """The least of the three forms over m."""
        return np.minimum(self.bracket_bound, self.scaled_bound).min(axis=-2)

    @property
    def slack(self) -> Float[np.ndarray, " F"]:
        """How many times the tightest bound is above the ratio, at the closest time or window.

        Infinite where the ratio is 0 throughout, or there is no window; NaN where somewhere both
        are 0, or there is no ratio.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return (self.tightest / self.ratio).min(axis=0, initial=np.inf)


def bound_of(
    scales: Scales,
    ratio: Float[np.ndarray, "R F"],
    constant: Float[np.ndarray, "*W M"],
    scaled_constant: Float[np.ndarray, "*W M"],
    chain: dict[str, np.ndarray],
    *,
    spread: Float[np.ndarray, "W 1"] | None = None,
) -> Bound:
    """The record, with the bounds in every form, multiplied by `spread` if there is one."""
    bracket = np.hypot(1.0, scales.eta) ** -scales.m[:, None]
    factors = [part if spread is None else spread * part for part in (constant, scaled_constant)]
    bound = factors[0][..., None] * scales.powers
    steps = {name: step if step.ndim == 3 else step[:, None, :] for name, step in chain.items()}
    return Bound(
        ratio=ratio,
        constant=constant,
        bound=bound,
        bracket_bound=factors[0][..., None] * bracket,
        scaled_constant=scaled_constant,
        scaled_bound=factors[1][..., None] * scales.powers,
        chain={
            "ratio": ratio[:, None, :],
            **steps,
            "bound": bound if bound.ndim == 3 else bound[None],
        },
    )


def of_loss_initial(
    scales: Scales, rates: Rates, ratio: np.ndarray, slope: Float[np.ndarray, " T"]
) -> Bound:
    """Theorem 1 for the squared error, `C = sup_t || <.>^m grad q ||_L1 / |grad L|` (49-53).

    Here and in `of_loss_final`, slope is `|grad L~|`, half the theorem's `|grad L|`.
    """
    per_gradient = 2 * slope[:, None, None]

    def weighted(scaled: bool) -> np.ndarray:
        return rates.gradient[:, None] * scales.weights(scaled=scaled) / per_gradient

    whole = weighted(False).sum(axis=-1)
    chain = {
        "gradients": above(rates.gradient, scales.first) / per_gradient[:, 0],  # 49
        "weighted": scales.powers * above(weighted(False), scales.first),  # 50
        "all_frequencies": scales.powers * whole[..., None],  # 50
    }
    scaled = weighted(True).sum(axis=-1).max(axis=0)
    return bound_of(scales, ratio, whole.max(axis=0), scaled, chain)


def of_loss_final(
    scales: Scales, rates: Rates, ratio: np.ndarray, slope: Float[np.ndarray, " T"]
) -> Bound:
    """Theorem 3 for the squared error (84-87).

    `C = 2 sup_t || <.>^m grad h^ || sup_t L^(1/2) / |grad L|`.
    """
    root = np.sqrt(rates.power.sum(axis=1)) / slope  # 2 L^(1/2) / |grad L|
    chain = {
        "gradients": above(rates.gradient, scales.first) / (2 * slope[:, None]),  # 84
        **_sensitivities(scales, rates, root),
    }
    whole, scaled = (
        norms(scales, rates, scaled=scaled).max(axis=0) * root.max() for scaled in (False, True)
    )
    return bound_of(scales, ratio, whole, scaled, chain)


def of_output(
    scales: Scales,
    rates: Rates,
    ratio: np.ndarray,
    slope: Float[np.ndarray, " T"],
    size: Float[np.ndarray, " T"],
) -> tuple[Bound, Bound]:
    """Theorems 1 and 3 for any loss, which bound the output ratio (56-62, 89-92).

    `C = sup_t (|| <.>^m grad h^ || s)`, `s = max sqrt(rho) ||l'(u) sqrt(rho)|| / |grad L~|`, and
    in the final stage the product of the two suprema. The factor 2 of eq. 89 is not needed.

    Args:
        scales, rates, ratio, slope: the unweighted rates, the output ratio and `|grad L~|`.
        size: `max sqrt(rho) ||l'(u) sqrt(rho)||`.
    """
    root = size / slope
    whole, scaled = (norms(scales, rates, scaled=scaled) for scaled in (False, True))
    moved = np.sqrt(rates.speed.sum(axis=1))
    sensitivity = np.sqrt(above(rates.sensitivity, scales.first))
    chain = {
        "gradients": sensitivity * (slope / moved)[:, None],  # 56
        **_sensitivities(scales, rates, root),  # 60, 61
    }
    first, scaled_first = ((part * root[:, None]).max(axis=0) for part in (whole, scaled))
    last, scaled_last = (part.max(axis=0) * root.max() for part in (whole, scaled))
    return (
        bound_of(scales, ratio, first, scaled_first, chain),
        bound_of(scales, ratio, last, scaled_last, chain),
    )


def norms(scales: Scales, rates: Rates, *, scaled: bool = False) -> Float[np.ndarray, "T M"]:
    """`|| <.>^m grad h^ ||`; scaled, with `|xi|^m`."""
    return np.sqrt(rates.sensitivity @ scales.weights(scaled=scaled).T ** 2)


def _sensitivities(
    scales: Scales, rates: Rates, root: Float[np.ndarray, " T"]
) -> dict[str, np.ndarray]:
    """`root ||grad h^||` above eta, with `<xi>^m` there, and with `<xi>^m` everywhere (85, 61)."""
    weighted = rates.sensitivity[:, None] * scales.weights() ** 2
    factor = root[:, None, None] * scales.powers
    return {
        "outputs": root[:, None] * np.sqrt(above(rates.sensitivity, scales.first)),
        "weighted": factor * np.sqrt(above(weighted, scales.first)),
        "all_frequencies": factor * norms(scales, rates)[..., None],
    }

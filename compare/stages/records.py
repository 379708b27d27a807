"""What a measurement of the three stages holds."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from compare.stages.bounds import Bound
from compare.stages.intermediate import Intermediate


@dataclass(frozen=True)
class Dissipation:
    """Corollary 1, for the squared error: `dL_eta^-/dt <= -(1 - C eta^-m) |dL/dt|`.

    Attributes:
        rate: `(dL_eta^-/dt) / |dL/dt|`, `(T, F)`.
        bound: `-(1 - C eta^-m)`, `(M, F)`, C that of Theorem 1.
        since: `C^(1/m)`, above which the bound says that `L_eta^-` falls, `(M,)`; infinite for
            m = 0.
    """

    rate: Float[np.ndarray, "T F"]
    bound: Float[np.ndarray, "M F"]
    since: Float[np.ndarray, " M"]


@dataclass(frozen=True)
class Stages:
    """What `measure` returns; F frequencies, T times, M powers.

    Attributes:
        eta: cycles per unit of x, `(F,)`.
        m: `(M,)`.
        ts: `(T,)`.
        loss_ratio: `|dL_eta^+/dt| / |dL/dt|` (33, 38), `(T, F)`; `L_eta^+` is the sum over
            `|xi| >= eta`. For another loss than "mse" L is still the squared error, dL/dt can
            vanish, and no theorem bounds this ratio at a single time.
        low_loss_ratio: the same with `|xi| < eta`.
        output_ratio: `||dh^/dt||` over `|xi| >= eta` by that over all (40), `(T, F)`.
        low_output_ratio: the same with `|xi| < eta`.
        initial, final: Theorems 1 and 3, of `loss_ratio` for "mse", of `output_ratio` for another
            loss. With B their bound, the low ratio is at least 1 - B.
        initial_output, final_output: Theorems 1 and 3 of `output_ratio` for any loss.
        intermediate: Theorem 2.
        dissipation: Corollary 1; None for another loss than "mse".
        rayleigh: `|grad L~|^2 / ||l'(u) sqrt(rho)||^2`, `(T,)`, the Rayleigh quotient of
            `sqrt(rho) chi K chi sqrt(rho) / n` at `sqrt(rho) l'(u)`: for "mse",
            `L^(1/2) / |grad L| = (1/2) rayleigh^(-1/2)`. It is never below
            `compare.stages.least_rayleigh`.
    """

    eta: Float[np.ndarray, " F"]
    m: Float[np.ndarray, " M"]
    ts: Float[np.ndarray, " T"]
    loss_ratio: Float[np.ndarray, "T F"]
    low_loss_ratio: Float[np.ndarray, "T F"]
    output_ratio: Float[np.ndarray, "T F"]
    low_output_ratio: Float[np.ndarray, "T F"]
    initial: Bound
    intermediate: Intermediate
    final: Bound
    initial_output: Bound
    final_output: Bound
    dissipation: Dissipation | None
    rayleigh: Float[np.ndarray, " T"]

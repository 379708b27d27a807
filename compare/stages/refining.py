"""How the constants of Theorems 1 and 3 grow as the grid is refined."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from compare.stages.measuring import measure
from compare.stages.rates import exponent
from compare.stages.setting import Weight
from lfp import _checks as check
from lfp._checks import ArrayLike, Integer, Number
from lfp.losses import Loss

Maker = Callable[[int], tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike]]
NAMES = ("initial", "final", "initial_output", "final_output")


@dataclass(frozen=True)
class Refinement:
    """What `refine` returns; N grids, M powers.

    Attributes:
        sizes: numbers of points, `(N,)`.
        m: `(M,)`.
        constants: "initial", "final", "initial_output" and "final_output", those of
            `compare.stages.Stages`, `(M, N)`.
        growth: exponent of n with which each grows, `(M,)`: 0 for a constant that the theorem
            admits; small and falling with the sizes for a logarithm.
    """

    sizes: Int[np.ndarray, " N"]
    m: Float[np.ndarray, " M"]
    constants: dict[str, Float[np.ndarray, "M N"]]
    growth: dict[str, Float[np.ndarray, " M"]]


def refine(
    make: Maker,
    sizes: Sequence[Integer] | Int[np.ndarray, " N"],
    *,
    loss: str | Number | Loss = "mse",
    m: ArrayLike = (1, 2, 3),
    chi: Weight | None = None,
    rho: Weight | None = None,
) -> Refinement:
    """The constants of one network, target and cut-off on finer and finer grids.

    On one grid every constant is finite, whatever m. What the theorems say is that C does not grow
    without limit as the grid is refined: up to m = 2k - 1 (the loss ratio in the initial stage) or
    k - 1, with k the smoothness, and a chi that vanishes at the ends of the period.

    Args:
        make: from n to x, a uniform grid of n points over the same period, y `(n,)`, outputs at
            one or more times `(T, n)`, and the tangent kernel there, `(n, n)` or `(T, n, n)`.
        sizes: the n, at least 3 of them, in ascending order.
        loss, m: as in `measure`.
        chi, rho: cut-off and density as functions of x, such as `compare.stages.bump`.

    Returns:
        A `Refinement`.

    Raises:
        ValueError: fewer than 3 sizes, or not in ascending order; another number of things than
            four from make; a grid of another size, or of another period; what `measure` raises.
        TypeError: sizes that are no integers; make or weights that are no functions; make giving
            no sequence.

    Source: Luo, Ma, Xu, Zhang 2019, Theorems 1 and 3 and Lemmas 2 and 3.
    """
    if not callable(make):
        raise TypeError(f"make must be a function of the number of points, got {make!r:.60}")
    counts = np.asarray(sizes)
    if counts.dtype.kind not in "iu":
        raise TypeError(f"sizes must be integers, got {sizes!r}")
    if counts.ndim != 1 or len(counts) < 3 or counts.min() < 2 or (np.diff(counts) <= 0).any():
        raise ValueError(
            "sizes must be at least 3 numbers of points, from 2 on in ascending order, got "
            f"{counts.tolist()}"
        )
    for name, weight in (("chi", chi), ("rho", rho)):
        if weight is not None and not callable(weight):
            raise TypeError(f"{name} must be a function of x, for grids of any size, or None")
    found = []
    period = None
    for n in counts.tolist():
        x, y, outputs, kernel = _four(make(n))
        grid = check.points("x", x)
        if len(grid) != n:
            raise ValueError(f"make must give a grid of {n} points, got {len(grid)}")
        if period is None:
            period = n * float(np.ptp(grid)) / (n - 1)
        times = np.zeros(len(check.real_array("outputs", outputs, ndim=(2,))))
        found.append(
            measure(x, y, outputs, kernel, times, loss=loss, m=m, chi=chi, rho=rho, period=period)
        )
    constants = {
        name: np.stack([getattr(one, name).constant for one in found], axis=-1) for name in NAMES
    }
    return Refinement(
        sizes=counts,
        m=found[0].m,
        constants=constants,
        growth={name: exponent(counts, values) for name, values in constants.items()},
    )


def _four(made: object) -> Sequence[ArrayLike]:
    """What `make` gave, of which there must be x, y, outputs and kernel."""
    if not isinstance(made, (tuple, list)):
        raise TypeError(f"make must give x, y, outputs and kernel as a tuple, got {made!r:.60}")
    if len(made) != 4:
        raise ValueError(f"make must give x, y, outputs and kernel, got {len(made)} things")
    return made

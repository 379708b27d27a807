"""How far is the Krylov solver from its FFTs, and the lattice from one FINUFFT pass?

The full ReLU law (sigma_a = sigma_w = 1, sigma_b = 10) on a free lattice, x uniform in the unit
ball, y a wave, a jump and noise, n = 1e6: d = 2 with 129 x 129 modes to t lambda_max = 1e8, and
d = 3 with 33 x 33 x 33 to 5e4. The Krylov basis alone (`KrylovOutputs` on a prepared `ModalSpace`,
error bound 1e-8) takes turns with the same number of pairs of real FFTs: one pair for each step and
each of its 1 + d feature blocks, of the padded size, scipy's `rfftn` and `irfftn` in one thread as
in the library. The construction of the space takes turns with one type-1 transform of the samples
to (2N + 1)^d modes called by hand. Best of 3, one round only for the construction in d = 3.
lambda_max is that of the first 2,000 samples.

Then n = 1e5: cost against the number of modes for d = 1, 2, 3 to t lambda_max = 1e4, and against
the last time.

`growth` is the last time times the most negative Ritz value: a window that the cutoff does not
resolve makes modes that grow; above 0.01 `lfp.solve` refuses, and a row says so.

Prints a table and writes results/engine_modes.json next to this file.
"""

import sys
from typing import Any

import finufft
import numpy as np
import scipy.fft
from _record import machine, side_by_side, write

import lfp
from lfp.solvers.krylov import KrylovOutputs
from lfp.spaces.modes import ModalSpace
from lfp.status import HARMLESS_GROWTH

LAW = lfp.TwoLayer("relu", sigma_a=1.0, sigma_w=1.0, sigma_b=10.0)
RTOL, PERIOD = 1e-8, 8.0
MAIN, CURVES = 1_000_000, 100_000  # samples
LARGE = {2: (64, 1e8, 3), 3: (16, 5e4, 1)}  # d: N, t lambda_max, rounds of the construction
CUTOFFS = {1: (128, 512, 2048, 8192, 32768), 2: (16, 32, 64, 128), 3: (8, 12, 16, 24)}
SAME_LAST = 1e4
LASTS = {1: (1e2, 1e4, 1e6, 1e8, 1e10), 2: (1e2, 1e4, 1e6, 1e8), 3: (1e2, 1e4, 1e6)}
CUTOFF_OF = {1: 2400, 2: 64, 3: 16}


def problem(n: int, dim: int) -> tuple[np.ndarray, np.ndarray, float]:
    """x in the unit ball, y, and the largest eigenvalue of K/n."""
    random = np.random.default_rng(0)
    direction = random.normal(size=(n, dim))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    x = direction * random.uniform(size=(n, 1)) ** (1 / dim)
    y = np.sin(3 * x.sum(axis=1)) + 0.5 * np.sign(x[:, 0] - 0.3) + 0.1 * random.normal(size=n)
    return x, y, 1 / float(lfp.times(LAW, x[:2_000])[0])


def fft_pairs(size: int, dim: int, count: int) -> None:
    """Real FFTs of a grid and back, `count` times."""
    shape = (size,) * dim
    values = np.ones(shape)
    for _ in range(count):
        spectrum = scipy.fft.rfftn(values, norm="forward")
        values = scipy.fft.irfftn(spectrum, shape, norm="forward", overwrite_x=True)


def one_pass(x: np.ndarray, y: np.ndarray, cutoff: int) -> Any:
    """A call of one type-1 transform of the samples."""
    transform = {1: finufft.nufft1d1, 2: finufft.nufft2d1, 3: finufft.nufft3d1}[x.shape[1]]
    phases = [np.ascontiguousarray(column) for column in (2 * np.pi / PERIOD * x).T]
    strengths, modes = 1 + 1j * y, (2 * cutoff + 1,) * len(phases)
    return lambda: transform(*phases, strengths, modes, eps=1e-13, isign=-1)


def construction(
    x: np.ndarray, y: np.ndarray, cutoff: int, rounds: int
) -> tuple[ModalSpace, dict[str, float]]:
    """The space, its seconds and those of one pass."""
    lattice = lfp.Lattice(PERIOD, cutoff)
    (space, builds), (_, singles) = side_by_side(
        lambda: ModalSpace(LAW, lattice, x, y[:, None]), one_pass(x, y, cutoff), repeats=rounds
    )
    build, single = min(builds), min(singles)
    return space, {"space_seconds": build, "one_pass_seconds": single, "passes": build / single}


def iteration(space: ModalSpace, radius: float, last: float) -> dict[str, Any]:
    """The Krylov basis to `last`/lambda_max against its FFTs."""
    size, dim = space.gram.padded, space.x.shape[1]
    pairs = space.blocks * KrylovOutputs(space, last / radius, RTOL).iterations
    (states, bases), (_, pairs_alone) = side_by_side(
        lambda: KrylovOutputs(space, last / radius, RTOL), lambda: fft_pairs(size, dim, pairs)
    )
    krylov, ffts = min(bases), min(pairs_alone)
    growth = max(0.0, -float(states.eigenvalues[0]) * last / radius)
    return {
        "d": dim,
        "n": len(space.x),
        "modes": space.gram.modes,
        "unknowns": space.size,
        "padded": size,
        "t lambda_max": last,
        "steps": states.iterations,
        "krylov_seconds": krylov,
        "fft_seconds": ffts,
        "ratio": krylov / ffts,
        "error_bound": states.error,
        "resolved_until t lambda_max": space.resolved_until * radius,
        "growth": growth,
        "refused": growth > HARMLESS_GROWTH,
    }


def report(row: dict[str, Any]) -> None:
    """One line."""
    line = (
        f"d {row['d']}  n {row['n']:>9,}  {row['modes']:>7,} modes  t lambda_max "
        f"{row['t lambda_max']:.0e}  {row['steps']:>4} steps  Krylov {row['krylov_seconds']:7.3f} s"
        f"  its FFTs {row['fft_seconds']:7.3f} s  {row['ratio']:5.2f} x"
    )
    if "passes" in row:
        line += (
            f"  space {row['space_seconds']:6.3f} s  one pass {row['one_pass_seconds']:6.3f} s"
            f"  {row['passes']:5.1f} x"
        )
    line += f"  resolved until {row['resolved_until t lambda_max']:.0e}"
    print(line + ("  (refused by solve: growing modes)" if row["refused"] else ""), flush=True)


def main(n: int, curves: int) -> None:
    """Measure, print, write."""
    start = machine("numpy", "scipy", "finufft")
    rows: dict[str, list[dict[str, Any]]] = {"large": [], "modes": [], "last": []}

    def add(kind: str, row: dict[str, Any]) -> None:
        report(row)
        rows[kind].append(row)

    for dim, (cutoff, last, rounds) in LARGE.items():
        x, y, radius = problem(n, dim)
        space, seconds = construction(x, y, cutoff, rounds)
        add("large", iteration(space, radius, last) | seconds)
    for dim, cutoffs in CUTOFFS.items():
        x, y, radius = problem(curves, dim)
        for cutoff in cutoffs:
            space = ModalSpace(LAW, lfp.Lattice(PERIOD, cutoff), x, y[:, None])
            add("modes", iteration(space, radius, SAME_LAST))
        space = ModalSpace(LAW, lfp.Lattice(PERIOD, CUTOFF_OF[dim]), x, y[:, None])
        for last in LASTS[dim]:
            add("last", iteration(space, radius, last))
    write("engine_modes", start, {"law": repr(LAW), "period": PERIOD, "rtol": RTOL}, rows)


if __name__ == "__main__":
    main(*[int(float(n)) for n in sys.argv[1:3]] or (MAIN, CURVES))

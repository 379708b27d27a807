"""How far is a whole d = 1 solve from one FINUFFT pass over the samples?

The full ReLU law (sigma_a = sigma_w = 1, sigma_b = 10), x uniform on [-1, 1], y a sine, a jump and
noise, 100 log-spaced times to t lambda_max = 1e6 and 1e10, n from 1e4 to 1e7. `lfp.solve` on a free
lattice of period 6, outputs left for access, takes turns with one type-1 transform called by hand:
the same points already scaled to phases, complex strengths, 2N + 1 modes, eps = 1e-13, FINUFFT's
own choice of threads. Best of 3. lambda_max is that of the first 10,000 samples.

N = 512 and 2400 are chosen for the two last times; whether they suffice is seen from outputs at
2,000 samples and the last time against a lattice twice as fine, relative to the data. Beside it
what the library's bound says: `resolved_until`, and the cutoff that `Lattice.resolving` picks,
timed once at n = 1e6. Peak memory is that of a fresh process, less what the same solve adds at
n = 1e4.

Prints a table and writes results/engine_samples.json next to this file.
"""

import sys
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

import finufft
import numpy as np
from _record import machine, memory_added, side_by_side, timed, write

import lfp

LAW = lfp.TwoLayer("relu", sigma_a=1.0, sigma_w=1.0, sigma_b=10.0)
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
CUTOFFS = {1e6: 512, 1e10: 2400}  # t lambda_max at the last time: N
PERIOD, TIMES, NEAR, CHOSEN_AT = 6.0, 100, 2_000, 1_000_000


def problem(n: int) -> tuple[np.ndarray, np.ndarray, float]:
    """x, y and the largest eigenvalue of K/n."""
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, n)
    y = np.sin(3 * x) + 0.5 * np.sign(x - 0.3) + 0.1 * random.normal(size=n)
    return x, y, 1 / float(lfp.times(LAW, x[:10_000])[0])


def solution(
    x: np.ndarray, y: np.ndarray, last: float, radius: float, lattice: lfp.Lattice | None
) -> lfp.Flow:
    """The flow at log-spaced times from 1/lambda_max to last/lambda_max."""
    return lfp.solve(LAW, x, y, np.geomspace(1, last, TIMES) / radius, space=lattice)


def one_pass(x: np.ndarray, y: np.ndarray, cutoff: int) -> Callable[[], np.ndarray]:
    """The transform of 1 + iy, which carries those of 1 and of y."""
    phases, strengths = 2 * np.pi / PERIOD * x, 1 + 1j * y
    return lambda: finufft.nufft1d1(phases, strengths, 2 * cutoff + 1, eps=1e-13, isign=-1)


def memory(n: int, last: float) -> int:
    """Bytes that a solve adds to x and y at its peak, for a process that has done nothing else."""
    x, y, radius = problem(n)
    lattice = lfp.Lattice(PERIOD, CUTOFFS[last])
    return memory_added(lambda: solution(x, y, last, radius, lattice))


def in_fresh_process(n: int, last: float) -> int:
    """`memory`, spawned."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(memory, (n, last))


def measure(n: int, last: float) -> dict[str, Any]:
    """One row."""
    x, y, radius = problem(n)
    cutoff = CUTOFFS[last]
    lattice, fine = lfp.Lattice(PERIOD, cutoff), lfp.Lattice(PERIOD, 2 * cutoff)
    (flow, all_ours), (_, all_theirs) = side_by_side(
        lambda: solution(x, y, last, radius, lattice), one_pass(x, y, cutoff)
    )
    ours, theirs = min(all_ours), min(all_theirs)
    finer = solution(x, y, last, radius, fine)
    coarse, close = (one(x[:NEAR], [last / radius])[0] for one in (flow, finer))
    row = {
        "n": n,
        "t lambda_max": last,
        "cutoff": cutoff,
        "steps": flow.status.iterations,
        "seconds": ours,
        "one_pass_seconds": theirs,
        "passes": ours / theirs,
        "solver_error_bound": flow.status.error_estimate,
        "resolved_until t lambda_max": flow.status.resolved_until * radius,
        "twice_as_fine": float(np.linalg.norm(coarse - close) / np.linalg.norm(y[:NEAR])),
        "chosen_cutoff": lfp.Lattice.resolving(LAW, x, last / radius).cutoff,
    }
    if n == CHOSEN_AT:
        chosen, seconds = timed(lambda: solution(x, y, last, radius, None))
        row |= {"chosen_seconds": seconds, "chosen_steps": chosen.status.iterations}
    return row


def report(row: dict[str, Any]) -> None:
    """One line."""
    line = (
        f"n {row['n']:>10,}  t lambda_max {row['t lambda_max']:.0e}  N {row['cutoff']:>5}  "
        f"{row['steps']:>4} steps  {row['seconds']:7.3f} s  one pass "
        f"{row['one_pass_seconds']:7.4f} s  {row['passes']:6.2f} passes  "
        f"2N differs by {row['twice_as_fine']:.0e}  resolved until "
        f"{row['resolved_until t lambda_max']:.0e}  bound asks for N {row['chosen_cutoff']}"
    )
    if "doubles_per_sample" in row:
        line += f"  {row['doubles_per_sample']:.1f} doubles a sample"
    if "chosen_seconds" in row:
        line += f" ({row['chosen_seconds']:.2f} s)"
    print(line, flush=True)


def main(sizes: tuple[int, ...]) -> None:
    """Measure, print, write."""
    start = machine("numpy", "scipy", "finufft")
    rows = []
    for last in CUTOFFS:
        least = in_fresh_process(sizes[0], last)
        for n in sizes:
            row = measure(n, last)
            if n >= 1_000_000:
                row["doubles_per_sample"] = (in_fresh_process(n, last) - least) / 8 / n
            report(row)
            rows.append(row)
    settings = {"law": repr(LAW), "period": PERIOD, "times": TIMES}
    write("engine_samples", start, settings, rows)


if __name__ == "__main__":
    main(tuple(int(float(n)) for n in sys.argv[1:]) or SIZES)

"""What do the spectra of many trajectories cost beside one FINUFFT call?

`compare.spectra.spectrum` of B trajectories at n samples, x uniform in [-1, 1], and its first F
frequencies takes turns with one batched `finufft.nufft1d3` by hand: all B rows in one call, complex
copies made beforehand, the library's accuracy of 1e-13, one thread. Smaller and larger problems,
one row alone and complex values show where the matrix of waves and where FINUFFT is taken. One BLAS
thread, best of 5; "apart" is the largest difference of the two.

Prints a table and writes results/spectra.json next to this file.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is loaded
os.environ.setdefault("OMP_NUM_THREADS", "1")

from typing import Any

import finufft
import numpy as np
from _record import machine, side_by_side, write

from compare import spectra

# trajectories, samples, frequencies, kind of the values
CASES = (
    (1000, 300, 150, "real"),
    (1000, 300, 150, "complex"),
    (1, 300, 150, "real"),
    (100, 1000, 1000, "real"),
    (1000, 1000, 500, "real"),
    (10, 10_000, 1000, "real"),
    (100, 10_000, 5000, "real"),
    (1, 1_000_000, 500, "real"),
)
REPEATS = 5


def row(count: int, n: int, some: int, kind: str) -> dict[str, Any]:
    """Times of one problem."""
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, n)
    values = random.normal(size=(count, n))
    if kind == "complex":
        values = values + 1j * random.normal(size=(count, n))
    xi = np.arange(1, some + 1) * (n - 1) / (n * np.ptp(x))
    strengths, places = values.astype(np.complex128), 2 * np.pi * xi
    (by_hand, peer), (found, ours) = side_by_side(
        lambda: finufft.nufft1d3(x, strengths, places, isign=-1, eps=1e-13, nthreads=1),
        lambda: spectra.spectrum(x, values, xi),
        repeats=REPEATS,
    )
    return {
        "trajectories": count,
        "samples": n,
        "frequencies": some,
        "values": kind,
        "finufft_s": min(peer),
        "spectrum_s": min(ours),
        "ratio": min(ours) / min(peer),
        "apart": float(np.abs(np.reshape(by_hand, found.shape) / n - found).max()),
    }


def main() -> None:
    here = machine("numpy", "finufft")
    rows = []
    print("trajectories samples  frequencies values   finufft, s  ours, s  ratio  apart")
    for case in CASES:
        one = row(*case)
        rows.append(one)
        print(
            f"{one['trajectories']:<12d} {one['samples']:<8d} {one['frequencies']:<11d} "
            f"{one['values']:8s} {one['finufft_s']:<11.3g} {one['spectrum_s']:<8.3g} "
            f"{one['ratio']:<6.2f} {one['apart']:.0e}",
            flush=True,
        )
    write("spectra", here, {"repeats": REPEATS}, rows)


if __name__ == "__main__":
    main()

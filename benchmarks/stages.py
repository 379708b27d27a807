"""What do the constants of the three theorems cost beside the tangent kernels they come from?

A 1-500-500-500-500-1 tanh network at n = 300 points of a uniform grid, trained by Adam and recorded
100 times: `compare.stages.measure` along all recordings, all frequencies, m = 1, 2, 3, against
`nets.tangent_kernel` at as many recordings. Kernels are computed for the first and the last
network only, and their time is multiplied by 50; in the measurement each stands for half of the
recordings, since its time does not depend on the entries. In the same process and taking turns,
the best round of each. Beside them one transform of every kernel along both axes, whose diagonals
are the quadratic forms. One BLAS thread; XLA has all processors, with one its kernels would take
longer. Compiling is timed apart.

Prints a table and writes results/stages.json next to this file.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is loaded
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import warnings
from typing import Any

import jax
import numpy as np
import optax
from _record import machine, side_by_side, timed, write

import nets
from compare import stages

# Adam follows no gradient flow: only the time that it takes is asked here
warnings.filterwarnings("ignore", message="the loss falls by")

WIDTHS, SAMPLES, RECORDINGS = (1, 500, 500, 500, 500, 1), 300, 100
M = (1, 2, 3)
ROUNDS = 3
X = -np.pi + 2 * np.pi * np.arange(SAMPLES) / SAMPLES
Y = sum(np.sin(j * X / 10) / j for j in range(1, 501))


def trained(net: nets.MLP) -> nets.Run:
    """One step between recordings."""
    at = np.arange(RECORDINGS)
    return nets.train(net, X, Y, optimizer=optax.adam(1e-4), steps=int(at[-1]), record_at=at)


def transforms(kernels: np.ndarray) -> None:
    """Along both axes, kernel by kernel."""
    for one in kernels:
        np.fft.rfft2(one)


def main() -> None:
    """Train, time, print, write."""
    here = machine("numpy", "jax")
    net = nets.mlp(jax.random.key(0), widths=WIDTHS, activation="tanh", dtype="float64")
    run, training = timed(lambda: trained(net))

    def two_kernels() -> np.ndarray:
        return np.stack([nets.tangent_kernel(one, X, X) for one in (net, run.net)])

    def case(loss: Any, **weights: Any) -> Any:
        return lambda: stages.measure(X, Y, run.fitted, kernels, ts, loss=loss, m=M, **weights)

    few, first = timed(two_kernels)
    kernels = few.repeat(RECORDINGS // 2, axis=0)
    ts = 1e-4 * np.arange(RECORDINGS)
    chi, rho = stages.bump(X), 1 + np.cos(X) ** 2
    calls = {
        "kernels": two_kernels,
        "measure, mse": case("mse"),
        "measure, L^4": case(4),
        "measure, mse, chi and rho": case("mse", chi=chi, rho=rho),
        "transforms": lambda: transforms(kernels),
    }
    turns = side_by_side(*calls.values(), repeats=ROUNDS)
    rows = []
    for name, (_, seconds) in zip(calls, turns, strict=True):
        factor = RECORDINGS / 2 if name == "kernels" else 1
        rows.append({"what": name, "seconds": factor * min(seconds), "rounds": seconds})
    print(f"training {training:.1f} s, the first two kernels with compiling {first:.1f} s")
    for row in rows:
        row["over_kernels"] = row["seconds"] / rows[0]["seconds"]
        row["over_transforms"] = row["seconds"] / rows[-1]["seconds"]
        print(
            f"{row['what']:26s} {row['seconds']:8.3f} s, {row['over_kernels']:.3g} of the kernels, "
            f"{row['over_transforms']:.3g} of the transforms"
        )
    settings = {
        "widths": WIDTHS,
        "samples": SAMPLES,
        "recordings": RECORDINGS,
        "m": M,
        "rounds": ROUNDS,
        "training_seconds": training,
        "first_kernels_seconds": first,
    }
    write("stages", here, settings, rows)


if __name__ == "__main__":
    main()

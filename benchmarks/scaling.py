"""Do the exponents of the theory come out, and with which intervals?

Each study of `compare.scaling` is run once: linearised antisymmetric networks against the NTK flow
in their width (16 seeds), the LFP flow against the NTK flow in sigma_b, half-learning times of the
LFP flow in the frequency (on tori, and in free space under a window) and in the density of the
samples, errors of interpolants in the number of samples. Intervals are of level 0.95: over seeds
where there are any, otherwise of the departure from a power law.

Prints a table and writes results/scaling.json next to this file.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is loaded
os.environ.setdefault("OMP_NUM_THREADS", "1")

from typing import Any

import jax
import numpy as np
from _record import machine, write

import lfp
from compare import scaling

jax.config.update("jax_enable_x64", True)

OUTER = {"sigma_a": 1e-3, "sigma_w": 1.0, "sigma_b": 10.0}  # rate A dominates: d + 3
INNER = {"sigma_a": 100.0, "sigma_w": 1.0, "sigma_b": 1000.0}  # rate B dominates: d + 1
SEEDS = 16
WIDTHS = (128, 512, 2048, 8192)
SIGMA_BS = (5, 10, 20, 40, 80)


def row(name: str, found: scaling.Scaling) -> dict[str, Any]:
    """One study, printed."""
    fit = found.found
    print(
        f"{name:44s} {fit.exponent:8.4f}  [{fit.low:8.4f}, {fit.high:8.4f}]  {found.expected:8.4f}",
        flush=True,
    )
    return {
        "study": name,
        "quantity": found.quantity,
        "against": found.against,
        "exponent": fit.exponent,
        "low": fit.low,
        "high": fit.high,
        "level": fit.level,
        "expected": found.expected,
        "scatter": fit.scatter,
        "seeds": fit.seeds,
        "at": found.at.tolist(),
        "values": found.values.tolist(),
    }


def grid(count: int, dim: int) -> np.ndarray:
    """One period of 2, (count^d, d)."""
    axis = 2 * (np.arange(count) / count - 0.5)
    return np.stack(np.meshgrid(*[axis] * dim, indexing="ij"), axis=-1).reshape(-1, dim)


def kernels() -> list[dict[str, Any]]:
    """In width and sigma_b, on ten samples."""
    x = np.linspace(-1, 1, 10)
    y = np.sin(3 * x) + 0.3 * np.random.default_rng(0).normal(size=10)
    law = lfp.TwoLayer(sigma_a=1.0, sigma_w=1.0, sigma_b=10.0)
    ts = lfp.times(law.ntk, x, decades=6, points=60)
    return [
        row("width m", scaling.in_width(law, x, y, ts, widths=WIDTHS, seeds=SEEDS)),
        row("sigma_b", scaling.in_sigma_b(law, x, y, ts, sigma_bs=SIGMA_BS)),
    ]


def frequencies() -> list[dict[str, Any]]:
    """In frequency: tori in d = 1 and 2, and free space in d = 1."""
    rows = []
    for dim, count in ((1, 64), (2, 16)):
        x, lattice = grid(count, dim), lfp.Lattice(2.0, count // 2 - 1, "torus")
        xi = np.arange(1, count // 2)[:, None] / 2 * np.eye(dim)[0]
        for name, rates in (("outer weights", OUTER), ("biases", INNER)):
            law = lfp.TwoLayer(divergence=False, **rates)
            found = scaling.in_frequency(law, x, xi, space=lattice)
            rows.append(row(f"frequency, torus, d = {dim}, {name}", found))
        for alpha in (dim + 1, dim + 3):
            found = scaling.in_frequency(lfp.PowerLaw(alpha), x, xi, space=lattice)
            rows.append(row(f"frequency, torus, d = {dim}, |xi|^-{alpha}", found))
    x = np.linspace(-1, 1, 1000)
    for name, rates in (("outer weights", OUTER), ("biases and inner weights", INNER)):
        found = scaling.in_frequency(lfp.TwoLayer(**rates), x, np.arange(4, 21), width=0.2)
        rows.append(row(f"frequency, free, d = 1, {name}", found))
    return rows


def densities() -> list[dict[str, Any]]:
    """In the density of samples that is exp(s x), ten times as large at one end as at the other."""
    s = np.log(10) / 2
    x = np.log(np.exp(-s) + (np.arange(1000) + 0.5) / 1000 * (np.exp(s) - np.exp(-s))) / s
    rows = []
    for name, rates in (("outer weights", OUTER), ("biases", INNER)):
        law = lfp.TwoLayer(divergence=False, **rates)
        for k in (8, 12, 16):
            found = scaling.in_density(law, x, k, np.linspace(-0.6, 0.6, 7), width=0.15)
            rows.append(row(f"density, k = {k}, {name}", found))
    return rows


def samples() -> list[dict[str, Any]]:
    """In the number of samples: interpolants of one wave on grids of a torus."""
    rows = []
    for dim, axes, cutoff in ((1, (16, 32, 64, 128, 256), 2048), (2, (8, 12, 16, 24), 96)):
        lattice = lfp.Lattice(2.0, cutoff, "torus", "free")
        for alpha in (dim + 1, dim + 3):
            found = scaling.in_samples(
                lfp.PowerLaw(alpha),
                lambda x, dim=dim: np.cos(np.pi * x.reshape(-1, dim)[:, 0] + 0.3),
                axes,
                lattice=lattice,
                dim=dim,
            )
            rows.append(row(f"samples n, d = {dim}, |xi|^-{alpha}", found))
    return rows


def main() -> None:
    here = machine("numpy", "jax")
    print(f"{'study':44s} {'exponent':>8s}  {'95 % interval':>20s}  {'theory':>8s}")
    rows = kernels() + frequencies() + densities() + samples()
    settings = {"seeds": SEEDS, "outer": OUTER, "inner": INNER}
    write("scaling", here, settings, rows)


if __name__ == "__main__":
    main()

"""How many steps, and how much time, does the preconditioner of the iterative `interpolate` save?

The full ReLU law (sigma_a = sigma_w = 1, sigma_b = 10), x in the unit ball: uniform, or eight
Gaussian clusters of equal weight and widths from 0.003 to 0.2; y a wave, a jump and noise.
d = 2, n = 1e5 on a free lattice of 257 x 257 modes; d = 1, n = 2e4 with O(n) products on samples.
Ridge 1e-4 and 1e-8, in the unit of K/n, whose largest eigenvalue is about 51.

(K/n + ridge) s = q until the relative residual is 1e-8 by conjugate gradients: "plain"; "jacobi",
with the diagonal of the matrix; "reduced", plain once the affine functions, which have the largest
eigenvalues, are eliminated (`Reduced`); and "screening", the same with the preconditioner
`Screening`, whose construction is timed apart. The others are given up after six times the steps of
the last, in d = 1 after 2,000 if that is more; the residual that they have reached by then is in
the row. The residual of every row is computed from the solution.

Prints a table and writes results/interpolate_iterative.json next to this file; with --quick fewer
samples and nothing written.
"""

import sys
from typing import Any

import numpy as np
from _record import machine, timed, write

import lfp
from lfp.solvers.conjugate import Reduced, Vector, conjugate_gradients, preconditioner
from lfp.spaces.modes import ModalSpace
from lfp.spaces.pointwise import Pointwise, pointwise
from lfp.spaces.samples import SampleSpace

LAW = lfp.TwoLayer("relu", sigma_a=1.0, sigma_w=1.0, sigma_b=10.0)
RTOL, LATTICE = 1e-8, lfp.Lattice(period=6.0, cutoff=128)
FULL, QUICK = {1: 20_000, 2: 100_000}, {1: 2_000, 2: 5_000}  # samples, for each d
RIDGES = (1e-4, 1e-8)
CLUSTERS = 8
WIDTHS = np.geomspace(0.003, 0.2, CLUSTERS)
TIMES_AS_MANY, AT_LEAST = 6, {1: 2_000, 2: 0}  # steps at which the others are given up


def samples(n: int, dim: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """x `(n, dim)` and y `(n,)`."""
    random = np.random.default_rng(0)
    if kind == "uniform":
        x = random.normal(size=(n, dim))
        x *= random.uniform(size=(n, 1)) ** (1 / dim) / np.linalg.norm(x, axis=1, keepdims=True)
    else:
        centres = random.uniform(-0.7, 0.7, size=(CLUSTERS, dim))
        which = random.integers(CLUSTERS, size=n)
        x = centres[which] + WIDTHS[which, None] * random.normal(size=(n, dim))
        x /= max(1.0, np.linalg.norm(x, axis=1).max())
    y = np.sin(3 * x.sum(axis=1)) + 0.5 * np.sign(x[:, 0] - 0.3) + 0.1 * random.normal(size=n)
    return x, y


def diagonal(space: Pointwise, ridge: float) -> np.ndarray:
    """That of K/n + ridge."""
    _, local = space.with_affine(space.affine)
    return local(np.arange(len(space.x))[:, None])[:, 0, 0] / len(space.x) + ridge


def compare(space: Pointwise, y: np.ndarray, ridge: float, least: int) -> list[dict[str, Any]]:
    """A row for each of the four."""
    n, reduced = len(y), Reduced(space, ridge)
    source = y / np.sqrt(n)
    norm = float(np.linalg.norm(source))
    basis = np.linalg.qr(space.columns)[0]

    def whole(vector: np.ndarray) -> np.ndarray:
        affine = space.columns @ (space.affine * (space.columns.T @ vector)) / n
        return space.product(vector) + affine + ridge * vector

    def row(method: str, product: Vector, right: np.ndarray, inverse: Vector, most: int) -> dict:
        (state, steps, _), seconds = timed(
            lambda: conjugate_gradients(product, inverse, right, RTOL * norm, most)
        )
        left = float(np.linalg.norm(right - product(state))) / norm
        given_up = steps == most
        found = {"steps": steps, "given_up": given_up, "residual": left, "seconds": seconds}
        return {"method": method} | found

    def complement(inverse: Vector) -> Vector:
        def projected(residual: np.ndarray) -> np.ndarray:
            result = inverse(residual)
            return result - basis @ (basis.T @ result)

        return projected

    right, scale = reduced.right(source), diagonal(space, ridge)
    screening, built = timed(lambda: preconditioner(space, ridge))
    first = row("screening", reduced.product, right, complement(screening), 2_000)
    first["construction_seconds"] = built
    most = max(least, TIMES_AS_MANY * first["steps"])
    return [
        first,
        row("reduced", reduced.product, right, complement(lambda v: v), most),
        row("plain", whole, source, lambda v: v, most),
        row("jacobi", whole, source, lambda v: v / scale, most),
    ]


def main(sizes: dict[int, int], *, record: bool) -> None:
    """Measure, print, write."""
    start = machine("numpy", "scipy", "finufft")
    rows = []
    for dim, n in sizes.items():
        for kind in ("clustered", "uniform"):
            x, y = samples(n, dim, kind)
            if dim == 1:
                space = pointwise(SampleSpace(LAW, x, y[:, None]))
            else:
                space = pointwise(ModalSpace(LAW, LATTICE, x, y[:, None]))
            for ridge in RIDGES:
                for row in compare(space, y, ridge, AT_LEAST[dim]):
                    rows.append({"d": dim, "n": n, "samples": kind, "ridge": ridge} | row)
                    print(
                        f"d {dim}  n {n:,}  {kind:9}  ridge {ridge:.0e}  {row['method']:9}  "
                        f"{'>' if row['given_up'] else ' '}{row['steps']:5} steps  residual "
                        f"{row['residual']:.1e}  {row.get('construction_seconds', 0.0):6.1f} s + "
                        f"{row['seconds']:6.1f} s",
                        flush=True,
                    )
    if record:
        settings = {"law": repr(LAW), "lattice": repr(LATTICE), "rtol": RTOL}
        write("interpolate_iterative", start, settings, rows)


if __name__ == "__main__":
    quick = "--quick" in sys.argv[1:]
    main(QUICK if quick else FULL, record=not quick)

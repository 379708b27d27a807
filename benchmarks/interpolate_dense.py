"""What would people interpolate with otherwise? n = 4,096 in d = 2.

With a ridge: the full ReLU law (sigma_a = sigma_w = 1, sigma_b = 10) by `lfp.interpolate`, dense
and iterative, against scikit-learn's `KernelRidge` with the same kernel (precomputed by
`law.kernel`; its alpha is n ridge). Without: `PowerLaw(alpha=5)`, whose kernel is `|z|^3` with free
affine functions, against scipy's `RBFInterpolator(kernel="cubic", degree=1)`, which is the same
function; there the iteration stops at a residual of 1e-6. Each is timed from the samples to values
at 4,096 further points; best of 3, taking turns. Errors: relative residual of the equations at the
samples, and the largest difference from our dense solution at the points, relative to the largest
value.

scikit-learn is no dependency of this package (`pip install scikit-learn`); without it the script
says so and leaves its row out.

Prints a table and writes results/interpolate_dense.json next to this file.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from _record import machine, side_by_side, write
from scipy.interpolate import RBFInterpolator

import lfp

LAW = lfp.TwoLayer("relu", sigma_a=1.0, sigma_w=1.0, sigma_b=10.0)
CUBIC = lfp.PowerLaw(alpha=5.0)
N, RIDGE, REPEATS = 4_096, 1e-6, 3
LOOSE = 1e-6  # what an iteration reaches at a condition number of 4e11


def ridge_regression(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values at points and at the samples by scikit-learn."""
    from sklearn.kernel_ridge import KernelRidge

    kernel = LAW.kernel(x, x)
    model = KernelRidge(kernel="precomputed", alpha=N * RIDGE).fit(kernel, y)
    return model.predict(LAW.kernel(at, x)), model.predict(kernel) + N * RIDGE * model.dual_coef_


def ours(law: lfp.Law, solver: str, ridge: float, rtol: float = 1e-8) -> Callable[..., Any]:
    def solve(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, float]:
        limit = lfp.interpolate(law, x, y, ridge=ridge, solver=solver, rtol=rtol)
        return limit(at), limit.status.residual

    return solve


def splines(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values at points and at the samples by scipy."""
    fit = RBFInterpolator(x, y, kernel="cubic", degree=1)
    return fit(at), fit(x)


def main() -> None:
    here = machine("numpy", "scipy")
    random = np.random.default_rng(0)
    x, at = random.uniform(-1, 1, (N, 2)), random.uniform(-1, 1, (N, 2))
    y = np.sin(3 * x[:, 0]) * np.cos(4 * x[:, 1]) + 0.1 * random.normal(size=N)
    cases: dict[str, dict[str, Callable[..., Any]]] = {
        f"ReLU, ridge {RIDGE:g}": {
            "lfp dense": ours(LAW, "dense", RIDGE),
            "lfp iterative": ours(LAW, "iterative", RIDGE),
            "KernelRidge": ridge_regression,
        },
        "|z|^3, interpolation": {
            "lfp dense": ours(CUBIC, "dense", 0.0),
            "lfp iterative": ours(CUBIC, "iterative", 0.0, LOOSE),
            "RBFInterpolator": splines,
        },
    }
    try:
        import sklearn

        here["scikit-learn"] = sklearn.__version__
    except ImportError:
        print("scikit-learn is missing (pip install scikit-learn): its row is left out")
        del cases[f"ReLU, ridge {RIDGE:g}"]["KernelRidge"]
    rows = []
    print("problem                method           seconds  slower  residual  difference")
    for problem, methods in cases.items():
        calls = [lambda solve=solve: solve(x, y, at) for solve in methods.values()]
        runs = side_by_side(*calls, repeats=REPEATS)
        reference, base = runs[0][0][0], min(runs[0][1])
        for name, ((values, fit), seconds) in zip(methods, runs, strict=True):
            residual = fit if np.isscalar(fit) else np.linalg.norm(fit - y) / np.linalg.norm(y)
            row = {
                "problem": problem,
                "method": name,
                "seconds": min(seconds),
                "slower": min(seconds) / base,
                "residual": float(residual),
                "difference": float(np.abs(values - reference).max() / np.abs(reference).max()),
            }
            rows.append(row)
            print(
                f"{problem:22s} {name:16s} {row['seconds']:<8.2f} {row['slower']:<7.2f} "
                f"{row['residual']:<9.0e} {row['difference']:.0e}",
                flush=True,
            )
    write("interpolate_dense", here, {"n": N, "ridge": RIDGE, "repeats": REPEATS}, rows)


if __name__ == "__main__":
    main()

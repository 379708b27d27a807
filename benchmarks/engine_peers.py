"""What would people use otherwise, and how long would they wait?

The flow of the full ReLU law (sigma_a = sigma_w = 1, sigma_b = 10) from 4,096 samples, x uniform
on [-1, 1], y a sine, a jump and noise: outputs at the samples at 100 log-spaced times up to
t lambda_max = 1e6 and 1e8. Every peer is handed the kernel matrix, whose making is not counted:

- neural-tangents' `predict.gradient_descent_mse`, in float64;
- one `scipy.linalg.eigh` of the matrix, and the outputs from it: the dense solution, which the
  errors of the others refer to, the largest over the times, root mean square, relative to y;
- `solve_ivp` with BDF and Radau and the Jacobian, their tolerances chosen for an error near 1e-8,
  run on the first 1,024 samples; for 4,096 their counts are multiplied with the measured cost of
  one LU decomposition, one solve and one product of that size (the model is checked at 1,024);
- `expm_multiply` to t lambda_max = 10 and 100; its products grow with t, extrapolated to 1e6.

The library, neural-tangents and eigh take turns, best of 3; the first call, in which
neural-tangents compiles, is printed apart. At n = 1e5 and 1e6 there is no peer: the memory for the
matrix alone is printed. The library solves in sample space, with the exact kernel, and on the
lattice of its own choice; how far the two are apart is taken at 1,000 samples and the last time.

Prints a table and writes results/engine_peers.json next to this file.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import scipy.linalg
from _record import machine, side_by_side, timed, write
from scipy.integrate import solve_ivp
from scipy.sparse.linalg import LinearOperator, expm_multiply

import lfp
from nets._neural_tangents import load

jax.config.update("jax_enable_x64", True)
_LinearOperator: Any = LinearOperator  # its type hints know the base class only

LAW = lfp.TwoLayer("relu", sigma_a=1.0, sigma_w=1.0, sigma_b=10.0)
SAMPLES, FEWER, TIMES, LASTS = 4096, 1024, 100, (1e6, 1e8)
TOLERANCES = {"BDF": 1e-9, "Radau": 5e-8}
SHORT = (10.0, 100.0)  # t lambda_max of expm_multiply
LARGE, NEAR = (100_000, 1_000_000), 1_000


def problem(n: int) -> tuple[np.ndarray, np.ndarray, float]:
    """x, y and the largest eigenvalue of K/n (of the first 10,000 samples)."""
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, n)
    y = np.sin(3 * x) + 0.5 * np.sign(x - 0.3) + 0.1 * random.normal(size=n)
    return x, y, 1 / float(lfp.times(LAW, x[:10_000])[0])


def error(outputs: np.ndarray, reference: np.ndarray, y: np.ndarray) -> float:
    """Largest over the times, root mean square over the samples, relative to the data."""
    each = np.linalg.norm(np.atleast_2d(outputs - reference), axis=1)
    return float(each.max() / np.linalg.norm(y))


def dense(rate: np.ndarray, y: np.ndarray, ts: np.ndarray) -> np.ndarray:
    """`y - exp(-t K/n) y` from the eigenvectors of K/n."""
    values, vectors = scipy.linalg.eigh(rate)
    return -np.expm1(-values * ts[:, None]) * (vectors.T @ y) @ vectors.T


def neural_tangents(kernel: np.ndarray, y: np.ndarray, ts: np.ndarray) -> Callable[[], np.ndarray]:
    """A call of `gradient_descent_mse`; it divides the kernel by y.size, as this library does."""
    package = load()

    def outputs() -> np.ndarray:
        predict = package.predict.gradient_descent_mse(kernel, y[:, None])
        return np.asarray(predict(ts, np.zeros((len(y), 1))))[..., 0]

    return outputs


def direct(n: int, last: float) -> list[dict[str, Any]]:
    """The library, eigh and neural-tangents."""
    x, y, radius = problem(n)
    ts, kernel = np.geomspace(1, last, TIMES) / radius, LAW.kernel(x, x)
    rate = kernel / n
    calls: dict[str, Callable[[], np.ndarray]] = {
        "lfp, Krylov": lambda: (
            lfp.solve(LAW, x, y, ts, space="samples", solver="krylov", rtol=1e-8).fitted
        ),
        "scipy eigh": lambda: dense(rate, y, ts),
    }
    try:
        calls["neural-tangents"] = neural_tangents(kernel, y, ts)
    except ImportError as problem_of_import:
        print(f"left out: {problem_of_import}")
    measured = side_by_side(*calls.values())
    steps = lfp.solve(LAW, x, y, ts, space="samples", solver="krylov").status.iterations
    reference, ours = measured[1][0], min(measured[0][1])
    return [
        {
            "method": method,
            "n": n,
            "t lambda_max": last,
            "seconds": min(seconds),
            "first_call_seconds": seconds[0],
            "error": error(outputs, reference, y),
            "slower": min(seconds) / ours,
        }
        | ({"steps": steps} if method.startswith("lfp") else {})
        for method, (outputs, seconds) in zip(calls, measured, strict=True)
    ]


def unit_costs(n: int) -> dict[str, float]:
    """Seconds of LU decompositions, solves and a product with a dense matrix."""
    matrix = np.random.default_rng(0).normal(size=(n, n)) + n * np.eye(n)
    vector = np.ones(n)
    costs = {}
    for name, one in (("real", matrix), ("complex", matrix + 0j)):
        factors, costs[f"{name}_lu"] = timed(lambda one=one: scipy.linalg.lu_factor(one))
        call = lambda factors=factors: scipy.linalg.lu_solve(factors, vector)  # noqa: E731
        costs[f"{name}_solve"] = min(side_by_side(call)[0][1])
    costs["product"] = min(side_by_side(lambda: matrix @ vector)[0][1])
    return costs


def model(method: str, evaluations: int, decompositions: int, costs: dict[str, float]) -> float:
    """Seconds of an implicit integrator from its counts.

    A Newton iteration of BDF costs a product and a real solve, one of Radau three products, a real
    and a complex solve; Radau decomposes a real and a complex matrix each time.
    """
    if method == "BDF":
        each = costs["product"] + costs["real_solve"]
        return decompositions * costs["real_lu"] + evaluations * each
    pair = costs["real_lu"] + costs["complex_lu"]
    solves = (costs["real_solve"] + costs["complex_solve"]) / 3
    return decompositions / 2 * pair + evaluations * (costs["product"] + solves)


def integrators(n: int, fewer: int, last: float, ours: float) -> list[dict[str, Any]]:
    """BDF and Radau, run on few samples and extrapolated."""
    x, y, radius = problem(n)
    x, y = x[:fewer], y[:fewer]
    ts, rate = np.geomspace(1, last, TIMES) / radius, LAW.kernel(x, x) / fewer
    reference, small, large = dense(rate, y, ts), unit_costs(fewer), unit_costs(n)
    rows = []
    for method, rtol in TOLERANCES.items():
        run, seconds = timed(
            lambda method=method, rtol=rtol: solve_ivp(
                lambda t, h: rate @ (y - h),
                (0, ts[-1]),
                np.zeros(fewer),
                method=method,
                t_eval=ts,
                jac=-rate,
                rtol=rtol,
                atol=rtol,
            )
        )
        extrapolated = model(method, run.nfev, run.nlu, large)
        rows.append(
            {
                "method": f"scipy {method} (extrapolated)",
                "n": n,
                "t lambda_max": last,
                "seconds": extrapolated,
                "error": error(run.y.T, reference, y),
                "slower": extrapolated / ours,
                "rtol": rtol,
                "evaluations": run.nfev,
                "decompositions": run.nlu,
                "run_at_n": fewer,
                "run_seconds": seconds,
                "model_seconds": model(method, run.nfev, run.nlu, small),
            }
        )
    return rows


def exponential(n: int, last: float, ours: float) -> list[dict[str, Any]]:
    """`expm_multiply` to early times, and what it would take to `last`."""
    x, y, radius = problem(n)
    rate = LAW.kernel(x, x) / n
    references = dense(rate, y, np.array(SHORT) / radius)
    rows = []
    for short, reference in zip(SHORT, references, strict=True):
        t, count = short / radius, 0
        matrix = -t * rate

        def product(v: np.ndarray, matrix: np.ndarray = matrix) -> np.ndarray:
            nonlocal count
            count += v.size // n
            return matrix @ v

        operator: Any = _LinearOperator((n, n), product, product, product, float, product)
        decayed, seconds = timed(
            lambda operator=operator, matrix=matrix: expm_multiply(
                operator, y, traceA=np.trace(matrix)
            )
        )
        share = last / short
        rows.append(
            {
                "method": f"scipy expm_multiply (extrapolated from {short:g})",
                "n": n,
                "t lambda_max": last,
                "seconds": seconds * share,
                "error": error(y - decayed, reference, y),
                "slower": seconds * share / ours,
                "products": count * share,
                "run_seconds": seconds,
                "run_products": count,
            }
        )
    return rows


def large(n: int, last: float) -> dict[str, Any]:
    """The library where the matrix does not fit."""
    x, y, radius = problem(n)
    ts = np.geomspace(1, last, TIMES) / radius
    exact, seconds = timed(lambda: lfp.solve(LAW, x, y, ts, space="samples", solver="krylov"))
    lattice, on_lattice = timed(lambda: lfp.solve(LAW, x, y, ts))
    one, other = (flow(x[:NEAR], ts[-1:])[0] for flow in (exact, lattice))
    return {
        "n": n,
        "t lambda_max": last,
        "seconds": seconds,
        "solver_error_bound": exact.status.error_estimate,
        "lattice_seconds": on_lattice,
        "lattice_cutoff": lattice.status.lattice.cutoff,
        "lattice_difference": error(other, one, y[:NEAR]),
        "matrix_bytes": 8 * n**2,
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }


def report(row: dict[str, Any]) -> None:
    """One line."""
    line = (
        f"n {row['n']:,}  t lambda_max {row['t lambda_max']:.0e}  {row['method']:<42}"
        f"{row['seconds']:12.3f} s  {row['slower']:10.0f} x  error {row['error']:.1e}"
    )
    if "first_call_seconds" in row:
        line += f"  first call {row['first_call_seconds']:.3f} s"
    if "model_seconds" in row:
        line += (
            f"  {row['decompositions']} LU, {row['evaluations']} evaluations; at n "
            f"{row['run_at_n']:,} {row['run_seconds']:.1f} s, model {row['model_seconds']:.1f} s"
        )
    if "run_products" in row:
        line += f"  run: {row['run_products']} products, {row['run_seconds']:.2f} s"
    print(line, flush=True)


def main(n: int, fewer: int, largest: tuple[int, ...]) -> None:
    """Measure, print, write."""
    start = machine("numpy", "scipy", "jax")
    rows = []

    def add(part: list[dict[str, Any]]) -> None:
        for row in part:
            report(row)
        rows.extend(part)

    for last in LASTS:
        add(direct(n, last))
    ours = rows[0]["seconds"]
    add(integrators(n, fewer, LASTS[0], ours))
    add(exponential(n, LASTS[0], ours))
    beyond = [large(count, last) for last in LASTS for count in largest]
    for row in beyond:
        print(
            f"n {row['n']:,}  t lambda_max {row['t lambda_max']:.0e}  exact kernel "
            f"{row['seconds']:.2f} s  lattice N = {row['lattice_cutoff']} "
            f"{row['lattice_seconds']:.2f} s, apart {row['lattice_difference']:.0e}; peers: "
            f"{row['matrix_bytes'] / 1e9:,.0f} GB for the matrix alone, this machine has "
            f"{row['memory_bytes'] / 1e9:.0f} GB",
            flush=True,
        )
    write(
        "engine_peers", start, {"law": repr(LAW), "times": TIMES}, {"direct": rows, "large": beyond}
    )


if __name__ == "__main__":
    if sys.argv[1:]:
        main(int(sys.argv[1]), int(sys.argv[2]), (int(sys.argv[3]),))
    else:
        main(SAMPLES, FEWER, LARGE)

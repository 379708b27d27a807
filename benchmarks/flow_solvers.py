"""Which integrator is the fastest at equal error, for which network and number of samples?

Antisymmetric networks follow their gradient flow to t lambda_max = 1e4 (long enough for stiffness,
short enough for explicit methods) by our two integrators and by diffrax's Tsit5 and Kvaerno5, all
in the same loop with the same error control, in outputs. Each method runs at several tolerances;
"seconds" is the shortest time among those whose error is at most the target (1e-3 for tanh, 1e-2
for ReLU), relative, of the outputs at the last time, against a tighter run. Every run has 20
seconds, after its compiled programs are ready; ">" marks those that took longer. Kvaerno5 solves
its stages with the dense Jacobian of all parameters, as diffrax does by default, and is left out
where parameters times samples are more than 40,000. Larger sizes are left out for the time they
take.

Prints a table and writes results/flow_solvers.json next to this file. `quick` as the only argument
leaves out all but the smallest sizes.
"""

import signal
import sys
import time
from typing import Any

import diffrax
import jax
import numpy as np
from _record import machine, write

import nets

jax.config.update("jax_enable_x64", True)

LAST, LIMIT = 1e4, 20
TARGET = {"tanh": 1e-3, "relu": 1e-2}
# methods in the order they are tried, loosest tolerance first
RTOLS = {
    "exponential": (3e-2, 1e-2, 1e-3),
    "chebyshev": (3e-2, 1e-2, 1e-3, 1e-4),
    "Tsit5": (1e-1, 1e-2, 1e-3, 1e-4),
    "Kvaerno5": (1e-1, 1e-2, 1e-3, 1e-4),
}
MOST_ENTRIES = 40_000  # parameters times samples, for Kvaerno5's dense Jacobian
# activation, depth (layers of weights), width, samples
SIZES = [
    *[("tanh", 2, width, n) for width, n in ((100, 40), (100, 300), (1000, 40), (1000, 300))],
    *[("relu", 2, width, n) for width, n in ((100, 40), (1000, 40), (1000, 300))],
    *[("tanh", 4, 100, n) for n in (40, 300)],
    ("tanh", 2, 100, 1500),
    ("tanh", 2, 10_000, 40),
    ("tanh", 2, 1000, 1500),
]


class OutOfTime(Exception):
    """A run took longer than LIMIT."""


def stop(number: int, frame: Any) -> None:
    """The alarm's handler."""
    raise OutOfTime


def network(depth: int, width: int, activation: str) -> Any:
    """Antisymmetric, NTK scaling."""
    key = jax.random.key(0)
    if depth == 2:
        net = nets.two_layer(key, width=width, activation=activation, sigma_w=1.0, sigma_b=4.0)
    else:
        widths = (1, *(width,) * (depth - 1), 1)
        net = nets.mlp(
            key, widths=widths, activation=activation, scaling="ntk", weight_std=1.5, bias_std=1.0
        )
    return nets.antisymmetric(net)


def parameters(net: Any) -> int:
    """How many."""
    return sum(leaf.size for leaf in jax.tree.leaves(net) if hasattr(leaf, "size"))


def solver_of(name: str) -> Any:
    """What `solver` takes."""
    return getattr(diffrax, name)() if hasattr(diffrax, name) else name


def within_limit(call: Any) -> tuple[Any, float]:
    """Result and seconds; None and LIMIT when it takes longer."""
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT)
    start = time.perf_counter()
    try:
        result = call()
    except OutOfTime:
        return None, float(LIMIT)
    finally:
        signal.alarm(0)
    return result, time.perf_counter() - start


def measure(depth: int, width: int, samples: int, activation: str) -> list[dict[str, Any]]:
    """A row for each method."""
    net = network(depth, width, activation)
    x = np.linspace(-1, 1, samples)
    y = np.sin(3 * x) + 0.3 * np.cos(9 * x)
    probe = x[:: max(1, samples // 40)]
    kernel = np.asarray(nets.tangent_kernel(net, probe, probe)) / len(probe)
    last = LAST / float(np.linalg.eigvalsh(kernel)[-1])

    def flow(name: str, rtol: float, end: float = last) -> Any:
        # a run that its solver gave up has outputs, and an error, of NaN
        return nets.gradient_flow(net, x, y, [end], rtol=rtol, solver=solver_of(name), throw=False)

    methods = {
        name: within_limit(lambda name=name: flow(name, 0.3, 1e-6 * last))[1]
        for name in RTOLS
        if name != "Kvaerno5" or parameters(net) * samples <= MOST_ENTRIES
    }
    best = "exponential" if samples < 1000 else "chebyshev"
    reference, _ = within_limit(lambda: flow(best, 1e-5 if activation == "tanh" else 1e-3))
    if reference is None:
        best = "chebyshev" if best == "exponential" else "exponential"
        reference, _ = within_limit(lambda: flow(best, 1e-4 if activation == "tanh" else 2e-3))
    common = {"activation": activation, "depth": depth, "width": width, "samples": samples}
    rows = []
    for name, first in methods.items():
        row: dict[str, Any] = {**common, "method": name, "reference": best}
        for rtol in RTOLS[name]:
            run, seconds = within_limit(lambda name=name, rtol=rtol: flow(name, rtol))
            row |= {"rtol": rtol, "seconds": seconds, "first_call_seconds": first}
            row |= {"error": float("nan"), "in_time": run is not None}
            if run is None:
                break
            if reference is not None:
                difference = run.fitted - reference.fitted
                row["error"] = float(np.linalg.norm(difference) / np.linalg.norm(reference.fitted))
            row |= {"steps": run.status.steps, "gradients": run.status.gradients}
            row |= {"jacobians": run.status.jacobians}
            if row["error"] <= TARGET[activation]:
                break
        rows.append(row)
        report(row)
    return rows


def report(row: dict[str, Any]) -> None:
    """One line."""
    size = f"{row['activation']} depth {row['depth']} width {row['width']} n {row['samples']}"
    sign = " " if row["in_time"] else ">"
    print(
        f"{size:<36}{row['method']:<12} rtol {row['rtol']:.0e} {sign}{row['seconds']:8.2f} s"
        f"  error {row['error']:.1e}  first call {row['first_call_seconds']:.1f} s",
        flush=True,
    )


def main() -> None:
    """Measure, print, write."""
    quick = sys.argv[1:] == ["quick"]
    start = machine("numpy", "jax", "diffrax")
    rows: list[dict[str, Any]] = []
    settings = {"t lambda_max": LAST, "target": TARGET, "limit": LIMIT, "rtol": RTOLS}
    for activation, depth, width, samples in SIZES[:1] if quick else SIZES:
        rows += measure(depth, width, samples, activation)
        if not quick:  # after each size: what is measured is kept
            write("flow_solvers", start, settings, rows)


if __name__ == "__main__":
    main()

"""How much cheaper than plain gradient descent are the two stiff integrators, at which error?

A network of width 1000 (sigma_w = 1, sigma_b = 4, antisymmetric) on 40 points follows its gradient
flow to t lambda_max = 1e6, 1e7 and 1e8. Gradient descent at its stability limit, learning rate
2/lambda_max, needs t lambda_max / 2 gradients; its time is that of 2,000 measured steps,
extrapolated, measured before each group of rows. Compiling is timed apart, every measurement waits
for its result, best of three where it takes less than ten seconds. Errors are relative, of the
outputs at the samples at the last time, against the exponential midpoint rule at a tighter
tolerance; that reference is checked against the classical Runge-Kutta method with fixed steps over
t lambda_max = 1e3.

"equal gradients" counts a Jacobian as the number of gradients that its measured time is worth.

Prints a table and writes results/gradient_flow.json next to this file.
"""

import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from _record import machine, write

import nets
from nets._problem import pose
from nets.exponential import linearise
from nets.losses import as_objective

jax.config.update("jax_enable_x64", True)

WIDTH, SAMPLES, CHECK = 1000, 40, 1e3
DESCENT_STEPS = 2_000
# (activation, t lambda_max): tolerance of the reference, and of what is measured by solver
ROWS: dict[tuple[str, float], tuple[float, dict[str, tuple[float, ...]]]] = {
    ("tanh", 1e6): (1e-5, {"exponential": (1e-2, 7e-4, 1e-4), "chebyshev": (1e-2, 1e-3, 1e-4)}),
    ("tanh", 1e7): (1e-5, {"exponential": (1e-2, 1e-3), "chebyshev": (1e-2, 1e-3)}),
    ("tanh", 1e8): (1e-5, {"exponential": (1e-2, 1e-3)}),
    ("relu", 1e6): (1e-4, {"exponential": (2.5e-2, 1e-2, 2e-3, 1e-3), "chebyshev": (3e-2, 1e-2)}),
    ("relu", 1e7): (3e-4, {"exponential": (2.5e-2, 1e-2, 3e-3), "chebyshev": (3e-2,)}),
}


def problem(activation: str) -> tuple[Any, np.ndarray, np.ndarray, float]:
    """Network, samples, values, and the largest eigenvalue of K/n."""
    net = nets.antisymmetric(
        nets.two_layer(
            jax.random.key(0), width=WIDTH, activation=activation, sigma_w=1.0, sigma_b=4.0
        )
    )
    x = np.linspace(-1, 1, SAMPLES)
    y = np.sin(3 * x) + 0.3 * np.cos(9 * x)
    kernel = np.asarray(nets.tangent_kernel(net, x, x)) / SAMPLES
    return net, x, y, float(np.linalg.eigvalsh(kernel)[-1])


def slope(net: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """`-grad L` of L = 1/(2n) sum r^2, written without the package."""
    return jax.grad(lambda net: -jnp.mean((net(jnp.asarray(x)) - y) ** 2) / 2)(net)


def add(net: Any, scale: Any, change: Any) -> Any:
    """net + scale * change, on every parameter."""
    return jax.tree.map(lambda one, other: one + scale * other, net, change)


@jax.jit
def descend(net: Any, x: jax.Array, y: jax.Array, rate: jax.Array, steps: jax.Array) -> Any:
    """Gradient descent."""
    return jax.lax.fori_loop(0, steps, lambda _, net: add(net, rate, slope(net, x, y)), net)


@jax.jit
def runge_kutta(net: Any, x: jax.Array, y: jax.Array, step: jax.Array, steps: jax.Array) -> Any:
    """The classical method of order 4 with fixed steps."""

    def advance(_: Any, net: Any) -> Any:
        k1 = slope(net, x, y)
        k2 = slope(add(net, step / 2, k1), x, y)
        k3 = slope(add(net, step / 2, k2), x, y)
        k4 = slope(add(net, step, k3), x, y)
        total = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, k1, k2, k3, k4)
        return add(net, step, total)

    return jax.lax.fori_loop(0, steps, advance, net)


def timed(call: Any, times: int = 1) -> tuple[Any, float]:
    """Result and seconds, waiting for it; the best of so many times while they are short."""
    best, spent = float("inf"), 0.0
    for _ in range(times):
        start = time.perf_counter()
        result = jax.block_until_ready(call())
        best = min(best, time.perf_counter() - start)
        spent += time.perf_counter() - start
        if spent > 10:
            break
    return result, best  # pyright: ignore[reportPossiblyUnboundVariable]


def distance(outputs: Any, reference: Any) -> float:
    """Relative distance of outputs."""
    return float(np.linalg.norm(np.asarray(outputs - reference)) / np.linalg.norm(reference))


def jacobian_in_gradients(net: Any, x: np.ndarray, y: np.ndarray) -> float:
    """Time of a tangent kernel with its eigenvectors over that of a gradient."""
    problem, theta = pose(net, x[:, None], as_objective("mse", x[:, None], y, net(x)), None)
    eigenvectors = eqx.filter_jit(linearise)
    gradient = jax.jit(lambda net: slope(net, x, y))
    jax.block_until_ready((eigenvectors(problem, theta, 0.0), gradient(net)))
    one = timed(lambda: eigenvectors(problem, theta, 0.0), 50)[1]
    return one / timed(lambda: gradient(net), 50)[1]


def measure(activation: str, last: float) -> list[dict[str, Any]]:
    """All rows of one activation and last time."""
    net, x, y, radius = problem(activation)
    ts = np.array([CHECK, last]) / radius
    reference_rtol, tolerances = ROWS[activation, last]

    def flow(rtol: float, solver: str) -> Any:
        return nets.gradient_flow(net, x, y, ts, rtol=rtol, solver=solver)

    reference = flow(reference_rtol, "exponential").fitted
    fixed = runge_kutta(net, x, y, 1 / radius, int(CHECK))(x)
    print(f"{activation}: reference and fixed steps differ by {distance(reference[0], fixed):.1e}")

    descend(net, x, y, 2 / radius, 1)
    trained, seconds = timed(lambda: descend(net, x, y, 2 / radius, DESCENT_STEPS), 3)
    count = round(last / 2)
    descent = seconds / DESCENT_STEPS * count
    worth = jacobian_in_gradients(net, x, y)
    rows: list[dict[str, Any]] = [
        {
            "activation": activation,
            "t lambda_max": last,
            "method": "gradient descent (time extrapolated)",
            "gradients": count,
            "jacobians": 0,
            "jacobian_in_gradients": worth,
            "seconds": descent,
            "finite": bool(np.isfinite(trained(x)).all()),
            "reference_check": distance(reference[0], fixed),
        }
    ]
    for solver, rtols in tolerances.items():
        _, first = timed(lambda solver=solver: flow(0.3, solver).fitted)
        for rtol in rtols:
            run, seconds = timed(lambda rtol=rtol, solver=solver: flow(rtol, solver), 3)
            gradients = run.status.gradients + worth * run.status.jacobians
            rows.append(
                {
                    "activation": activation,
                    "t lambda_max": last,
                    "method": solver,
                    "rtol": rtol,
                    "gradients": run.status.gradients,
                    "jacobians": run.status.jacobians,
                    "equal_gradients": gradients,
                    "seconds": seconds,
                    "first_call_seconds": first,
                    "error": distance(run.fitted[1], reference[1]),
                    "error_early": distance(run.fitted[0], reference[0]),
                    "fewer_gradients": count / gradients,
                    "faster": descent / seconds,
                }
            )
    return rows


def report(rows: list[dict[str, Any]]) -> None:
    """One line a row."""
    for row in rows:
        cost = f"{row['gradients']:>9} gradients {row['jacobians']:>5} Jacobians"
        name = f"{row['activation']} {row['t lambda_max']:.0e} {row['method']}"
        line = f"{name:<50}{cost} {row['seconds']:9.2f} s"
        if "error" in row:
            line += f"  rtol {row['rtol']:.0e}  error {row['error']:.1e}  {row['faster']:.0f} x"
            line += f"  {row['fewer_gradients']:.0f} times fewer gradients"
        print(line, flush=True)


def main() -> None:
    """Measure, print, write."""
    start = machine("numpy", "jax")
    rows: list[dict[str, Any]] = []
    for activation, last in ROWS:
        part = measure(activation, last)
        report(part)
        rows += part
    references = {f"{name} {last:.0e}": ROWS[name, last][0] for name, last in ROWS}
    settings = {"width": WIDTH, "samples": SAMPLES, "rtol of references": references}
    write("gradient_flow", start, settings, rows)


if __name__ == "__main__":
    main()

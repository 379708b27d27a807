"""What does the engine cost, and how far is that from one NUFFT pass and from its FFTs?

Draws results/engine.png from the JSON files of engine_samples.py, engine_modes.py and
engine_peers.py: run those first. Dashed lines are the physical limits, measured in the same runs.
"""

import json
from typing import Any

import matplotlib.pyplot as plt
from _record import RESULTS
from matplotlib.axes import Axes

# Okabe and Ito 2008, told apart with any colour vision; the markers differ as well
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
OF_DIMENSION = {1: (BLUE, "o"), 2: (ORANGE, "s"), 3: (GREEN, "^")}


def rows(name: str) -> Any:
    """The rows of a benchmark."""
    return json.loads((RESULTS / f"{name}.json").read_text())["rows"]


def column(table: list[dict[str, Any]], key: str) -> list[float]:
    """One entry of every row."""
    return [row[key] for row in table]


def exponent(value: float) -> str:
    """1e+06 as 10^6."""
    return f"$10^{{{f'{value:e}'.split('e')[1].lstrip('+0')}}}$"


def samples(axes: Axes, table: list[dict[str, Any]]) -> None:
    """Whole solve in d = 1 against the number of samples."""
    lasts = sorted({row["t lambda_max"] for row in table})
    for last, (colour, marker) in zip(lasts, OF_DIMENSION.values(), strict=False):
        part = [row for row in table if row["t lambda_max"] == last]
        n = column(part, "n")
        label = rf"solve to $t\lambda_{{max}}$ = {exponent(last)}, N = {part[0]['cutoff']}"
        axes.plot(n, column(part, "seconds"), color=colour, marker=marker, label=label)
        limit = column(part, "one_pass_seconds")
        axes.plot(n, limit, "--", color=colour, label=f"one FINUFFT pass, N = {part[0]['cutoff']}")
    axes.set(xlabel="samples n", title="d = 1, whole solve, 100 times")


def modes(axes: Axes, table: list[dict[str, Any]], against: str) -> None:
    """Krylov basis and its FFTs for each dimension."""
    for dim, (colour, marker) in OF_DIMENSION.items():
        part = [row for row in table if row["d"] == dim]
        label = f"d = {dim}" + ("" if against == "modes" else f", {part[0]['modes']:,} modes")
        axes.plot(
            column(part, against),
            column(part, "krylov_seconds"),
            color=colour,
            marker=marker,
            label=label,
        )
        axes.plot(column(part, against), column(part, "fft_seconds"), "--", color=colour)
    axes.plot([], [], "--", color="gray", label="its FFT pairs alone")


def peers(axes: Axes, table: list[dict[str, Any]]) -> None:
    """Seconds of every method for the same outputs."""
    last = table[0]["t lambda_max"]
    part = [row for row in table if row["t lambda_max"] == last]
    names = [row["method"].replace(" (extrapolated", "\n(extrapolated") for row in part]
    part, names = part[:-2] + part[-1:], names[:-2] + names[-1:]  # expm_multiply once
    colours = [BLUE if name.startswith("lfp") else ORANGE for name in names]
    seconds = column(part, "seconds")
    axes.barh(names, seconds, color=colours)
    for i, value in enumerate(seconds):
        text = f"{value:.3f} s" if value < 1 else f"{value:,.0f} s"
        axes.text(value * 1.3, i, text, va="center", fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(min(seconds) / 3, max(seconds) * 30)
    axes.invert_yaxis()
    axes.set_xlabel("seconds")
    n, until = part[0]["n"], rf"$t\lambda_{{max}}$ = {exponent(last)}"
    axes.set_title(f"n = {n:,}, d = 1, 100 times to {until}", fontsize=11)


def main() -> None:
    """Draw."""
    figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    tables = rows("engine_modes")
    samples(axes[0, 0], rows("engine_samples"))
    modes(axes[0, 1], tables["modes"], "modes")
    until = rf"$t\lambda_{{max}}$ = {exponent(tables['modes'][0]['t lambda_max'])}"
    axes[0, 1].set(
        xlabel="modes", title=f"Krylov basis to {until}, n = {tables['modes'][0]['n']:,}"
    )
    modes(axes[1, 0], tables["last"], "t lambda_max")
    axes[1, 0].set(
        xlabel=r"last time, $t\lambda_{max}$", title=f"Krylov basis, n = {tables['last'][0]['n']:,}"
    )
    peers(axes[1, 1], rows("engine_peers")["direct"])
    for one in (axes[0, 0], axes[0, 1], axes[1, 0]):
        one.set(xscale="log", yscale="log", ylabel="seconds")
        one.grid(alpha=0.3)
        one.legend(fontsize=8)
    figure.savefig(RESULTS / "engine.png", dpi=95)
    print(f"wrote {RESULTS / 'engine.png'}")


if __name__ == "__main__":
    main()

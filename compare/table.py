"""Half-learning times peak by peak, from the dataset alone."""

from typing import TYPE_CHECKING

import numpy as np

from compare.summary import groups

if TYPE_CHECKING:
    import xarray

COLUMNS = (
    ("width", 7),
    ("initialization", 16),
    ("alpha", 7),
    ("linearised", 14),
    ("network", 24),
    ("network/LFP", 13),
    ("drift", 9),
    ("distance", 10),
)


NOTES = """
Half-learning times in units of 1/lambda_max, affine part removed; xi in cycles per unit of scaled
x. Linearised and network: mean (± standard deviation) over seeds, network (k/s): k of s reached it.
Drift: relative change of the tangent kernel over the run, affine part removed. Distance: largest
relative distance from the NTK flow that starts from the same output; both "-" if a training failed.
Plain networks first unlearn alpha times their initial output: on the way they may pass relative
error 1/2 by accident, before they learn the peak."""


def rows(dataset: "xarray.Dataset") -> list[dict[str, float | int | str | None]]:
    """One record per peak and row of networks; None where there is no number.

    Times are in units of 1/lambda_max, `period` in the original unit of x, `drift` is
    mean_kernel_drift and `distance` largest_distance_network.
    """
    records = []
    theory = dataset["half_time_theory"]
    for index in np.flatnonzero(dataset["peak"].values):
        for group in groups(dataset):
            there = dataset.sel(group)
            at = there.isel(frequency=index)
            numbers = {
                "xi": at["frequency"],
                "period": at["period"],
                "lfp": theory.sel(source="lfp").isel(frequency=index),
                "ntk": theory.sel(source="ntk").isel(frequency=index),
                "linearized": at["mean_half_time_linearized"],
                "network": at["mean_half_time_network"],
                "network_spread": at["spread_half_time_network"],
                "ratio": at["ratio_network"],
                "drift": at["mean_kernel_drift"],
                "distance": at["largest_distance_network"],
            }
            values = {name: float(value) for name, value in numbers.items()}
            found = {key: value if np.isfinite(value) else None for key, value in values.items()}
            counts = {"learned": int(at["learned_network"]), "seeds": int(at["seeds"])}
            records.append({**found, **group, **counts})
    return records


def text(dataset: "xarray.Dataset") -> str:
    """The table to read, peak by peak, with a line on its units below.

    A time that a source did not reach reads "not by" the last time recorded, followed by how many
    of the networks did reach it.
    """
    last = f"not by {_short(float(dataset['time'][-1])).replace('.00', '')}"
    unit = dataset["period"].attrs.get("units") or "unit of x"
    lines = ["".join(title.rjust(width) for title, width in COLUMNS)]
    peak = None
    for row in rows(dataset):
        if row["xi"] != peak:
            peak = row["xi"]
            theory = [f"{label} {_short(row[label.lower()]) or last}" for label in ("LFP", "NTK")]
            lines.append(f"xi = {peak:.2f}, period {row['period']:.3g} {unit}: {', '.join(theory)}")
        network = _short(row["network"]) or f"{last} ({row['learned']}/{row['seeds']})"
        if row["network"] is not None and row["network_spread"] is not None:
            network += f" ± {_short(row['network_spread'])}"
        cells = (
            str(row["width"]),
            str(row["initialization"]),
            f"{row['lazy_scale']:g}",
            _short(row["linearized"]) or last,
            network,
            "-" if row["ratio"] is None else f"{row['ratio']:.2f}",
            _short(row["drift"]) or "-",
            _short(row["distance"]) or "-",
        )
        pairs = zip(cells, COLUMNS, strict=True)
        lines.append("".join(cell.rjust(width) for cell, (_, width) in pairs))
    return "\n".join(lines) + NOTES


def _short(value: float | int | str | None) -> str:
    """Three digits, 2.52e5; empty for None."""
    if value is None:
        return ""
    digits, exponent = f"{value:.2e}".split("e")
    return f"{digits}e{int(exponent)}"

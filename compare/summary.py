"""Means over seeds, so that every number of the table and the figure stands in the dataset."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray


def add(dataset: "xarray.Dataset") -> "xarray.Dataset":
    """Add the statistics over seeds that the table prints.

    For group = network and linearized, over width, initialization and lazy_scale:
        seeds: networks trained, also those whose training failed on the way.
        learned_{group} (..., frequency): how many of them reached relative error 1/2; a failed one
        counts if it did so before it failed.
        mean_half_time_{group}, spread_half_time_{group} (..., frequency): mean and standard
        deviation (n - 1) over seeds; NaN unless all of them did.
        ratio_{group} (..., frequency): the mean divided by the half-learning time of LFP.
        largest_distance_{group}: largest over time of the mean over seeds of distance_{group};
        NaN if a training failed, because the largest may have been to come.
        mean_kernel_drift, mean_kernel_drift_whole: mean over seeds at the last time; NaN if a
        training failed.

    Returns:
        A new dataset.
    """
    seeds = (dataset["reason"] != "").sum("seed")
    finished = (dataset["reason"] == "completed").sum("seed") == seeds
    predicted = dataset["half_time_theory"].sel(source="lfp", drop=True)
    added = {"seeds": seeds}
    for group in ("network", "linearized"):
        times = dataset[f"half_time_{group}"]
        learned = times.notnull().sum("seed")
        complete = (learned == seeds) & (seeds > 0)
        mean, spread = _moments(times)
        added[f"learned_{group}"] = learned
        added[f"mean_half_time_{group}"] = mean.where(complete)
        added[f"spread_half_time_{group}"] = spread.where(complete)
        added[f"ratio_{group}"] = (mean / predicted).where(complete)
        largest = _moments(dataset[f"distance_{group}"])[0].max("time")
        added[f"largest_distance_{group}"] = largest.where(finished | (group == "linearized"))
    for name in ("kernel_drift", "kernel_drift_whole"):
        added[f"mean_{name}"] = _moments(dataset[name].isel(time=-1))[0].where(finished)
    return dataset.assign(added)


def groups(dataset: "xarray.Dataset") -> list[dict]:
    """The rows of networks that were trained, largest lazy scale first, as coordinates."""
    seeds = dataset["seeds"]
    return [
        {"width": int(width), "initialization": str(initialization), "lazy_scale": float(scale)}
        for scale in reversed(seeds["lazy_scale"].values)
        for initialization in seeds["initialization"].values
        for width in seeds["width"].values
        if seeds.sel(width=width, initialization=initialization, lazy_scale=scale) > 0
    ]


def failures(dataset: "xarray.Dataset") -> list[str]:
    """One line for each network whose training failed: which, when, why, and what may help."""
    lines = []
    for group in groups(dataset):
        at = dataset.sel(group)
        for seed in range(int(at["seeds"])):
            one = at.isel(seed=seed)
            reason = str(one["reason"].values)
            if reason == "completed":
                continue
            known = one["network_fitted"].notnull().all("sample")
            last = float(one["time"].where(known).max())
            since = f"after t lambda_max = {last:.3g}" if np.isfinite(last) else "from the start"
            lines.append(
                f"width {group['width']}, {group['initialization']}, lazy scale "
                f"{group['lazy_scale']:g}, seed {seed} failed {since}: {reason}; its outputs from "
                "there on are NaN. Try a larger lazy scale, another rtol or an earlier last time"
            )
    return lines


def _moments(values: "xarray.DataArray") -> tuple["xarray.DataArray", "xarray.DataArray"]:
    """Mean and standard deviation (n - 1) over the seeds that exist; NaN without any, or one."""
    count = values.notnull().sum("seed")
    mean = values.sum("seed") / count.where(count > 0, np.nan)
    squares = ((values - mean) ** 2).sum("seed")
    return mean, (squares / (count - 1).where(count > 1, np.nan)) ** 0.5

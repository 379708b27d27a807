"""Means over seeds, so that every number of the table and the figure stands in the dataset."""

import numpy as np
import xarray


def add(dataset: xarray.Dataset) -> xarray.Dataset:
    """Add the statistics over seeds that the table prints.

    For group = network and linearized, over width, initialization and lazy_scale:
        seeds: networks trained.
        learned_{group} (..., frequency): how many of them reached relative error 1/2.
        mean_half_time_{group}, spread_half_time_{group} (..., frequency): mean and standard
        deviation (n - 1) over seeds; NaN unless all of them did.
        ratio_{group} (..., frequency): the mean divided by the half-learning time of LFP.
        largest_distance_{group}: largest over time of the mean over seeds of distance_{group}.
        mean_kernel_drift, mean_kernel_drift_whole: mean over seeds.

    Returns:
        A new dataset.
    """
    seeds = dataset["kernel_drift"].notnull().sum("seed")
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
        added[f"largest_distance_{group}"] = _moments(dataset[f"distance_{group}"])[0].max("time")
    for name in ("kernel_drift", "kernel_drift_whole"):
        added[f"mean_{name}"] = _moments(dataset[name])[0]
    return dataset.assign(added)


def _moments(values: xarray.DataArray) -> tuple[xarray.DataArray, xarray.DataArray]:
    """Mean and standard deviation (n - 1) over the seeds that exist; NaN without any, or one."""
    count = values.notnull().sum("seed")
    mean = values.sum("seed") / count.where(count > 0, np.nan)
    squares = ((values - mean) ** 2).sum("seed")
    return mean, (squares / (count - 1).where(count > 1, np.nan)) ** 0.5

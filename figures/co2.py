"""CO2 at Mauna Loa: when is each peak of the spectrum learned, predicted and measured.

Source: weekly values of Keeling and Whorf 2004 (public domain), monthly means of 15 years.

Must be seen:
- LFP and NTK predict the same half-learning times, within 5 %;
- lower peaks are learned before higher ones;
- linearised networks come nearer to the NTK flow as their width grows;
- at lazy scale 1 the tangent kernel drifts more than at 30; with --full the trained network is
  then at least twice as far from the NTK flow, and has not half learned the annual cycle by
  t lambda_max = 1e6, where the lazy one has.

    python figures/co2.py [--full]

Full: the shipped study `co2` to t lambda_max = 3e6. Quick: two widths, to 3e4.
"""

from dataclasses import dataclass, replace
from typing import Any

import gallery
import numpy as np
import xarray

from compare import plots
from compare.sections import Networks, Time
from compare.study import Study, run

BULKY = ("fitted", "spectrum", "initial")  # what no panel and no fact reads


@dataclass(frozen=True)
class Setting:
    """Of the shipped study what is replaced; nothing: its table [full]."""

    widths: tuple[int, ...] = ()
    seeds: int = 0
    last: float = 0.0


QUICK = Setting(widths=(128, 512), seeds=2, last=3e4)
FULL = Setting()


def study(setting: Setting) -> Study:
    """The shipped study, or a small version of it."""
    if not setting.widths:
        return Study.from_toml("co2", full=True)
    lazy = Networks(widths=setting.widths, seeds=setting.seeds, lazy_scales=(30.0,))
    drifting = replace(
        lazy, widths=setting.widths[-1:], initializations=("antisymmetric",), lazy_scales=(1.0,)
    )
    shipped = Study.from_toml("co2")
    return replace(
        shipped, name="co2_quick", networks=(lazy, drifting), time=Time(setting.last, points=20)
    )


def compute(setting: Setting, cache: gallery.Cache) -> xarray.Dataset:
    """The study without its outputs and spectra."""
    dataset = cache.part("study", lambda: run(study(setting), progress=True))
    groups = ("theory", "network", "linearized")
    return dataset.drop_vars(
        [f"{group}_{name}" for group in groups for name in BULKY], errors="ignore"
    )


def check(data: xarray.Dataset) -> list[gallery.Fact]:
    """What must be seen."""
    peaks = data.isel(frequency=np.flatnonzero(data["peak"].values))
    times = peaks["half_time_theory"].values
    times = times[:, np.isfinite(times).all(axis=0)]
    paired = data.sel(initialization="antisymmetric")
    distance = paired["largest_distance_linearized"].sel(lazy_scale=30.0).values
    widest = paired.isel(width=-1)
    drift = widest["mean_kernel_drift"]
    facts = [
        gallery.Fact("|NTK/LFP - 1|, times", np.abs(times[1] / times[0] - 1).max(), below=0.05),
        gallery.Fact("least ratio of the times of a peak and the one below",
                     (times[:, 1:] / times[:, :-1]).min(), above=1.0),
        gallery.Fact("largest distance from the NTK flow, linearised, a width over the one below",
                     (distance[1:] / distance[:-1]).max(), below=1.0),
        gallery.Fact("kernel drift, alpha 1 over alpha 30",
                     drift.sel(lazy_scale=1.0) / drift.sel(lazy_scale=30.0), above=1.0),
    ]  # fmt: skip
    if data["time"][-1] < 1e6:
        return facts
    away = widest["largest_distance_network"]
    annual = int(np.abs(data["period"].values - 1).argmin())
    half = widest["mean_half_time_network"].isel(frequency=annual)
    never = float(half.sel(lazy_scale=1.0).fillna(np.inf))
    return [
        *facts,
        gallery.Fact("distance of the trained network, alpha 1 over alpha 30",
                     away.sel(lazy_scale=1.0) / away.sel(lazy_scale=30.0), above=2.0),
        gallery.Fact("half-learning time of the annual cycle, alpha 30, t lambda_max",
                     half.sel(lazy_scale=30.0), below=1e6),
        gallery.Fact("the same at alpha 1 (inf: not by the last time)", never, above=1e6),
    ]  # fmt: skip


def draw(data: xarray.Dataset) -> Any:
    """Data, errors at the peaks, half-learning times."""
    return plots.of_studies([data])


FIGURE = gallery.Figure(__file__, QUICK, FULL, compute, draw, check)

if __name__ == "__main__":
    FIGURE.main()

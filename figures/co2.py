"""CO2 at Mauna Loa: when is each peak of the spectrum learned, predicted and measured.

Must be seen, and is asserted on the computed data:
- LFP and NTK predict the same half-learning times, within 5 %;
- lower peaks are learned before higher ones;
- linearised networks come nearer to the NTK flow as their width grows;
- at lazy scale 1 the tangent kernel drifts more than at 30; with --full the trained network is
  then at least twice as far from the NTK flow, and has not half learned the annual cycle where
  the lazy one has.

    python figures/co2.py [--full]

Quick: two widths, two seeds, t lambda_max up to 1e4 (about a minute). Full: the shipped study
`co2` to t lambda_max = 3e6 (minutes). Results go to results/.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray

from compare import store, table
from compare.sections import Networks, Time
from compare.study import Study, run

FOLDER = Path("results")
WIDTHS = (256, 1024)
SEEDS = 2
LAST = 1e4


def study(*, full: bool) -> Study:
    """The shipped study, or a small version of it."""
    shipped = Study.from_toml("co2", full=full)
    if full:
        return shipped
    blocks = (
        Networks(widths=WIDTHS, seeds=SEEDS, lazy_scales=(30.0,)),
        Networks(
            widths=WIDTHS[-1:], seeds=SEEDS, initializations=("antisymmetric",), lazy_scales=(1.0,)
        ),
    )
    return replace(shipped, name="co2_quick", networks=blocks, time=Time(last=LAST, points=30))


def compute(*, full: bool) -> Path:
    """Run the study, assert what must be seen, write the dataset."""
    import jax

    jax.config.update("jax_enable_x64", True)
    dataset = run(study(full=full), progress=True)
    check(dataset)
    return store.save(dataset, FOLDER)


def check(dataset: xarray.Dataset) -> None:
    """What must be seen."""
    peaks = dataset.isel(frequency=np.flatnonzero(dataset["peak"].values))
    times = peaks["half_time_theory"].values
    reached = np.isfinite(times).all(axis=0)
    assert np.abs(times[1, reached] / times[0, reached] - 1).max() < 0.05
    assert (np.diff(times[:, reached]) > 0).all()
    antisymmetric = dataset.sel(initialization="antisymmetric")
    distance = antisymmetric["largest_distance_linearized"].sel(lazy_scale=30.0).values
    assert (np.diff(distance) < 0).all()
    widest = antisymmetric.isel(width=-1)
    drift = widest["mean_kernel_drift"]
    assert float(drift.sel(lazy_scale=1.0)) > float(drift.sel(lazy_scale=30.0))
    if dataset["time"][-1] >= 1e6:
        distance = widest["largest_distance_network"]
        assert float(distance.sel(lazy_scale=1.0)) > 2 * float(distance.sel(lazy_scale=30.0))
        annual = int(np.abs(dataset["period"].values - 1).argmin())
        half = antisymmetric.isel(width=-1, frequency=annual)["mean_half_time_network"]
        assert np.isfinite(half.sel(lazy_scale=30.0))
        assert not half.sel(lazy_scale=1.0) < 1e6


def draw(data: Path) -> Path:
    """The figure from the file."""
    from compare import plots

    dataset = store.load(data)
    print(table.text(dataset))
    path = data.with_suffix(".png")
    with store.replacing(path) as place:
        plots.save(plots.of_studies([dataset]), place)
    return path


def main() -> None:
    """Compute, draw, and say where."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="the shipped study, minutes")
    data = compute(full=parser.parse_args().full)
    print(f"wrote {data} and {draw(data)}")


if __name__ == "__main__":
    main()

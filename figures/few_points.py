"""Few points in one dimension: limits of LFP, NTK and networks beside splines.

Must be seen, and is asserted on the computed data:
- LFP and NTK have the same limit within 1 %;
- small sigma_a (power xi^-4): the limit is within 2 % of the natural cubic spline;
- large sigma_a (power xi^-2) on [-1, 1]: 1 to 5 % from linear interpolation, because of the
  factor 1 + x x'; on [-0.05, 0.05]: within 3e-4 of it;
- networks at late times are within 15 % of the NTK limit.

    python figures/few_points.py [--full]

Quick: width 4096, one seed. Full: the shipped studies `few_points/...`. Results go to results/.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray

from compare import store
from compare.study import Study, names, run

FOLDER = Path("results")
WIDTH = 4096
SEEDS = 1


def studies(*, full: bool) -> list[Study]:
    """The shipped studies, or small versions of them."""
    shipped = [Study.from_toml(part, full=full) for part in names()["few_points"]]
    if full:
        return shipped
    return [
        replace(
            study,
            name=f"{study.name}_quick",
            networks=tuple(
                replace(block, widths=(WIDTH,), seeds=SEEDS) for block in study.networks
            ),
        )
        for study in shipped
    ]


def compute(*, full: bool) -> list[Path]:
    """Run the studies, assert what must be seen, write the datasets."""
    import jax

    jax.config.update("jax_enable_x64", True)
    datasets = [run(study, progress=True) for study in studies(full=full)]
    for dataset in datasets:
        check(dataset)
    return [store.save(dataset, FOLDER) for dataset in datasets]


def check(dataset: xarray.Dataset) -> None:
    """What must be seen."""
    limit = dataset["limit_probe"]
    lfp, ntk = limit.sel(source="lfp").values, limit.sel(source="ntk").values
    assert _distance(lfp, ntk) < 0.01
    linear, cubic = (
        _distance(lfp, dataset["spline_probe"].sel(spline=spline).values)
        for spline in ("linear", "cubic")
    )
    name = dataset.attrs["name"]
    if "cubic" in name:
        assert cubic < 0.02 < 0.1 < linear
    elif "small_domain" in name:
        assert linear < 3e-4 < 0.1 < cubic
    else:
        assert 0.01 < linear < 0.05 < 0.1 < cubic
    late = dataset["network_probe"].isel(time=-1).stack(run=("width", "seed", "initialization"))
    for scale in dataset["lazy_scale"].values:
        for outputs in late.sel(lazy_scale=scale).transpose("run", "point").values:
            assert np.isnan(outputs).all() or _distance(outputs, ntk) < 0.15


def _distance(values: np.ndarray, reference: np.ndarray) -> float:
    return float(np.linalg.norm(values - reference) / np.linalg.norm(reference))


def draw(data: list[Path], *, full: bool) -> Path:
    """The figure from the files."""
    from compare import plots

    path = FOLDER / ("few_points.png" if full else "few_points_quick.png")
    with store.replacing(path) as place:
        plots.save(plots.of_studies([store.load(item) for item in data]), place)
    return path


def main() -> None:
    """Compute, draw, and say where."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="the shipped studies, minutes")
    full = parser.parse_args().full
    data = compute(full=full)
    print(f"wrote {', '.join(str(item) for item in data)} and {draw(data, full=full)}")


if __name__ == "__main__":
    main()

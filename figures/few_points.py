"""Few points in one dimension: limits of LFP, NTK and networks beside splines.

Must be seen:
- LFP and NTK have the same limit within 1 %;
- small sigma_a (power xi^-4): the limit is within 2 % of the natural cubic spline;
- large sigma_a (power xi^-2) on [-1, 1]: 1 to 5 % from linear interpolation, because of the
  factor 1 + x x'; on [-0.05, 0.05]: within 3e-4 of it;
- networks at late times are within 15 % of the NTK limit.

    python figures/few_points.py [--full]

Full: the shipped studies `few_points/...`. Quick: width 4096, one seed.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

import gallery
import numpy as np
import xarray

from compare import plots
from compare.study import Study, names, run

PARTS = ("cubic", "linear", "small_domain")
# distance of the limit from the linear and from the cubic spline: above, below
LINEAR = {"cubic": (0.1, np.inf), "linear": (0.01, 0.05), "small_domain": (-np.inf, 3e-4)}
CUBIC = {"cubic": (-np.inf, 0.02), "linear": (0.1, np.inf), "small_domain": (0.1, np.inf)}


@dataclass(frozen=True)
class Setting:
    """Of the shipped studies what is replaced; nothing: their tables [full]."""

    width: int = 0
    seeds: int = 0


QUICK = Setting(width=4096, seeds=1)
FULL = Setting()


def study(name: str, setting: Setting) -> Study:
    """One shipped study, or a small version of it."""
    shipped = Study.from_toml(f"few_points/{name}", full=not setting.width)
    if not setting.width:
        return shipped
    blocks = tuple(
        replace(block, widths=(setting.width,), seeds=setting.seeds) for block in shipped.networks
    )
    return replace(shipped, networks=blocks)


def compute(setting: Setting, cache: gallery.Cache) -> xarray.Dataset:
    """The three studies, one after the other along `part`."""
    assert set(names()["few_points"]) == {f"few_points/{name}" for name in PARTS}
    parts = [
        cache.part(name, lambda name=name: run(study(name, setting), progress=True))
        for name in PARTS
    ]
    attrs = json.dumps([dataset.attrs for dataset in parts])
    kept = [reduced(dataset) for dataset in parts]
    missing = {name: np.nan for name in kept[0].data_vars} | {"seeds": 0}
    # not every study has every initialization, width and lazy scale
    return xarray.concat(kept, "part", join="outer", fill_value=missing).assign_attrs(parts=attrs)


def reduced(dataset: xarray.Dataset) -> xarray.Dataset:
    """The last time, at the probe points, whose positions differ from study to study."""
    probed = [name for name in dataset.data_vars if str(name).endswith("_probe")]
    kept = dataset[[*probed, "x", "y", "seeds", "mean_kernel_drift"]].isel(time=[-1])
    return kept.assign(position=("point", kept["point"].values)).drop_vars(["point", "time"])


def studies(data: xarray.Dataset) -> dict[str, xarray.Dataset]:
    """The three studies again, by name."""
    parts = enumerate(zip(PARTS, json.loads(data.attrs["parts"]), strict=True))
    return {
        name: data.isel(part=i)
        .assign_coords(point=("point", data["position"].values[i]))
        .assign_attrs(attrs)
        for i, (name, attrs) in parts
    }


def check(data: xarray.Dataset) -> list[gallery.Fact]:
    """What must be seen."""
    facts = []
    for name, one in studies(data).items():
        lfp, ntk = (one["limit_probe"].sel(source=source).values for source in ("lfp", "ntk"))
        spline = {
            kind: distance(lfp, one["spline_probe"].sel(spline=kind).values)
            for kind in ("linear", "cubic")
        }
        late = one["network_probe"].isel(time=-1).transpose(..., "point").values
        rows = late.reshape(-1, late.shape[-1])
        furthest = max(distance(row, ntk) for row in rows if np.isfinite(row).all())
        facts += [
            gallery.Fact(f"{name}: NTK limit from LFP's", distance(lfp, ntk), below=0.01),
            gallery.Fact(f"{name}: limit from linear spline", spline["linear"], *LINEAR[name]),
            gallery.Fact(f"{name}: limit from cubic spline", spline["cubic"], *CUBIC[name]),
            gallery.Fact(f"{name}: furthest network from NTK limit", furthest, below=0.15),
        ]
    return facts


def distance(values: np.ndarray, reference: np.ndarray) -> float:
    """Relative, over the probe points."""
    return float(np.linalg.norm(values - reference) / np.linalg.norm(reference))


def draw(data: xarray.Dataset) -> Any:
    """The functions, and their differences from the NTK limit."""
    return plots.of_studies(list(studies(data).values()))


FIGURE = gallery.Figure(__file__, QUICK, FULL, compute, draw, check)

if __name__ == "__main__":
    FIGURE.main()

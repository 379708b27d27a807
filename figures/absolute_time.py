"""When is each frequency learned: the LFP prediction and networks on one time axis.

Source: none; nobody has shown it. No constant is fitted: the time axis is that of gradient flow on
(1/2n) sum (h - y)^2, in units of 1/lambda_max of the infinite-width tangent kernel.

Setting: 24 sines of equal amplitude at the frequencies k/P, k = 1 to 24, of a uniform grid of 64
samples on [-1, 1]; relu, sigma_a, sigma_w, sigma_b = 0.5, 1, 5; antisymmetric networks at lazy
scale alpha = 1e4, several widths and seeds. Half-learning times after removal of the affine part.
Beside it shorter runs at alpha from 1 to 1e4, for the drift of the kernel; its jumps are kinks of
relu that pass a sample.

Must be seen:
- at the largest width, over at least 20 frequencies and 3 decades: slope of the networks' log times
  against LFP's 1 within 0.03, median ratio 1 within 10 % (full setting; quick: 0.1 and 30 %);
- the width's part of what lies between LFP and network falls with the width as its power -1/2,
  within 0.25; the drift's part and the drift of the kernel fall with alpha, and with the width;
- no training failed.

    python figures/absolute_time.py [--full]
"""

from dataclasses import dataclass
from typing import Any

import gallery
import numpy as np
import xarray

from compare import budget, spectra, style, targets
from compare.agreement import Agreement, agreement
from compare.sections import Data, Initialization, Networks, Time
from compare.study import Study, run


@dataclass(frozen=True)
class Setting:
    """Plain values.

    Attributes:
        widths, seeds, lazy_scale, last: of the half-learning times, last in 1/lambda_max.
        drift_widths, drift_seeds, lazy_scales, drift_last: of the drift beside them.
        slope_within, ratio_within: what is asked of the largest width.
    """

    widths: tuple[int, ...]
    seeds: tuple[int, ...]
    drift_widths: tuple[int, ...]
    drift_seeds: int
    slope_within: float
    ratio_within: float
    lazy_scale: float = 1e4
    last: float = 1e7
    lazy_scales: tuple[float, ...] = (1.0, 10.0, 100.0, 1e4)
    drift_last: float = 1e4
    samples: int = 64
    frequencies: int = 24
    sigma_a: float = 0.5
    sigma_b: float = 5.0
    points: int = 60
    rtol: float = 1e-2


QUICK = Setting(
    (1024, 4096), (2, 2), (128, 512), 1, 0.1, 0.3,
    lazy_scales=(1.0, 1e4), drift_last=1e3, points=30,
)  # fmt: skip
FULL = Setting((1024, 4096, 16384), (8, 8, 8), (512, 2048), 2, 0.03, 0.1)


def study(setting: Setting, networks: Networks, last: float) -> Study:
    """The target above with some networks."""
    x = np.linspace(-1, 1, setting.samples)
    xi = spectra.frequencies(x)[: setting.frequencies]
    y = targets.sines(x, xi, phases=targets.quadratic_phases(len(xi)))
    return Study(
        name="absolute_time",
        data=Data(points=tuple(zip(x.tolist(), y.tolist(), strict=True))),
        initialization=Initialization(sigma_a=setting.sigma_a, sigma_b=setting.sigma_b),
        networks=(networks,),
        time=Time(last=last, points=setting.points),
    )


def compute(setting: Setting, cache: gallery.Cache) -> xarray.Dataset:
    """The studies, one width at a time, reduced to times, drifts and the budget."""

    def part(width: int, seeds: int, scales: tuple[float, ...], last: float) -> xarray.Dataset:
        networks = Networks((width,), seeds, ("antisymmetric",), scales, setting.rtol)
        name = f"width-{width}-to-{last:g}"
        dataset = cache.part(name, lambda: run(study(setting, networks, last), progress=True))
        return reduced(dataset, setting.frequencies)

    lazy = [
        part(width, seeds, (setting.lazy_scale,), setting.last)
        for width, seeds in zip(setting.widths, setting.seeds, strict=True)
    ]
    short = [
        part(width, setting.drift_seeds, setting.lazy_scales, setting.drift_last)
        for width in setting.drift_widths
    ]
    times, drifts = (
        xarray.concat(
            parts, "width", data_vars="minimal", coords="minimal", compat="override", join="outer"
        )
        for parts in (lazy, short)
    )
    drifts = drifts[["kernel_drift", "width_part", "drift_part"]]
    drifts = drifts.rename(
        {name: f"short_{name}" for name in [*drifts.data_vars, "width", "time", "seed"]}
    )
    times = times.isel(lazy_scale=0, drop=True)
    return times.merge(drifts).assign_attrs(
        slope_within=setting.slope_within, ratio_within=setting.ratio_within
    )


def reduced(dataset: xarray.Dataset, frequencies: int) -> xarray.Dataset:
    """What is drawn and checked, at the frequencies of the target."""
    at = dataset.isel(frequency=slice(frequencies)).sel(initialization="antisymmetric", drop=True)
    theory = [at["theory_fitted"].sel(source=source).values for source in ("lfp", "ntk")]
    dims = ("width", "seed", "lazy_scale", "time")
    networks = [
        at[f"{group}_fitted"].transpose(*dims, "sample").values
        for group in ("linearized", "network")
    ]
    parts = budget.of_outputs(*theory, *networks, target=at["y"].values)
    names = ("half_time_theory", "half_time_linearized", "half_time_network", "kernel_drift")
    found = at[list(names)].drop_vars(["peak", "period"])
    return found.assign(
        sigma_b_part=("time", parts.sigma_b),
        width_part=(dims, parts.width),
        drift_part=(dims, parts.drift),
    )


def best(data: xarray.Dataset) -> Agreement:
    """Networks of the largest width against LFP."""
    predicted = data["half_time_theory"].sel(source="lfp").values
    measured = data["half_time_network"].isel(width=-1).transpose("seed", "frequency")
    return agreement(predicted, measured.values)


def check(data: xarray.Dataset) -> list[gallery.Fact]:
    """What must be seen."""
    found = best(data)
    slope, ratio = data.attrs["slope_within"], data.attrs["ratio_within"]
    trained = (data["kernel_drift"], data["short_kernel_drift"])  # NaN from a failure on
    failed = sum(int(drift.isnull().any(drift.dims[-1]).sum()) for drift in trained)
    parts, drifted = (
        data[name].max("time").mean("seed").values for name in ("width_part", "drift_part")
    )
    exponent = np.polyfit(np.log(data["width"].values), np.log(parts), 1)[0]
    short = data.isel(short_width=-1, short_time=-1)
    part, drift = (
        short[f"short_{name}"].mean("short_seed").values for name in ("drift_part", "kernel_drift")
    )
    narrow = data["short_kernel_drift"].isel(short_width=0, short_time=-1, lazy_scale=0)
    return [
        gallery.Fact("trainings that failed", failed, below=0.5),
        gallery.Fact("frequencies learned by all", found.frequencies, above=19.5),
        gallery.Fact("decades of half-learning times", found.decades, above=3.0),
        gallery.Fact("slope of log times", float(found.slope.value), 1 - slope, 1 + slope),
        gallery.Fact("median network/LFP", float(found.ratio.value), 1 - ratio, 1 + ratio),
        gallery.Fact("exponent of the width's part in the width", exponent, -0.75, -0.25),
        gallery.Fact(
            "drift's part, widest over narrowest", float(drifted[-1] / drifted[0]), below=0.5
        ),
        gallery.Fact("drift's part, largest alpha over 1", float(part[-1] / part[0]), below=0.05),
        gallery.Fact("kernel drift, largest alpha over 1", float(drift[-1] / drift[0]), below=0.05),
        gallery.Fact(
            "kernel drift at alpha 1, widest over narrowest",
            float(drift[0] / narrow.mean("short_seed")),
            below=1.0,
        ),
    ]


def draw(data: xarray.Dataset) -> Any:
    """Times against LFP's; the budget over time; the kernel's drift over time."""
    figure = gallery.canvas(13, 4.4)
    axes = figure.subplots(1, 3)
    _scatter(axes[0], data)
    _budget(axes[1], data)
    _drift(axes[2], data)
    gallery.letters(axes)
    return figure


def _scatter(axis: Any, data: xarray.Dataset) -> None:
    predicted = data["half_time_theory"].sel(source="lfp").values
    ends = np.array([predicted.min() / 2, predicted.max() * 2])
    axis.loglog(ends, ends, color=style.COLOURS["lfp"], lw=1, label="LFP, no fitted constant")
    colour = style.COLOURS["antisymmetric"]
    for i, (marker, width) in enumerate(zip(style.MARKERS, data["width"].values, strict=False)):
        logs = np.log(data["half_time_network"].isel(width=i))
        mean, spread = np.exp(logs.mean("seed")), np.exp(logs.std("seed", ddof=1))
        error = [mean - mean / spread, mean * spread - mean]
        fill = colour if i == data.sizes["width"] - 1 else "none"
        axis.errorbar(
            predicted, mean, error, fmt=marker, ms=4, mfc=fill, color=colour, lw=0.6,
            label=f"network, width {width}, ± 1 s.d. over seeds",
        )  # fmt: skip
    found = best(data)
    axis.set_title(f"width {width}: slope {found.slope.value:.3f}, ratio {found.ratio.value:.3f}")
    axis.set_xlabel("half-learning time t λmax, LFP")
    axis.set_ylabel("half-learning time t λmax, networks")
    axis.legend()


def _budget(axis: Any, data: xarray.Dataset) -> None:
    time, dashes = data["time"].values, (":", "--", "-")
    axis.loglog(
        time, data["sigma_b_part"], color=style.COLOURS["ntk"], label="σb finite (LFP to NTK)"
    )
    for name, colour, words in (
        ("width_part", style.COLOURS["linearized"], "width finite (NTK to linearised)"),
        ("drift_part", style.COLOURS["antisymmetric"], "drift (linearised to network)"),
    ):
        for i, dash in zip(range(data.sizes["width"])[::-1], dashes[::-1], strict=False):
            axis.plot(
                time, data[name].isel(width=i).mean("seed"), dash, color=colour,
                label=f"{words}, width {int(data['width'][i])}",
            )  # fmt: skip
    axis.set_ylim(1e-7, 1e2)  # the legend above the curves
    axis.set_title("error budget at α = 10⁴, mean over seeds")
    axis.set_xlabel("t λmax")
    axis.set_ylabel("distance of outputs over |y|")
    axis.legend(fontsize=7, loc="upper left")


def _drift(axis: Any, data: xarray.Dataset) -> None:
    scales = data["lazy_scale"].values
    for shade, scale in zip(gallery.shades(len(scales)), scales, strict=True):
        for i, dash in zip(range(data.sizes["short_width"])[::-1], ("-", "--"), strict=False):
            drift = data["short_kernel_drift"].isel(short_width=i).sel(lazy_scale=scale)
            axis.loglog(
                data["short_time"], drift.mean("short_seed"), dash, color=shade,
                label=f"α = {scale:g}, width {int(data['short_width'][i])}",
            )  # fmt: skip
    axis.set_title("drift of the tangent kernel")
    axis.set_xlabel("t λmax")
    axis.set_ylabel("|K(t) - K(0)| / |K(0)|, affine part removed")
    axis.legend(fontsize=7)


FIGURE = gallery.Figure(__file__, QUICK, FULL, compute, draw, check)

if __name__ == "__main__":
    FIGURE.main()

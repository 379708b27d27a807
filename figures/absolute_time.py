"""When is each frequency learned: the LFP prediction and networks on one time axis.

Source: none; nobody has shown it. No constant is fitted: the time axis is that of gradient flow on
(1/2n) sum (h - y)^2, in units of 1/lambda_max of the infinite-width tangent kernel.

Setting: 23 sines of equal amplitude at frequencies k/P of a uniform grid of n = 128 samples on
[-1, 1], k = 1 to 48; relu, sigma_a, sigma_w, sigma_b = 1, 1, 5; antisymmetric networks trained at
lazy scales alpha. Half-learning times after removal of the affine part.

Must be seen:
- at the largest width and alpha, over at least 20 frequencies and 3 decades: log-log slope of the
  networks' times against LFP's 1 within 0.03, median ratio 1 within 10 %;
- what lies between LFP and network splits into the parts of sigma_b, width and drift: the width's
  part falls with the width, the drift's with alpha, and so does the drift of the kernel.

    python figures/absolute_time.py [--full]
"""

from dataclasses import dataclass

import gallery
import numpy as np
import xarray

from compare import budget, spectra, style, targets
from compare.agreement import Agreement, agreement
from compare.sections import Data, Initialization, Networks, Time
from compare.study import Study, run


@dataclass(frozen=True)
class Setting:
    widths: tuple[int, ...]
    seeds: int
    lazy_scales: tuple[float, ...]
    samples: int = 128
    wavenumbers: tuple[int, ...] = (*range(1, 13), 14, 16, 18, 21, 24, 28, 32, 36, 40, 44, 48)
    sigma_b: float = 5.0
    last: float = 1e7
    points: int = 60
    rtol: float = 1e-2


QUICK = Setting(widths=(512, 2048), seeds=2, lazy_scales=(1.0, 100.0))
FULL = Setting(widths=(1024, 4096, 16384), seeds=8, lazy_scales=(1.0, 10.0, 100.0))


def study(setting: Setting, width: int) -> Study:
    """The study of one width."""
    x = np.linspace(-1, 1, setting.samples)
    xi = spectra.frequencies(x)[np.array(setting.wavenumbers) - 1]
    y = targets.sines(x, xi, phases=targets.schroeder_phases(len(xi)))
    return Study(
        name="absolute_time",
        data=Data(points=tuple(zip(x.tolist(), y.tolist(), strict=True))),
        initialization=Initialization(sigma_b=setting.sigma_b),
        networks=(
            Networks(
                widths=(width,),
                seeds=setting.seeds,
                initializations=("antisymmetric",),
                lazy_scales=setting.lazy_scales,
                rtol=setting.rtol,
            ),
        ),
        time=Time(last=setting.last, points=setting.points),
    )


def compute(setting: Setting, cache: gallery.Cache) -> xarray.Dataset:
    """The study of each width, reduced to times, drifts and the parts of the difference."""
    parts = []
    for width in setting.widths:
        dataset = cache.part(
            f"width-{width}", lambda width=width: run(study(setting, width), progress=True)
        )
        parts.append(reduced(dataset, np.array(setting.wavenumbers)))
    return xarray.concat(parts, "width", data_vars="minimal", coords="minimal", compat="override")


def reduced(dataset: xarray.Dataset, wavenumbers: np.ndarray) -> xarray.Dataset:
    """What is drawn and checked, at the frequencies of the target."""
    at = dataset.isel(frequency=wavenumbers - 1).sel(initialization="antisymmetric", drop=True)
    theory = at["theory_fitted"]
    dims = ("seed", "lazy_scale", "time", "sample")
    chain = [theory.sel(source=source).values for source in ("lfp", "ntk")]
    chain += [
        at[f"{group}_fitted"].isel(width=0).transpose(*dims).values
        for group in ("linearized", "network")
    ]
    parts = budget.of_outputs(*chain, target=at["y"].values)
    along = ("seed", "lazy_scale", "time")
    return xarray.Dataset(
        {
            "half_time_theory": at["half_time_theory"],
            "half_time_linearized": at["half_time_linearized"],
            "half_time_network": at["half_time_network"],
            "kernel_drift": at["kernel_drift"],
            "sigma_b_part": ("time", parts.sigma_b),
            "width_part": (("width", *along), parts.width[None]),
            "drift_part": (("width", *along), parts.drift[None]),
            "total": (("width", *along), parts.total[None]),
        },
    )


def best(data: xarray.Dataset) -> Agreement:
    """Networks of the largest width and lazy scale against LFP."""
    times = data["half_time_network"].isel(width=-1, lazy_scale=-1)
    predicted = data["half_time_theory"].sel(source="lfp")
    return agreement(predicted.values, times.transpose("seed", "frequency").values)


def check(data: xarray.Dataset) -> list[gallery.Fact]:
    """What must be seen."""
    found = best(data)
    drift = data["kernel_drift"].isel(width=-1, time=-1).mean("seed").values
    largest = {part: data[part].max("time").mean("seed") for part in ("width_part", "drift_part")}
    over_width = largest["width_part"].isel(lazy_scale=-1).values
    over_alpha = largest["drift_part"].isel(width=-1).values
    growth = np.log(data["width"].values[-1] / data["width"].values[0])
    return [
        gallery.Fact("frequencies learned", found.frequencies, above=19.5),
        gallery.Fact("decades of half-learning times", found.decades, above=3.0),
        gallery.Fact("slope of log times", float(found.slope.value), above=0.97, below=1.03),
        gallery.Fact("median ratio network/LFP", float(found.ratio.value), above=0.9, below=1.1),
        gallery.Fact(
            "exponent of the width's part in the width",
            float(np.log(over_width[-1] / over_width[0]) / growth),
            above=-0.8,
            below=-0.2,
        ),
        gallery.Fact(
            "drift's part, largest alpha over alpha = 1",
            float(over_alpha[-1] / over_alpha[0]),
            below=0.2,
        ),
        gallery.Fact(
            "kernel drift, largest alpha over alpha = 1", float(drift[-1] / drift[0]), below=0.2
        ),
    ]


def draw(data: xarray.Dataset):
    """Times against LFP's; the budget over time; the kernel's drift over time."""
    figure = gallery.canvas(13, 4.4)
    scatter, parts, drift = figure.subplots(1, 3)
    _scatter(scatter, data)
    _parts(parts, data)
    _drift(drift, data)
    gallery.letters((scatter, parts, drift))
    return figure


def _scatter(axis, data: xarray.Dataset) -> None:
    predicted = data["half_time_theory"].sel(source="lfp").values
    ends = np.array([predicted.min() / 2, predicted.max() * 2])
    axis.loglog(ends, ends, color=style.COLOURS["lfp"], lw=1, label="LFP, no fitted constant")
    for marker, width in zip(style.MARKERS, data["width"].values, strict=False):
        times = data["half_time_network"].sel(width=width, lazy_scale=data["lazy_scale"][-1])
        axis.plot(
            predicted,
            np.exp(np.log(times).mean("seed")),
            marker,
            ms=4.5,
            mfc="none" if width < data["width"].values[-1] else style.COLOURS["antisymmetric"],
            color=style.COLOURS["antisymmetric"],
            label=f"network, width {width}, α = {float(times['lazy_scale']):g}",
        )
    slow = data["half_time_network"].isel(width=-1, lazy_scale=0)
    axis.plot(
        predicted,
        np.exp(np.log(slow).mean("seed")),
        "x",
        color=style.COLOURS["plain"],
        ms=4.5,
        label=f"width {int(slow['width'])}, α = {float(slow['lazy_scale']):g}",
    )
    found = best(data)
    axis.set_title(
        f"slope {float(found.slope.value):.3f}, median ratio {float(found.ratio.value):.3f}"
    )
    axis.set_xlabel("half-learning time t λmax, LFP")
    axis.set_ylabel("half-learning time t λmax, networks")
    axis.legend()


def _shades(data: xarray.Dataset) -> list:
    """One colour a lazy scale."""
    return gallery.shades(data.sizes["lazy_scale"])


def _parts(axis, data: xarray.Dataset) -> None:
    time = data["time"].values
    axis.loglog(time, data["sigma_b_part"], color=style.COLOURS["ntk"], label="σb: LFP to NTK")
    for dash, width in zip(((1, 1), (4, 2), ()), data["width"].values[-3:], strict=False):
        part = data["width_part"].sel(width=width).isel(lazy_scale=-1).mean("seed")
        (line,) = axis.plot(
            time, part, color=style.COLOURS["linearized"], label=f"width {width}: NTK to linearised"
        )
        if dash:
            line.set_dashes(dash)
    for shade, alpha in zip(_shades(data), data["lazy_scale"].values, strict=True):
        part = data["drift_part"].isel(width=-1).sel(lazy_scale=alpha).mean("seed")
        axis.plot(time, part, color=shade, label=f"drift, α = {alpha:g}: linearised to network")
    axis.set_ylim(bottom=1e-5)
    axis.set_title(f"error budget, drift at width {int(data['width'][-1])}")
    axis.set_xlabel("t λmax")
    axis.set_ylabel("distance over |y|, mean over seeds")
    axis.legend(fontsize=7)


def _drift(axis, data: xarray.Dataset) -> None:
    time = data["time"].values
    for shade, alpha in zip(_shades(data), data["lazy_scale"].values, strict=True):
        for dash, width in zip(((1, 1), (4, 2), ()), data["width"].values[-3:], strict=False):
            drift = data["kernel_drift"].sel(width=width, lazy_scale=alpha).mean("seed")
            (line,) = axis.loglog(time, drift, color=shade, label=f"α = {alpha:g}, width {width}")
            if dash:
                line.set_dashes(dash)
    axis.set_title("drift of the tangent kernel")
    axis.set_xlabel("t λmax")
    axis.set_ylabel("|K(t) - K(0)| / |K(0)|, affine part removed")
    axis.legend(fontsize=7)


FIGURE = gallery.Figure(__file__, QUICK, FULL, compute, draw, check)

if __name__ == "__main__":
    FIGURE.main()

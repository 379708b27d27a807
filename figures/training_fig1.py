"""Images with labels along their first principal component: low to high, owed to the labels' mean.

Source: Xu, Zhang, Xiao 2019, Training behavior of deep neural network in frequency domain, fig. 1
and section 2.1.

Setting: images of digits (MNIST) with their digits as real numbers, and 32 x 32 patches in colour
of ten photographs with the number of their photograph, in place of CIFAR10, which no package
brings; y^_k = (1/n) sum_j y_j exp(-2 pi i k s_j), s_j in [0, 1] along the first principal
component. Fully connected tanh 200-100-100, batches of 100, parameters from N(0, 1e-8);
convolutional, two times 32 features of 3 x 3 with 2 x 2 max-pooling, dense 128-64, ReLU, batches
of 128, parameters from N(0, 0.05^2). The paper does not name the optimiser; here it is Adam. A
third data set is ours: the digits' images with y = sum of cos(2 pi k s), k = 1, 3, 5, 7.
Reduction of the full run, for two cores: 5000 images of 10,000; rates 1e-4 and 1e-3 (fully
connected; paper: 1e-6 and 1e-5) and 3e-4 (convolutional; 1e-5 and 1e-4), so that thousands of
steps do; waves 3e-4 and 1e-3; the convolutional network sees means of 2 x 2 pixels; one seed.
Quick: 1000 images, digits and waves only, means of 2 x 2 pixels, smaller networks, larger
parameters and rates.

Selected are k = 0, 1, 2, ... up to the first whose `|y^_k|` is below three times std(y)/sqrt(n),
that of labels without order, at most 8; of the waves their k.

Must be seen, of the steps from which Delta_F stays below a half:
- digits, both networks: from low to high, as in the paper: k = 0, 1, 2 before the others, which
  fall together;
- with the labels' mean taken off, and the outputs' from them, all about together: the order is that
  of the mean's share, y_mean (1/n) sum_j exp(-2 pi i k s_j), large at low k and learned first. What
  is left depends on all pixels, hardly on s;
- patches, both networks: no clear order, where the paper finds one on CIFAR10. All selected
  components are for the most part the mean's, and fall with it, while the loss is still near the
  variance of the labels;
- waves, both networks: from low to high, the first long before the others, as functions of s.

    python figures/training_fig1.py [--full]
"""

from dataclasses import dataclass
from typing import Any

import gallery
import numpy as np
import peak_panels
import xarray

from compare import images, spectra, style

NETWORKS = ("fully connected", "convolutional")
MEASURES = ("as in the paper", "mean taken off")
HALF = 0.5  # Delta_F
LAST = 24  # frequency index
SELECTED = 8
NOISE = 3.0  # times std(y)/sqrt(n)
WAVES = (1, 3, 5, 7)


@dataclass(frozen=True)
class Network:
    """Widths of the dense layers, features of the convolutional ones (0: none), and training."""

    widths: tuple[int, ...]
    std: float
    batch_size: int
    rates: tuple[float, ...]  # one of each data set
    steps: tuple[int, ...]
    features: int = 0
    halved: bool = True  # sees means of 2 x 2 pixels


@dataclass(frozen=True)
class Setting:
    """Plain values: data is what is learned, of "digits", "patches", "waves"."""

    images: int
    data: tuple[str, ...]
    dense: Network
    convolutional: Network
    recordings: int = 80


QUICK = Setting(
    1000,
    ("digits", "waves"),
    Network((64, 32, 32), 0.03, 100, (5e-4, 2e-3), (800, 1200)),
    Network((32, 16), 0.1, 128, (3e-3, 3e-3), (400, 1000), features=8),
)
FULL = Setting(
    5000,
    ("digits", "patches", "waves"),
    Network((200, 100, 100), 1e-4, 100, (1e-4, 1e-3, 3e-4), (12_000, 16_000, 16_000), halved=False),
    Network((128, 64), 0.05, 128, (3e-4, 3e-4, 1e-3), (1500, 1500, 3000), features=32),
)


def samples(name: str, count: int) -> tuple[images.Images, np.ndarray]:
    """Images with what is to be learned as labels, and their positions s."""
    found = images.patches(count) if name == "patches" else images.digits(count)
    positions = spectra.principal_positions(found.points)
    if name == "waves":
        labels = np.cos(2 * np.pi * positions[:, None] * WAVES).sum(axis=1)
        found = images.Images(found.pixels, labels)
    return found, positions


def compute(setting: Setting, cache: gallery.Cache) -> xarray.Dataset:
    """A training of each network on each data set."""
    rows = []
    for place, name in enumerate(setting.data):
        runs = []
        for kind, chosen in zip(NETWORKS, (setting.dense, setting.convolutional), strict=True):
            part = f"{name}-{kind.split()[0]}"
            runs.append(
                cache.part(
                    part,
                    lambda name=name, chosen=chosen, place=place, part=part: training(
                        name, setting, chosen, place, cache.checkpoint(part)
                    ),
                )
            )
        rows.append(xarray.concat(runs, xarray.Variable("network", list(NETWORKS)), "all"))
    return xarray.concat(rows, xarray.Variable("data", list(setting.data)), "all")


def training(
    name: str, setting: Setting, chosen: Network, place: int, checkpoint: Any
) -> xarray.Dataset:
    """Delta_F at k = 0 .. LAST and the loss of one training, by the number of the recording."""
    import jax
    import jax.numpy as jnp
    import optax

    import nets

    data, positions = samples(name, setting.images)
    pixels = halves(data.pixels) if chosen.halved else data.pixels
    options = {"weight_std": chosen.std, "bias_std": chosen.std, "dtype": jnp.float32}
    if chosen.features:
        options |= {"channels": (chosen.features, chosen.features), "dense": chosen.widths}
        net = nets.cnn(jax.random.key(0), image=pixels.shape[1:], **options)
    else:
        widths = (pixels[0].size, *chosen.widths, 1)
        net = nets.mlp(jax.random.key(0), widths=widths, activation="tanh", **options)
    steps = chosen.steps[place]
    count = np.arange(setting.recordings)
    # closer at first, when the mean is learned
    at = np.maximum(count, np.round(steps * (count / count[-1]) ** 2)).astype(int)
    run = nets.train(
        net,
        pixels.reshape(len(pixels), -1),
        data.labels,
        optimizer=optax.adam(chosen.rates[place]),
        steps=steps,
        record_at=at,
        batch_size=chosen.batch_size,
        key=jax.random.key(1),
        checkpoint=checkpoint,
    )
    found = reduced(name, positions, data.labels, np.asarray(run.fitted, dtype=np.float64))
    loss = 2 * np.asarray(run.loss) / data.labels.var()
    return found.assign(
        loss=("recording", loss.astype(np.float32)), step=("recording", at.astype(float))
    )


def halves(pixels: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels of images (n, h, w, channels)."""
    from skimage.transform import downscale_local_mean

    return downscale_local_mean(pixels, (1, 2, 2, 1))


def reduced(
    name: str, positions: np.ndarray, labels: np.ndarray, outputs: np.ndarray
) -> xarray.Dataset:
    """Spectra of labels (n,) and Delta_F of outputs (T, n), with their means and without."""
    index = np.arange(LAST + 1)
    noise = labels.std() / np.sqrt(len(labels))
    amplitudes, errors, selected = [], [], []
    for measure in MEASURES:
        if measure == MEASURES[1]:
            labels = labels - labels.mean()
            outputs = outputs - outputs.mean(axis=1, keepdims=True)
        target = spectra.spectrum(positions, labels, index)
        # without their mean both are zero at k = 0 but for rounding
        target[np.abs(target) < 1e-9 * noise] = 0
        errors.append(spectra.relative_error(target, spectra.spectrum(positions, outputs, index)))
        amplitudes.append(np.abs(target))
        if name == "waves":
            selected.append(np.isin(index, WAVES))
        else:
            above = amplitudes[-1] > NOISE * noise
            leading = np.append(above[0], np.logical_and.accumulate(above[1:]))
            selected.append(leading & (np.cumsum(leading) <= SELECTED))
    return xarray.Dataset(
        {
            "amplitude": (("measure", "frequency"), np.array(amplitudes, dtype=np.float32)),
            "noise": NOISE * noise,
            "peak": (("measure", "frequency"), np.array(selected)),
            "relative_error": (
                ("measure", "recording", "frequency"),
                np.array(errors, dtype=np.float32),
            ),
        },
        {"measure": list(MEASURES), "frequency": ("frequency", index, {"units": "1 / range of s"})},
    )


def one(data: xarray.Dataset, name: str, kind: str, measure: str) -> xarray.Dataset:
    """The selected frequencies of one training, under the names of `peak_panels`."""
    found = data.sel(data=name, network=kind, measure=measure)
    found = found.assign_coords(recording=found["step"].values).drop_vars("step")
    return peak_panels.at_peaks(found.rename(recording="step"))


def check(data: xarray.Dataset) -> list[gallery.Fact]:
    """What must be seen."""
    facts = []
    order, spread = "rank correlation of frequency and step", "last over first step"
    for kind in NETWORKS:
        digits, waves = (one(data, name, kind, MEASURES[0]) for name in ("digits", "waves"))
        centred = one(data, "digits", kind, MEASURES[1])
        facts += [
            gallery.Fact(
                f"digits, {kind}: first step of k > 2 over last of k = 0, 1, 2",
                later_over_earlier(digits),
                above=1,
            ),
            gallery.Fact(f"digits, {kind}: {spread}", over_first(digits, -1), above=3),
            gallery.Fact(
                f"digits, {kind}, mean taken off: {spread}", over_first(centred, -1), below=2
            ),
            gallery.Fact(f"waves, {kind}: {order}", peak_panels.order(waves, HALF), above=0.7),
            gallery.Fact(
                f"waves, {kind}: second over first step", over_first(waves, 1), above=4, below=1e3
            ),
        ]
    if "patches" in data["data"]:
        facts += [
            gallery.Fact(
                f"patches, {kind}, no clear order: {order}",
                peak_panels.order(one(data, "patches", kind, MEASURES[0]), HALF),
                below=0.6,
            )
            for kind in NETWORKS
        ]
    return facts


def over_first(data: xarray.Dataset, place: int) -> float:
    """Of the sorted steps of convergence; infinite where a component has not converged."""
    times = np.sort(np.nan_to_num(peak_panels.converged(data, HALF), nan=np.inf))
    return times[place] / times[0]


def later_over_earlier(data: xarray.Dataset) -> float:
    """First step of convergence of k > 2 over the last of k = 0, 1, 2."""
    times = np.nan_to_num(peak_panels.converged(data, HALF), nan=np.inf)
    return times[3:].min() / times[:3].max()


def draw(data: xarray.Dataset) -> Any:
    """A row for each data set: spectrum, Delta_F of both networks, steps of convergence."""
    names = list(data["data"].values)
    figure = gallery.canvas(16, 3.4 * len(names))
    axes = figure.subplots(len(names), 4, squeeze=False)
    for row, name in zip(axes, names, strict=True):
        draw_spectra(row[0], data.sel(data=name).isel(network=0))
        row[0].set_title(f"{name}: spectrum along s")
        for axis, kind in zip(row[1:3], NETWORKS, strict=True):
            peak_panels.draw_curves(axis, one(data, name, kind, MEASURES[0]), threshold=HALF)
            axis.set_xscale("log")
            axis.set_ylim(top=12)
            axis.set_title(f"{name}, {kind}")
        draw_order(row[3], data, name)
        row[3].set_title(f"{name}: when ΔF < 1/2 (△: later)")
    for axis in axes.flat:
        axis.minorticks_off()
    gallery.letters(axes.flat)
    return figure


def draw_spectra(axis: Any, data: xarray.Dataset) -> None:
    """`|y^|` with and without the mean of the labels, and what is selected."""
    for measure, line in zip(MEASURES, ("-", ":"), strict=True):
        found = data.sel(measure=measure)
        amplitude = found["amplitude"].where(found["amplitude"] > 0)
        axis.semilogy(
            found["frequency"], amplitude, color=style.COLOURS["data"], ls=line, label=measure
        )
        chosen = peak_panels.at_peaks(found)
        fill = "k" if measure == MEASURES[0] else "w"
        axis.plot(chosen["frequency"], chosen["amplitude"], "ko", mfc=fill, ms=4.5)
    axis.axhline(
        float(data["noise"]), color=style.GUIDE, ls="--", lw=0.8,
        label=f"{NOISE:.0f} std(y)/√n",
    )  # fmt: skip
    axis.set_xlabel("frequency index k")
    axis.set_ylabel("amplitude |ŷ|")
    axis.legend(fontsize=7)


def draw_order(axis: Any, data: xarray.Dataset, name: str) -> None:
    """Steps of convergence in units of the training's, both networks and measures."""
    colour = style.COLOURS["plain"]
    for kind, marker in zip(NETWORKS, "os", strict=True):
        for measure in MEASURES[: 1 if name == "waves" else 2]:
            found = one(data, name, kind, measure)
            share = peak_panels.converged(found, HALF) / float(found["step"][-1])
            axis.semilogy(
                found["frequency"], share, marker, color=colour,
                mfc=colour if measure == MEASURES[0] else "w", label=f"{kind}, {measure}",
            )  # fmt: skip
            never = found["frequency"].values[np.isnan(share)]
            axis.plot(never, np.full(len(never), 1.6), "^", color=colour, ms=4, mfc="none")
    axis.set_ylim(5e-4, 40)
    axis.locator_params(axis="x", integer=True)
    axis.set_xlabel("frequency index k")
    axis.set_ylabel("step / steps of the training")
    axis.legend(fontsize=6, ncols=2, loc="upper right", columnspacing=0.5, handletextpad=0)


FIGURE = gallery.Figure(__file__, QUICK, FULL, compute, draw, check)

if __name__ == "__main__":
    FIGURE.main()

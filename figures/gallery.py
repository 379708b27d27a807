"""What the figure scripts share: settings, cached parts, facts that are checked, pictures.

A script defines

    QUICK, FULL             frozen records of plain values: seconds, and the paper's setting
    compute(setting, cache) -> xarray.Dataset, reduced to what is drawn and checked
    draw(data)              -> matplotlib Figure
    check(data)             -> list of Fact, each with its threshold
    FIGURE = gallery.Figure(__file__, QUICK, FULL, compute, draw, check)

and ends with `FIGURE.main()`. Quick results go to results/figures, full ones to figures/data and
figures/pictures, which are committed; raw runs stay in results/cache. Data are those of a setting:
after a change of the code, delete them and the folder of the cache to compute them again.
"""

import argparse
import hashlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import matplotlib
import numpy as np
import xarray
from PIL import Image

from compare import plots, store, style

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results"
PARTS = "cache"
DPI = 110


class Unwritable(ValueError):
    """A folder that no file can be made in: for `main` to tell from the mistakes of a script."""


@dataclass(frozen=True)
class Fact:
    """One number that a figure shows, and where it must lie.

    Attributes:
        what: the number in words, with its unit.
        value: measured.
        above, below: the thresholds, at least one of them; the value must lie strictly between.
    """

    what: str
    value: float
    above: float = -np.inf
    below: float = np.inf

    def __post_init__(self) -> None:
        for name in ("value", "above", "below"):  # from arrays of no dimension
            object.__setattr__(self, name, float(getattr(self, name)))
        if self.above == -np.inf and self.below == np.inf:
            raise ValueError(f"a fact needs a threshold: {self.what}")

    @property
    def holds(self) -> bool:
        """Whether the value is where it must be; a NaN is not, an infinity may be."""
        over = self.above == -np.inf or self.value > self.above
        under = self.below == np.inf or self.value < self.below
        return over and under and not np.isnan(self.value)

    def __str__(self) -> str:
        bounds = [f"> {self.above:.4g}"] * (self.above > -np.inf)
        bounds += [f"< {self.below:.4g}"] * (self.below < np.inf)
        state = "" if self.holds else "  NOT SEEN"
        return f"{self.what}: {self.value:.4g} ({', '.join(bounds)}){state}"


class Cache:
    """Parts of one computation, each in a file of its own, so that a killed run goes on.

    Attributes:
        folder: named by the content of the setting: another setting is another folder.
        spent: seconds that the parts found in it took when they were computed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = _writable(folder)
        self.spent = 0.0

    def part(self, name: str, compute: Callable[[], xarray.Dataset]) -> xarray.Dataset:
        """What `compute` returned the first time that this was asked for."""
        path = self.folder / f"{name}.nc"
        found = _read(path)
        if found is not None:
            self.spent += found.attrs.get("seconds", 0.0)
            return found
        start = time.perf_counter()
        found = compute()
        found.attrs["seconds"] = time.perf_counter() - start
        store.write(found, path)
        return found

    def checkpoint(self, name: str) -> Path:
        """Where a long training keeps its state, for `checkpoint=` of `nets`."""
        return self.folder / f"{name}.checkpoint"


@dataclass(frozen=True)
class Figure:
    """A figure script: its settings and its three functions."""

    file: str
    quick: Any
    full: Any
    compute: Callable[[Any, Cache], xarray.Dataset]
    draw: Callable[[xarray.Dataset], Any]
    check: Callable[[xarray.Dataset], list[Fact]]

    @property
    def name(self) -> str:
        """That of the script."""
        return Path(self.file).stem

    def setting(self, *, full: bool) -> Any:
        """The full or the quick setting."""
        return self.full if full else self.quick

    def data(self, *, full: bool, results: Path | None = None, data: Path | None = None) -> Path:
        """The reduced dataset, from its file where that is of this setting; says which it was.

        Args:
            full: the paper's setting.
            results: folder of the cache and of quick datasets; None: results.
            data: folder of the dataset; None: figures/data for full, results/figures for quick.

        Raises:
            Unwritable: if one of them cannot be written to.
        """
        setting, results = self.setting(full=full), results or RESULTS
        key = _key(self.name, setting)
        folder = _writable(data or (HERE / "data" if full else results / "figures"))
        path = folder / f"{self.name}.nc"
        found = _read(path)
        if found is not None and found.attrs.get("key") == key:
            print(f"read {path}")
            return path
        if found is not None:
            print(f"{path} is of another setting: computing it again", file=sys.stderr)
        start = time.perf_counter()
        cache = Cache(results / PARTS / f"{self.name}-{key[:8]}")
        dataset = self.compute(setting, cache)
        dataset.attrs |= {
            "figure": self.name,
            "key": key,
            "setting": json.dumps(asdict(setting)),
            "seconds": time.perf_counter() - start + cache.spent,
            "version": version("linear-frequency-principle"),
        }
        store.write(dataset, path)
        print(f"wrote {path}")
        return path

    def picture(self, dataset: xarray.Dataset, folder: Path) -> list[Path]:
        """Draw into `folder`, as SVG and PNG; an `Unwritable` if it cannot be written to."""
        paths = [_writable(folder) / f"{self.name}.{suffix}" for suffix in ("svg", "png")]
        with matplotlib.rc_context(style.RC):
            figure = self.draw(dataset)
            for path in paths:
                with store.replacing(path) as place:
                    plots.save(figure, place, dpi=DPI)
                    _shrink(place)
        return paths

    def main(self, arguments: list[str] | None = None) -> None:
        """Compute, draw, check, and say what was read, written and seen."""
        parser = argparse.ArgumentParser(prog=f"figures/{self.name}.py", allow_abbrev=False)
        parser.add_argument("--full", action="store_true", help="the paper's setting: minutes")
        full = parser.parse_args(arguments).full
        import jax  # after the arguments: help and mistakes in them need not wait for it

        jax.config.update("jax_enable_x64", True)
        folder = HERE / "pictures" if full else RESULTS / "figures"
        try:
            dataset = store.load(self.data(full=full))
            pictures = self.picture(dataset, folder)
        except Unwritable as error:
            sys.exit(f"{self.name}: {error}")
        except ImportError as error:
            if error.name is not None:  # Python's own, not one that says what to install
                raise
            sys.exit(f"{self.name}: {error}")
        print(f"wrote {', '.join(map(str, pictures))}")
        facts = self.check(dataset)
        print("\n".join(map(str, facts)))
        missed = [fact for fact in facts if not fact.holds]
        if missed:
            sys.exit(f"{self.name}: {len(missed)} of {len(facts)} facts not seen")


def canvas(width: float, height: float) -> Any:
    """An empty figure, in inches, with room made for its legends."""
    return plots.empty(width, height)


def shades(count: int) -> list[Any]:
    """Colours of an ordered quantity, such as peaks or lazy scales."""
    return list(matplotlib.colormaps[style.SEQUENCE](np.linspace(0, 0.85, count)))


def letters(axes: Iterable[Any]) -> None:
    """(a), (b), ... before the titles of panels, of which there may be 26."""
    panels = list(axes)
    if len(panels) > len(ascii_lowercase):
        raise ValueError(f"axes must be at most {len(ascii_lowercase)}, got {len(panels)}")
    for letter, axis in zip(ascii_lowercase[: len(panels)], panels, strict=True):
        axis.set_title(f"({letter}) {axis.get_title(loc='left')}", loc="left")


def _shrink(path: Path) -> None:
    """Two decimals of a pixel, or 256 colours: no difference to the eye, half of the file."""
    if path.suffix == ".png":
        Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)
        return
    text = path.read_text(encoding="utf-8")
    # in tags only: a number between them is a label, which is read
    text = re.sub(r"<[^>]+>", lambda tag: _round(tag[0]), text)
    path.write_text(text, encoding="utf-8")


def _round(text: str) -> str:
    return re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", text)


def _writable(folder: Path) -> Path:
    try:
        return store.writable(folder)
    except ValueError as error:
        raise Unwritable(str(error)) from error


def _key(name: str, setting: Any) -> str:
    return hashlib.sha256(f"{name} {json.dumps(asdict(setting))}".encode()).hexdigest()


def _read(path: Path) -> xarray.Dataset | None:
    """The dataset of a file, None if there is none that can be read."""
    if not path.exists():
        return None
    try:
        return store.load(path)
    except ValueError as error:
        print(f"computing again: {error}", file=sys.stderr)
        return None

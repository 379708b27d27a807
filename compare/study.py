"""What to compare: a study, in and out of TOML, and the command to run it."""

import os
import tomllib
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from compare.records import decode, encode, settle
from compare.sections import Data, Frequencies, Initialization, Networks, Probe, Row, Time

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class Study:
    """Data, initial distribution, networks and times of one comparison.

    Attributes:
        name: how the results are called: letters, digits, `_` and `-`.
        networks: the blocks of networks; no combination may be in two of them.
    """

    name: str
    data: Data
    networks: tuple[Networks, ...]
    initialization: Initialization = field(default_factory=Initialization)
    time: Time = field(default_factory=Time)
    frequencies: Frequencies = field(default_factory=Frequencies)
    probe: Probe = field(default_factory=Probe)

    def __post_init__(self) -> None:
        settle(self, "")
        if not self.name or not self.name.replace("_", "").replace("-", "").isalnum():
            raise ValueError(f"name must be letters, digits, '_' and '-', got {self.name!r}")
        if not self.networks:
            raise ValueError("networks must have at least one block")
        seen = set()
        for row in self.rows():
            place = (row.width, row.initialization, row.lazy_scale)
            if place in seen:
                raise ValueError(
                    f"networks: width {row.width}, {row.initialization}, lazy scale "
                    f"{row.lazy_scale:g} is in two blocks"
                )
            seen.add(place)

    def rows(self) -> list[Row]:
        """Every combination of width, initialization and lazy scale to train."""
        return [row for block in self.networks for row in block.rows()]

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str], *, full: bool = False) -> "Study":
        """Read a study file, or a shipped study by its name (`compare.study.names()`).

        Args:
            path: file name ending in .toml, or the name of a shipped study.
            full: take the values of the file's table `[full]` in place of the others.

        Raises:
            ValueError: if the file cannot be read, is not TOML, has an unknown or missing key, a
                value out of range, or no table `[full]` where it is asked for.
            TypeError: if a value is of the wrong kind.
        """
        text, folder = _read(path)
        try:
            return cls._parse(text, full=full, folder=folder)
        except (ValueError, TypeError) as error:
            raise type(error)(f"{path}: {error}") from error

    @classmethod
    def parse(cls, text: str | object) -> "Study":
        """Read a study from the text of a study file; the reverse of `to_toml`.

        Raises:
            ValueError, TypeError: as `from_toml`.
        """
        if not isinstance(text, str):
            raise TypeError(f"text must be the text of a study file, a string, got {text!r:.60}")
        return cls._parse(text, full=False, folder=None)

    @classmethod
    def _parse(cls, text: str, *, full: bool, folder: Path | None) -> "Study":
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"not TOML: {error}") from error
        long = table.pop("full", None)
        short_study = cls._from_table(table)
        if long is None and full:
            raise ValueError("has no table [full]")
        # the long setting is read even when it is not asked for: a mistake there is found now
        study = short_study if long is None else cls._from_table(_merge(table, long))
        study = study if full else short_study
        if folder is not None and study.data.file is not None:
            study = replace(study, data=replace(study.data, file=str(folder / study.data.file)))
        return study

    @classmethod
    def _from_table(cls, table: dict[str, Any]) -> "Study":
        if isinstance(table.get("networks"), dict):
            table = {**table, "networks": [table["networks"]]}
        return decode(cls, table, "")

    def to_toml(self) -> str:
        """The study as TOML; the same study always gives the same text."""
        table = encode(Study, self)
        if len(table["networks"]) == 1:
            [table["networks"]] = table["networks"]
        return tomli_w.dumps(table)


def names() -> dict[str, tuple[str, ...]]:
    """Shipped studies by name, each with its parts.

    A name is a file of compare/studies, or a folder there: then its parts are `folder/file`,
    studies of their own that are run and drawn together.
    """
    shipped: dict[str, tuple[str, ...]] = {}
    folder = files("compare").joinpath("studies")
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.is_dir():
            parts = sorted(item.name for item in entry.iterdir() if item.name.endswith(".toml"))
            shipped[entry.name] = tuple(f"{entry.name}/{part[:-5]}" for part in parts)
        elif entry.name.endswith(".toml"):
            shipped[entry.name[:-5]] = (entry.name[:-5],)
    return shipped


def run(study: Study | object, *, progress: bool = False) -> "xarray.Dataset":
    """Compute a study: theory, linearised and trained networks at the same times.

    Variables, with the dimensions they carry:
        x, y (sample): scaled samples; x_original, y_original as they came.
        theory_fitted (source, time, sample), network_fitted and linearized_fitted (width, seed,
        initialization, lazy_scale, time, sample): outputs at the samples, in units of scaled y.
        data_spectrum (frequency) and `theory_`, `network_`, `linearized_spectrum`: complex
        transforms at the samples after `spectra.remove_affine`.
        relative_error_theory, ..._network, ..._linearized (..., time, frequency) and half_time_*
        (..., frequency): `spectra.relative_error` and `lfp.half_times` in units of time.
        distance_network, distance_linearized (..., time): norm of the difference from the NTK flow
        that starts from the same output, relative to the norm of y minus that output.
        kernel_drift (width, seed, initialization, lazy_scale, time): Frobenius norm of the change
        of the tangent kernel until then, relative to its norm at the start, affine part removed
        on both sides; kernel_drift_whole without the removal.
        reason (width, seed, initialization, lazy_scale): "completed", or why the training of this
        network stopped; its outputs from then on and its kernel drift are NaN, half times reached
        before stand. Empty where no network was asked for.
        network_initial (..., sample): outputs at t = 0, multiplied by the lazy scale.
        theory_probe, network_probe, linearized_probe (..., time, point), limit_probe (source,
        point), spline_probe (spline, point): with `[probe]`.

    To these come the means over seeds of `compare.summary`.

    Time is in units of 1/lambda_max, the largest eigenvalue of the NTK at the samples divided by
    their number, for every source alike; `attrs["lambda_max"]` converts. Missing combinations are
    NaN.

    Args:
        study: what to compute.
        progress: show a bar over the networks on the standard error stream.

    Returns:
        The dataset; `compare.store.save` writes it.

    Raises:
        ValueError: for data that no study can be made of (a single sample, constant or
            non-finite y, missing column), an initial distribution outside the validity of the
            LFP kernel, repeated x with different y under `[probe]`, or if JAX does not use 64-bit
            floats; all before any network is trained.
        TypeError: if study is no `Study`.
    """
    if not isinstance(study, Study):
        raise TypeError(
            f"study must be a Study, got {study!r:.60}; Study.from_toml reads files and names"
        )
    from compare.running import compute  # jax, diffrax and xarray take seconds to import

    return compute(study, progress=progress)


def _read(path: str | os.PathLike[str]) -> tuple[str, Path | None]:
    """Text of a study, and the folder that its file names are relative to."""
    shipped = names()
    parts = [part for members in shipped.values() for part in members]
    if str(path) in parts:
        return files("compare").joinpath(f"studies/{path}.toml").read_text(encoding="utf-8"), None
    if str(path) in shipped:
        raise ValueError(f"{path} is a group of studies: {', '.join(shipped[str(path)])}")
    place = Path(path)
    if place.suffix != ".toml":
        raise ValueError(
            f"unknown study {str(path)!r}; known are {', '.join(shipped)}, or a file *.toml"
        )
    try:
        return place.read_text(encoding="utf-8"), place.parent
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read the study: {error}") from error


def _merge(table: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`table` with the entries of `over` in place of its own, table by table."""
    merged = dict(table)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged

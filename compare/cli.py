"""The command `lfp`: run a study, list the shipped ones."""

import json as json_format
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from compare import store, summary, table
from compare.sections import Data
from compare.study import Study, names
from compare.study import run as compute

if TYPE_CHECKING:
    import xarray

INTERRUPTED = "lfp: interrupted; no file was left half written"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the console script `lfp`.

    Args:
        argv: arguments without the program's name; None takes those of the process.

    Returns:
        Exit code: 0, 2 after an error (told in one line on the standard error stream), 130 after
        Ctrl-C.
    """
    try:
        return tyro.extras.subcommand_cli_from_dict(
            {"run": run, "list": list_studies},
            prog="lfp",
            description="When is each frequency learned: theory and networks on one time axis.",
            args=None if argv is None else list(argv),
            config=(tyro.conf.FlagCreatePairsOff,),
        )
    except (ValueError, RuntimeError, OSError, MemoryError) as error:
        message = " ".join(str(error).split()) or type(error).__name__
        print(f"lfp: {message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(INTERRUPTED, file=sys.stderr)
        return 130


def list_studies() -> int:
    """List the shipped studies."""
    for name, parts in names().items():
        print(name if parts == (name,) else f"{name}  ({', '.join(parts)})")
    return 0


def run(
    study: tyro.conf.Positional[str | None] = None,
    *,
    data: Path | None = None,
    x: str | None = None,
    y: str | None = None,
    full: bool = False,
    out: Path = Path("results"),
    json: bool = False,
) -> int:
    """Compute a study; write its numbers (NetCDF) and its figure (PNG), print its table.

    Args:
        study: name of a shipped study (see `lfp list`) or a file ending in .toml; co2 if left out.
        data: a CSV file whose data take the place of the study's.
        x: its column of abscissas: numbers, or dates (ISO or YYYYMMDD) that become years.
        y: its column of values.
        full: the long setting of the study.
        out: folder to write to.
        json: print the table as JSON instead of text.
    """
    studies = _chosen(study, data, x, y, full=full)
    paths = _places(studies, store.writable(out))
    figure = paths[0].with_suffix(".png") if len(paths) == 1 else out / f"{study}.png"
    for path in (*paths, figure):
        store.check_free(path)
    _prepare_jax()
    datasets = []
    for item in studies:
        with _interrupted_at_once():
            datasets.append(compute(item, progress=True))
        store.save(datasets[-1], out)
        for line in summary.failures(datasets[-1]):
            print(f"lfp: warning: {item.name}: {line}", file=sys.stderr)
    _draw(datasets, figure)
    if json:
        print(_as_json(datasets, paths, figure))
        return 0
    for dataset in datasets:
        print(f"{dataset.attrs['name']}\n{table.text(dataset)}\n")
    for path in paths:
        print(f"wrote {path} (every number, NetCDF)")
    print(f"wrote {figure} (figure)")
    return 0


def _chosen(
    name: str | None, data: Path | None, x: str | None, y: str | None, *, full: bool
) -> list[Study]:
    """The studies that the arguments ask for."""
    if data is None and (x is not None or y is not None):
        raise ValueError("--x and --y name columns of a file: give it with --data FILE.csv")
    if data is not None and (x is None or y is None):
        raise ValueError("--data needs the columns to use: --x COLUMN --y COLUMN")
    name = name or "co2"
    try:
        studies = [Study.from_toml(part, full=full) for part in names().get(name, (name,))]
    except TypeError as error:  # a value of the wrong kind in a file is a mistake like the others
        raise ValueError(str(error)) from error
    if data is None:
        return studies
    if len(studies) > 1:
        raise ValueError(f"--data takes the place of one study's data, {name} is a group")
    return [replace(studies[0], name=_plain(data.stem), data=Data(file=str(data), x=x, y=y))]


def _plain(stem: str) -> str:
    """A file's stem as the name of a study; "data" if no letter or digit is left."""
    name = "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in stem)
    return name if name.strip("_-") else "data"


def _places(studies: list[Study], folder: Path) -> list[Path]:
    """Where the numbers of each study will be written; reads its data."""
    from compare import samples

    places = []
    for item in studies:
        series = samples.load(item.data, probed=item.probe.points > 0).original
        places.append(folder / store.name_of(item, series.x, series.y))
    return places


def _prepare_jax() -> None:
    """A script may choose for the whole process: 64-bit floats."""
    import jax

    jax.config.update("jax_enable_x64", True)


@contextmanager
def _interrupted_at_once() -> Iterator[None]:
    """Ctrl-C ends the process there and then, while nothing is being written.

    The exception would wait for the threads that train networks, which can take a minute.
    """

    def stop(number: int, frame: object) -> None:
        print(f"\n{INTERRUPTED}", file=sys.stderr, flush=True)
        os._exit(130)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers, and only it is interrupted
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _draw(datasets: list["xarray.Dataset"], path: Path) -> None:
    from compare import plots  # matplotlib takes half a second to import

    with store.replacing(path) as place:
        plots.save(plots.of_studies(datasets), place)


def _as_json(datasets: list["xarray.Dataset"], paths: list[Path], figure: Path) -> str:
    studies = [
        {"name": dataset.attrs["name"], "file": str(path), "table": table.rows(dataset)}
        for dataset, path in zip(datasets, paths, strict=True)
    ]
    return json_format.dumps({"studies": studies, "figure": str(figure)}, indent=2)

"""Datasets in NetCDF files that are named by their content and never half written."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from compare.study import Study

if TYPE_CHECKING:
    import xarray


def file_name(dataset: "xarray.Dataset") -> str:
    """Study name and eight digits of the hash of the study and of the data it used.

    The folder of a CSV file does not count, its content does.
    """
    x, y = dataset["x_original"].values, dataset["y_original"].values
    return name_of(Study.parse(dataset.attrs["study"]), x, y)


def name_of(study: Study, x: np.ndarray, y: np.ndarray) -> str:
    """`file_name` before there is a dataset: of a study and its data in original units."""
    if study.data.file is not None:
        study = replace(study, data=replace(study.data, file=Path(study.data.file).name))
    content = hashlib.sha256(study.to_toml().encode())
    for values in (x, y):
        content.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
    return f"{study.name}-{content.hexdigest()[:8]}.nc"


def save(dataset: "xarray.Dataset", folder: str | os.PathLike[str]) -> Path:
    """Write a dataset as NetCDF, complex variables as complex.

    Args:
        dataset: the result of `compare.study.run`.
        folder: created if missing.

    Returns:
        The path of the file; an older file of the same content is replaced.

    Raises:
        ValueError: if the folder cannot be written to.
    """
    path = writable(folder) / file_name(dataset)
    write(dataset, path)
    return path


def write(dataset: "xarray.Dataset", path: Path) -> None:
    """Write any dataset as NetCDF at once or not at all; complex variables stay complex."""
    encoding = {
        name: {"zlib": True, "complevel": 4}
        for name, variable in dataset.variables.items()
        if variable.dtype.kind in "fc" and variable.ndim > 1
    }
    with replacing(path) as place:
        # complex numbers become compounds of two floats, as NetCDF 4.9 defines them
        dataset.to_netcdf(place, engine="h5netcdf", encoding=encoding)


def load(path: str | os.PathLike[str]) -> "xarray.Dataset":
    """Read a dataset that `save` wrote into memory.

    Raises:
        ValueError: if the file does not exist or is no such file.
    """
    import xarray

    try:
        return xarray.load_dataset(path, engine="h5netcdf")
    except OSError as error:
        raise ValueError(f"cannot read {str(path)!r} as a dataset: {error}") from error


def writable(folder: str | os.PathLike[str]) -> Path:
    """Create the folder if missing and check that files can be made in it.

    Raises:
        ValueError: if not.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"cannot write to folder {str(folder)!r}: {error}") from error
    return folder


def check_free(path: Path) -> None:
    """Refuse a path that no file can take.

    Raises:
        ValueError: if it is a folder.
    """
    if path.is_dir():
        raise ValueError(f"cannot write the file {str(path)!r}: a folder of that name is there")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path in the same folder that takes the place of `path` when all went well.

    If the block fails or is interrupted, the temporary file is removed and `path` is untouched.

    Raises:
        ValueError: if the path is that of a folder.
    """
    check_free(path)
    place = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield place
        os.replace(place, path)
    finally:
        place.unlink(missing_ok=True)

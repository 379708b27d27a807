"""Labelled arrays filled row by row: what is never put stays NaN."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Arrays:
    """Arrays whose leading dimensions are those of `coordinates`, addressed by coordinate.

    Attributes:
        coordinates: dimension name to its values.
        variables: name to (dimensions, values), ready for `xarray.Dataset`.
    """

    coordinates: dict[str, list]
    variables: dict[str, tuple[tuple[str, ...], np.ndarray]] = field(default_factory=dict)

    def put(self, name: str, place: tuple, dims: tuple[str, ...], values: np.ndarray) -> None:
        """Store `values`, of dimensions `dims`, at one place of the leading dimensions."""
        values = np.asarray(values)
        if name not in self.variables:
            lengths = [len(entries) for entries in self.coordinates.values()]
            missing = complex(np.nan, np.nan) if np.iscomplexobj(values) else np.nan
            empty = np.full((*lengths, *values.shape), missing)
            self.variables[name] = ((*self.coordinates, *dims), empty)
        entries = zip(self.coordinates.values(), place, strict=True)
        index = tuple(values_there.index(entry) for values_there, entry in entries)
        self.variables[name][1][index] = values

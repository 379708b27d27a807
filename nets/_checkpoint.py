"""Files from which a run that was killed goes on with the same numbers.

A file is one line of words and the sha256 of all that follows, one line of JSON with what the run
was given and with the names, types and shapes of the arrays, and then the bytes of the arrays.
Nothing in it is executed when it is read.
"""

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import diffrax
import equinox
import jax
import jax.numpy as jnp
import jaxlib
import numpy as np
import optax

SECONDS = 10.0
"""Between two files of one run, about."""
_SHARE = 20
"""At most one part in so many of the time goes into writing."""
_STALE = 3600.0
"""Seconds after which what was begun and not finished is that of a run that was killed."""
_MAGIC = b"nets checkpoint 2 "
_DIGEST = 64
_ADVICE = ": give another path, or delete the file to start from the beginning"
_ENSEMBLE = ": give another path, for an ensemble that of a folder, or delete the file"
_NUMERICS = jax, jaxlib, equinox, diffrax, optax
"""What the bits of a run come from, beside what it is given and nets itself."""


class Checkpoint:
    """The file of one run, what the run was given, and what computed it.

    Several runs may have the same path at a time: each file is written under a name of its own
    first, and the last one written stays.

    Args:
        path: the file; there need not be one yet, its folder must be there. Or a folder: the file
            in it is named by what the run was given, the kind of device and the versions, so that
            many runs may share the folder; after an upgrade they begin anew there.
        function: the public name of the function that runs, such as "nets.train".
        ingredients: name -> all that decides the numbers of the run: numbers, words, and pytrees
            of arrays, keys, numbers and words; for functions see `program`. Of several that
            differ the first is named, so that what depends on others comes after them.

    Raises:
        TypeError: path is no path.
        ValueError: there cannot be such a file.
    """

    def __init__(self, path: Any, function: str, ingredients: Mapping[str, Any]) -> None:
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"checkpoint must be a path, got {path!r:.60}")
        self._function = function
        # the default one, which jax.default_device may have set for this thread
        (device,) = jnp.zeros(()).devices()
        self._run = {"kind of device": device.device_kind}
        self._run |= {f"version of {module.__name__}": module.__version__ for module in _NUMERICS}
        self._run |= {name: _fingerprint(value) for name, value in ingredients.items()}
        self.path = Path(path)
        if self.path.is_dir():
            self.path /= f"{function}-{_fingerprint(tuple(self._run.items()))[:16]}.checkpoint"
        # threads and processes with the same path must not write into each other's file
        self._partial = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}.partial")
        try:
            self._partial.write_bytes(b"")
            self._partial.unlink()
        except OSError as error:
            raise ValueError(
                f"checkpoint must be in a folder that files can be written to, got {str(path)!r}: "
                f"{error.strerror}"
            ) from error
        self._take_away_stale()
        self._next = time.monotonic() + SECONDS

    def read(self, like: Any) -> Any:
        """What `write` was given last, or None where there is no file.

        Args:
            like: a pytree of the same names and dtypes, the arrays of any shape. What is a JAX
                array or key here comes back as one, on the same devices; arrays of NumPy and
                `jax.ShapeDtypeStruct` come back as arrays of NumPy.

        Raises:
            ValueError: the file is no checkpoint, is damaged, or is that of another run.
        """
        try:
            found = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ValueError(f"{self._named} cannot be read: {error.strerror}") from error
        header, data = self._parse(found)
        self._check(header["function"], header["run"])
        stored = {entry["name"]: entry for entry in header["entries"]}
        names, leaves, structure = _flatten(like)
        if list(stored) != names or any(
            stored[name]["dtype"] != _dtype_name(leaf)
            for name, leaf in zip(names, leaves, strict=True)
        ):
            raise ValueError(f"{self._named} was written by another version of nets{_ADVICE}")
        restored = [
            _restored(stored[name], data, leaf) for name, leaf in zip(names, leaves, strict=True)
        ]
        return jax.tree.unflatten(structure, restored)

    @property
    def due(self) -> bool:
        """Whether it is time to write again."""
        return time.monotonic() >= self._next

    def write(self, tree: Any) -> None:
        """Put a pytree of arrays, keys, numbers and words into the file, all or nothing of it."""
        start = time.monotonic()
        entries, parts, first = [], [], 0
        for name, leaf in zip(*_flatten(tree)[:2], strict=True):
            entry = {"name": name, "dtype": _dtype_name(leaf)}
            if entry["dtype"] is None:
                entry["value"] = leaf
            else:
                array = _as_numpy(leaf)
                parts.append(array.tobytes())
                entry |= {"shape": array.shape, "first": first}
                first += array.nbytes
            entries.append(entry)
        header = {"function": self._function, "run": self._run, "entries": entries}
        body = b"".join([json.dumps(header).encode(), b"\n", *parts])
        digest = hashlib.sha256(body).hexdigest().encode()
        try:
            with open(self._partial, "wb") as file:
                file.writelines([_MAGIC, digest, b"\n", body])
                file.flush()
                os.fsync(file.fileno())
            os.replace(self._partial, self.path)
        finally:
            self._partial.unlink(missing_ok=True)
        end = time.monotonic()
        self._next = end + max(SECONDS, _SHARE * (end - start))

    def _take_away_stale(self) -> None:
        """Those that runs have left behind which were killed while they wrote."""
        start, end = f".{self.path.name}.", ".partial"
        for other in self.path.parent.iterdir():
            if other.name.startswith(start) and other.name.endswith(end):
                with suppress(OSError):  # another run was quicker, or it is not ours
                    if time.time() - other.stat().st_mtime > _STALE:
                        other.unlink()

    @property
    def _named(self) -> str:
        return f"checkpoint {str(self.path)!r}"

    def _parse(self, found: bytes) -> tuple[dict[str, Any], memoryview]:
        if not found:
            raise ValueError(f"{self._named} is empty{_ADVICE}")
        start = len(_MAGIC) + _DIGEST + 1
        if found[: len(_MAGIC)] != _MAGIC[: len(found)]:
            raise ValueError(f"{self._named} is no checkpoint, or one of another version{_ADVICE}")
        body = memoryview(found)[start:]
        if hashlib.sha256(body).hexdigest().encode() + b"\n" != found[len(_MAGIC) : start]:
            raise ValueError(f"{self._named} is truncated or damaged{_ADVICE}")
        end = found.index(b"\n", start)
        return json.loads(found[start:end]), memoryview(found)[end + 1 :]

    def _check(self, function: str, run: dict[str, str]) -> None:
        if function != self._function:
            raise ValueError(
                f"{self._named} belongs to {function}, not to {self._function}{_ADVICE}"
            )
        for name, mine in self._run.items():
            its = run.get(name, "")
            if its != mine:
                words = _DIGEST not in (len(its), len(mine))
                values = f" ({its}, not {mine})" if words else ""
                advice = _ENSEMBLE if name == "network" else _ADVICE
                raise ValueError(
                    f"{self._named} belongs to a run with another {name}{values}{advice}"
                )


def program(function: Callable[..., Any], *arguments: Any) -> str:
    """What JAX would compile for a function of these arguments, with every constant in it.

    The fingerprint of functions: names, addresses and comments do not count, numbers in closures
    do. The arguments count by shape and dtype only.
    """
    return jax.jit(function).lower(*arguments).as_text()


def _fingerprint(value: Any) -> str:
    """Short numbers and words themselves, the sha256 of everything else."""
    if value is None or isinstance(value, bool | int | float | str):
        text = repr(value)
        if len(text) < _DIGEST:
            return text
    digest = hashlib.sha256()
    for name, leaf in zip(*_flatten(value)[:2], strict=True):
        array = None if _dtype_name(leaf) is None else _as_numpy(leaf)
        shape = None if array is None else array.shape
        digest.update(f"{name} {_dtype_name(leaf)} {shape}\n".encode())
        digest.update(repr(leaf).encode() if array is None else array.tobytes())
    return digest.hexdigest()


def _flatten(tree: Any) -> tuple[list[str], list[Any], Any]:
    """The names of the leaves, the leaves, and how they are put together."""
    found, structure = jax.tree_util.tree_flatten_with_path(tree)
    names = [jax.tree_util.keystr(path) for path, _ in found]
    return names, [leaf for _, leaf in found], structure


def _dtype_name(leaf: Any) -> str | None:
    """None for numbers and words of Python."""
    if isinstance(leaf, bool | int | float | str) and not isinstance(leaf, np.generic):
        return None
    return str(leaf.dtype)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _as_numpy(leaf: Any) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _restored(entry: dict[str, Any], data: memoryview, like: Any) -> Any:
    if entry["dtype"] is None:
        return entry["value"]
    kind = np.uint32 if _is_key(like) else like.dtype
    array = np.ndarray(entry["shape"], kind, data, entry["first"]).copy()
    if not isinstance(like, jax.Array):
        return array
    placed = jax.device_put(array, like.sharding if like.committed else None)
    return (
        jax.random.wrap_key_data(placed, impl=jax.random.key_impl(like))
        if _is_key(like)
        else placed
    )

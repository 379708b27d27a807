"""Frozen records in and out of TOML tables, checked against their annotations."""

import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

Number = float | int


def decode(kind: Any, value: object, where: str) -> Any:
    """Value of a TOML document as the kind that an annotation asks for.

    Raises:
        ValueError: for a key that the record does not have or a missing one.
        TypeError: for a value of another kind.
    """
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, dict):
        hints = get_type_hints(kind)
        for key in value:
            if key not in hints:
                place = f"{where}.{key}" if where else key
                raise ValueError(f"unknown key {place!r}; allowed here: {', '.join(hints)}")
        prefix = f"{where}." if where else ""
        items = {key: decode(hints[key], item, prefix + key) for key, item in value.items()}
        for field in fields(kind):
            required = field.default is MISSING and field.default_factory is MISSING
            if required and field.name not in items:
                raise ValueError(f"missing key {prefix + field.name!r}")
        return kind(**items)
    if kind == Number and type(value) in (int, float):
        return float(value)  # pyright: ignore[reportArgumentType]
    if get_origin(kind) in (Union, types.UnionType):
        for choice in get_args(kind):
            try:
                return decode(choice, value, where)
            except TypeError:
                continue
    if get_origin(kind) is tuple and isinstance(value, list):
        item, *rest = get_args(kind)
        if rest == [...]:
            return tuple(decode(item, entry, f"{where}[{i}]") for i, entry in enumerate(value))
        if len(value) == 1 + len(rest):
            return tuple(decode(item, entry, f"{where}[{i}]") for i, entry in enumerate(value))
    if isinstance(kind, type) and type(value) is kind:
        return value
    raise TypeError(f"{where} must be {describe(kind)}, got {value!r}")


def describe(kind: Any) -> str:
    """An annotation in the words of a TOML author."""
    if kind == Number:
        return "a number"
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(describe(item) for item in get_args(kind) if item is not type(None))
    if get_origin(kind) is tuple:
        return f"a list, each entry {describe(get_args(kind)[0])}"
    words = {str: "a string", int: "an integer", bool: "true or false"}
    return words.get(kind, "a table")


def encode(kind: Any, value: Any) -> Any:
    """The reverse of `decode`: plain tables, lists and scalars; what is not set is left out."""
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        items = {field.name: getattr(value, field.name) for field in fields(kind)}
        return {
            key: encode(hints[key], item) for key, item in items.items() if item not in (None, ())
        }
    if kind == Number:
        return float(value)
    if isinstance(value, tuple):
        kinds = [kind, *get_args(kind)]
        item = next(get_args(choice)[0] for choice in kinds if get_origin(choice) is tuple)
        return [encode(item, entry) for entry in value]
    return value

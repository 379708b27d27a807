"""Frozen records in and out of TOML tables, checked against their annotations."""

import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

Number = float | int


def settle(record: Any, where: str) -> None:
    """Give the fields of a record that was made in Python the kinds of their annotations.

    The first step of each `__post_init__`: numbers become float, NumPy scalars plain ones.

    Raises:
        TypeError, ValueError: for a value of another kind; the message starts with `where`.
    """
    hints = get_type_hints(type(record))
    for field in fields(record):
        place = f"{where}.{field.name}" if where else field.name
        value = decode(hints[field.name], getattr(record, field.name), place, sequence=tuple)
        object.__setattr__(record, field.name, value)  # frozen, and not handed out yet


def decode(kind: Any, value: Any, where: str, *, sequence: type = list) -> Any:
    """Value of a TOML document as the kind that an annotation asks for.

    Args:
        kind: the annotation.
        value: what the document has there.
        where: its place, for messages.
        sequence: what stands for a tuple: list in a document, tuple in a record.

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
    if isinstance(value, np.generic):
        value = value.item()
    if kind == Number and type(value) in (int, float):
        try:
            return float(value)
        except OverflowError:
            raise ValueError(f"{where} must be below 1.8e308, got a longer integer") from None
    if get_origin(kind) in (Union, types.UnionType):
        for choice in get_args(kind):
            try:
                return decode(choice, value, where, sequence=sequence)
            except TypeError:
                continue
    if get_origin(kind) is tuple and isinstance(value, sequence):
        item, *rest = get_args(kind)
        if rest == [...] or len(value) == 1 + len(rest):
            return tuple(
                decode(item, entry, f"{where}[{i}]", sequence=sequence)
                for i, entry in enumerate(value)
            )
    if isinstance(kind, type) and type(value) is kind:
        return value
    raise TypeError(f"{where} must be {describe(kind, sequence)}, got {value!r}")


def describe(kind: Any, sequence: type = list) -> str:
    """An annotation in the words of a TOML author, or with tuples of a Python one."""
    if kind == Number:
        return "a number"
    if get_origin(kind) in (Union, types.UnionType):
        items = [item for item in get_args(kind) if item is not type(None)]
        return " or ".join(describe(item, sequence) for item in items)
    if get_origin(kind) is tuple:
        item, *rest = get_args(kind)
        length = "" if rest == [...] else f" of {1 + len(rest)} entries"
        return f"a {sequence.__name__}{length}, each entry {describe(item, sequence)}"
    if sequence is tuple and is_dataclass(kind):
        return f"a record {getattr(kind, '__name__', kind)}"
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

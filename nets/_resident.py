"""What a call takes in memory, seen from the process that makes it."""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
Result = TypeVar("Result")


def measured(call: Callable[[], Result]) -> tuple[Result, int | None]:
    """Result, and the bytes by which the call raised the memory of the process at its peak.

    Rather too many than too few: what is compiled on the way and what other threads take counts as
    well, and where the process may not set its peak back, that of earlier times. None where the
    system does not tell (it does on Linux).
    """
    try:
        # pages that earlier calls left to the allocator would be taken again unseen
        ctypes.CDLL(None).malloc_trim(0)
        before = _bytes("VmRSS")
    except (AttributeError, TypeError, OSError):
        return call(), None
    with suppress(OSError):
        _CLEAR.write_text("5")
    result = call()
    return result, max(1, _bytes("VmHWM") - before)


def _bytes(key: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(key + ":"))
    return 1024 * int(line.split()[1])

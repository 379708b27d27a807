"""Random keys of JAX, of the new kind and of the old, told from everything else."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def _axes(key: Any) -> tuple[int, ...] | None:
    """Shape of an array of keys, () for a single one; None for what holds no keys."""
    if not isinstance(key, jax.Array | np.ndarray):
        return None
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return key.shape
    size = jax.eval_shape(jax.random.PRNGKey, 0).shape
    return key.shape[:-1] if key.dtype == np.uint32 and key.shape[-1:] == size else None


def check_key(name: str, key: Any) -> None:
    """Refuse everything but a single random key."""
    axes = _axes(key)
    if axes is None:
        raise TypeError(f"{name} must be a random key such as jax.random.key(0), got {key!r:.60}")
    if axes != ():
        raise ValueError(f"{name} must be a single random key, got an array of keys, shape {axes}")


def check_keys(keys: Any) -> None:
    """Refuse everything but several random keys: an array of them, a list or a tuple."""
    axes = _axes(keys)
    if axes == ():
        raise ValueError(
            f"keys must be several random keys, such as jax.random.split(key, 16), "
            f"got a single one, {keys!r:.60}"
        )
    if axes is not None and len(axes) > 1:
        raise ValueError(f"keys must lie along one axis, got keys of shape {axes}")
    if axes is None and (isinstance(keys, str) or not isinstance(keys, Sequence)):
        raise TypeError(
            f"keys must be random keys such as jax.random.split(key, 16), got {keys!r:.60}"
        )
    if len(keys) == 0:
        raise ValueError("keys must hold at least one key, got none")
    if axes is None:
        for i, key in enumerate(keys):
            check_key(f"keys[{i}]", key)

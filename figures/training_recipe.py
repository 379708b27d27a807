"""How the networks of Xu, Zhang, Xiao 2019 are trained: their setting, as a record."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Recipe:
    """One training: a fully connected network, its initial distribution and its optimiser.

    Attributes:
        widths: of the hidden layers.
        steps, recordings: recorded at about `recordings` steps, most of them evenly spaced.
        optimizer: "adam" (its other parameters are optax's defaults), "sgd" without momentum.
        batch_size: None for full batches.
    """

    widths: tuple[int, ...] = (200, 200, 200, 100)
    activation: str = "tanh"
    std: float = 0.1
    optimizer: str = "adam"
    rate: float = 2e-5
    steps: int = 18_000
    recordings: int = 200
    batch_size: int | None = None

    def network(self, seed: int) -> Any:
        """Weights and biases from N(0, std^2), in float32."""
        import jax
        import jax.numpy as jnp

        import nets

        return nets.mlp(
            jax.random.key(seed),
            widths=(1, *self.widths, 1),
            activation=self.activation,
            weight_std=self.std,
            bias_std=self.std,
            dtype=jnp.float32,
        )

    def train(self, x: np.ndarray, y: np.ndarray, seed: int, **options: Any) -> Any:
        """The run; `options` are further ones of `nets.train`."""
        import jax

        import nets

        options = {"steps": self.steps, "record_at": self.record_at()} | options
        if self.batch_size is not None:
            options |= {"batch_size": self.batch_size, "key": jax.random.key(seed + 1000)}
        optimizer = _optimizer(self.optimizer, self.rate)
        return nets.train(self.network(seed), x, y, optimizer=optimizer, **options)

    def record_at(self) -> np.ndarray:
        """Steps of the recordings; a fifth of them evenly in the logarithm, for the start."""
        early = np.geomspace(1, self.steps, self.recordings // 5)
        even = np.linspace(0, self.steps, self.recordings - len(early))
        return np.unique(np.concatenate([early, even]).round().astype(int))


@cache
def _optimizer(name: str, rate: float) -> Any:
    """The same object for the same rate: what is compiled for it serves again."""
    import optax

    return {"adam": optax.adam, "sgd": optax.sgd}[name](rate)

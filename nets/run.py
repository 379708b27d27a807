"""What a training run leaves behind."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float, Int

from nets._checks import ArrayLike, as_points, as_real, check_same_dimension
from nets._frozen import split
from nets.kernels import tangent_kernel


@dataclass(frozen=True)
class Status:
    """How a run went. For an ensemble each entry is an array or a tuple, one item a seed."""

    solver: Any
    """"chebyshev", "exponential", "optax" or, for a linearised network, "eigenvectors"."""
    reason: Any
    """"completed", or why the integration stopped."""
    time: Any
    """Last time that was reached; NaN for `nets.train`."""
    steps: Any
    """Accepted steps; for `nets.train` those that led to `net`."""
    rejected: Any
    """Steps that missed the tolerance and were repeated."""
    gradients: Any
    """Gradients of the loss (one backward pass over all samples, or one batch, each)."""
    jacobians: Any
    """Jacobians of all outputs, each with an n x n eigendecomposition."""
    spectral_radius: Any
    """Largest eigenvalue of K/n, or of the Hessian of the loss, when it was last measured."""


@dataclass(frozen=True)
class Run:
    """Outputs along a training run, on the time axis `h' = -(1/n) sum K (h - y)` or over steps.

    Outputs are multiplied by the lazy scale, hence comparable with y. An ensemble has one more
    axis, the seeds, in front of every array but ts, steps and x.
    """

    ts: Float[np.ndarray, " T"] | None
    """Times; None for `nets.train`."""
    x: Float[np.ndarray, "n d"]
    """Samples."""
    fitted: Float[np.ndarray, "..."]
    """Outputs at the samples, `(*seeds, T, n)`, or `(*seeds, T, n, c)` for c outputs."""
    probe: Float[np.ndarray, "..."] | None
    """Outputs at the probe points, where there are any, `(*seeds, T, m)` or `(*seeds, T, m, c)`."""
    loss: Float[np.ndarray, "*seeds T"]
    """The loss over all samples, for "mse" `1/(2n) sum (fitted - y)^2`."""
    net: Any
    """The trained network; for an ensemble its arrays are stacked over the seeds."""
    networks: Any
    """Parameters at every time (record="networks"), stacked over ts, else None."""
    status: Status
    """What the integration cost and why it ended."""
    steps: Int[np.ndarray, " T"] | None = None
    """Numbers of steps, for `nets.train`."""

    def spectrum(self, xi: ArrayLike) -> Complex[np.ndarray, "..."]:
        """Sampled transform `(1/n) sum_i h(x_i) exp(-2 pi i xi . x_i)` of the fitted outputs.

        Args:
            xi: frequencies in cycles per unit of x, (F, d), or (F,) when d = 1.

        Returns:
            (T, F), complex, (T, F, c) for c outputs; with the seeds in front for an ensemble.

        Raises:
            ValueError, TypeError: xi are not finite real frequencies of the dimension of x.
        """
        frequencies = np.atleast_1d(as_real("xi", xi).astype(np.float64))
        if frequencies.ndim == 1:
            frequencies = frequencies[:, None]
        if frequencies.ndim != 2 or frequencies.shape[1] != self.x.shape[1]:
            raise ValueError(
                f"xi must have shape (F, {self.x.shape[1]}), the dimension of x, got {np.shape(xi)}"
            )
        waves = np.exp(-2j * np.pi * self.x.astype(np.float64) @ frequencies.T)
        if self.fitted.ndim == self.loss.ndim + 1:
            return self.fitted @ waves / len(self.x)
        return np.einsum("...nc,nf->...fc", self.fitted, waves) / len(self.x)

    def net_at(self, i: Any) -> Any:
        """The network at recording i; for an ensemble its arrays are stacked over the seeds.

        Args:
            i: an integer; a negative one counts from the last recording.

        Raises:
            ValueError: networks were not recorded, or there is no such recording.
            TypeError: i is no integer.
        """
        last = self.loss.shape[-1] - 1
        try:
            index = operator.index(i)
        except TypeError as error:
            raise TypeError(f"i must be an integer, the index of a time, got {i!r}") from error
        if isinstance(i, bool):
            raise TypeError(f"i must be an integer, the index of a time, got {i!r}")
        if self.networks is None:
            raise ValueError('networks were not recorded: pass record="networks"')
        if not -last - 1 <= index <= last:
            raise ValueError(f"i must be from {-last - 1} to {last}, the index of a time, got {i}")
        axis = self.loss.ndim - 1
        chosen = jax.tree.map(lambda leaf: jnp.asarray(leaf.take(index, axis=axis)), self.networks)
        return eqx.combine(chosen, split(self.net)[1])

    def kernels(self, x: ArrayLike) -> Float[np.ndarray, "..."]:
        """Tangent kernel K(x, x) at every recording, NaN where none was reached.

        Args:
            x: points (n1, d), or (n1,) when d = 1.

        Returns:
            (T, n1, n1), (T, n1, n1, c, c) for c outputs, as `nets.tangent_kernel` gives them;
            with the seeds in front for an ensemble.

        Raises:
            ValueError, TypeError: networks were not recorded, or bad points.
        """
        points = as_points("x", x)
        check_same_dimension("x", points, self.x)
        nets = [self.net_at(i) for i in range(self.loss.shape[-1])]
        outputs = self.fitted.shape[self.loss.ndim + 1 :]
        shape = (len(points), len(points), *outputs, *outputs)

        def along(nets: list[Any], loss: np.ndarray) -> np.ndarray:
            dtype = jax.tree.leaves(split(self.net)[0])[0].dtype
            found = np.full((len(nets), *shape), np.nan, dtype)
            for i in np.flatnonzero(np.isfinite(loss)):
                found[i] = tangent_kernel(nets[i], points, points)
            return found

        if self.loss.ndim == 1:
            return along(nets, self.loss)
        return np.stack(
            [
                along([unstack(net, seed) for net in nets], loss)
                for seed, loss in enumerate(self.loss)
            ]
        )


def unstack(net: Any, seed: int) -> Any:
    """One network out of a stack of them."""
    return jax.tree.map(lambda leaf: leaf[seed] if eqx.is_array(leaf) else leaf, net)


def stack(runs: Sequence[Run]) -> Run:
    """Runs on the same times and samples as one, with a leading seed axis; `networks` on the host.

    Trees of the runs hold NumPy arrays, or arrays of one device.
    """
    first = runs[0]

    def join(trees: Sequence[Any]) -> Any:
        if trees[0] is None:
            return None
        return jax.tree.map(
            lambda *leaves: np.stack(leaves) if eqx.is_array(leaves[0]) else leaves[0], *trees
        )

    entries = {
        field.name: [getattr(run.status, field.name) for run in runs] for field in fields(Status)
    }
    return Run(
        ts=first.ts,
        steps=first.steps,
        x=first.x,
        fitted=np.stack([run.fitted for run in runs]),
        probe=None if first.probe is None else np.stack([run.probe for run in runs]),  # pyright: ignore[reportCallIssue, reportArgumentType]
        loss=np.stack([run.loss for run in runs]),
        net=jax.tree.map(
            lambda leaf: jnp.asarray(leaf) if eqx.is_array(leaf) else leaf,
            join([run.net for run in runs]),
        ),
        networks=join([run.networks for run in runs]),
        status=Status(
            **{
                name: tuple(values) if isinstance(values[0], str) else np.array(values)
                for name, values in entries.items()
            }
        ),
    )

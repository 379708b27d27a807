"""What a training run leaves behind."""

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float, Int

from nets._checks import ArrayLike, as_points, as_real, check_same_dimension
from nets._frozen import split
from nets._gram import MEMORY
from nets.kernels.condition import warn_if_beyond
from nets.kernels.tangent import kernel_of


@dataclass(frozen=True)
class Status:
    """How a run went. For an ensemble each entry is an array or a tuple, one item a seed."""

    solver: Any
    """"chebyshev", "exponential", the name of a class of diffrax such as "Tsit5", "optax" or, for a
    linearised network, "eigenvectors"."""
    reason: Any
    """"completed", or why the integration stopped."""
    time: Any
    """Last time that was reached; NaN for `nets.train`."""
    steps: Any
    """Accepted steps; for `nets.train` those that led to `net`."""
    rejected: Any
    """Steps that missed the tolerance and were repeated."""
    gradients: Any
    """Gradients of the loss (one backward pass over all samples, or one batch, each). For solvers
    of diffrax without the power iterations that choose the first step, and NaN where they are no
    explicit Runge-Kutta methods, whose evaluations nobody counts."""
    jacobians: Any
    """Jacobians of all outputs at the samples, n of them or n c, each with an eigendecomposition of
    a kernel of that many rows."""
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

        Where the dtype of the network does not hold the condition number of the first one, there is
        a warning, see `nets.tangent_kernel`.

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
        outputs = (len(points), *self.fitted.shape[self.loss.ndim + 1 :])
        dtype = jax.tree.leaves(split(self.net)[0])[0].dtype
        shape = (*self.loss.shape, *outputs[:1], *outputs, *outputs[1:])
        found = np.full(shape, np.nan, dtype)
        for count, (index, net) in enumerate(reached(self)):
            if count == 0:  # once: of the same points the later ones say the same
                warn_if_beyond(
                    dtype,
                    outputs,
                    lambda chosen, kind, net=net: kernel_at(net, points[chosen], kind),
                )
            found[index] = kernel_at(net, points)
        return found


def kernel_at(net: Any, points: np.ndarray, dtype: Any = None) -> jax.Array:
    """K(x, x) of a network, without checks; summed in its own dtype unless another is given."""
    parameters, static = split(net)
    own = jax.tree.leaves(parameters)[0].dtype
    return kernel_of(static, parameters, jnp.asarray(points, own), None, dtype or own, MEMORY)


def reached(run: Run) -> Iterator[tuple[tuple[int, ...], Any]]:
    """(time,) or (seed, time), and the network, wherever one was recorded; seed after seed."""
    if run.networks is None:
        raise ValueError('networks were not recorded: pass record="networks"')
    for index in np.argwhere(np.isfinite(run.loss)).tolist():
        if run.loss.ndim == 1:
            yield tuple(index), run.net_at(*index)
        else:  # not by net_at: all seeds together may be more than the device holds
            kept = jax.tree.map(lambda leaf, at=tuple(index): jnp.asarray(leaf[at]), run.networks)
            yield tuple(index), eqx.combine(kept, unstack(split(run.net)[1], index[0]))


def unstack(net: Any, seed: int) -> Any:
    """One network out of a stack of them."""
    return jax.tree.map(lambda leaf: leaf[seed] if eqx.is_array(leaf) else leaf, net)


def check_same_axes(run: Run, other: Run, name: str, its: str) -> None:
    """Refuse runs that cannot be stacked under one axis; `name` and `its` say whose they are."""
    for entry in ("ts", "steps", "x", "probe", "networks"):
        here, there = getattr(run, entry), getattr(other, entry)
        if here is None and there is None:
            continue
        if here is None or there is None:
            got = ["None" if value is None else "some" for value in (here, there)]
        elif entry in ("probe", "networks"):
            continue
        elif here.shape != there.shape:
            got = [f"shape {value.shape}" for value in (here, there)]
        elif (here != there).any():
            at = tuple(np.argwhere(here != there)[0].tolist())
            got = [f"{value[at]} at index {at}" for value in (here, there)]
        else:
            continue
        raise ValueError(
            f"run must give the same {entry} for every seed, got {got[0]} for {name} and {got[1]} "
            f"for {its}"
        )


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

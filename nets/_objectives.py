"""Losses as functions of the outputs at the samples: value, gradient, curvature."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

Elementwise = Callable[[Any], Any]
Outputs = Float[Array, " n"] | Float[Array, "n c"]
Weights = Float[Array, " n"] | None


def _columns(weights: Array, like: Array) -> Array:
    """Weights of the rows, shaped to multiply outputs (n,) or (n, c)."""
    return weights.reshape(-1, *(1,) * (like.ndim - 1))


class Objective(eqx.Module):
    """A loss L(h, t) of the outputs h at the samples, (n,) or (n, c).

    t is the number of steps in `nets.train` and the time in a flow; only weights with a schedule
    depend on it.
    """

    def value(self, outputs: Outputs, t: Any) -> Array:
        """L."""
        raise NotImplementedError

    def gradient(self, outputs: Outputs, t: Any) -> Outputs:
        """dL/dh."""
        raise NotImplementedError

    def curvature(self, outputs: Outputs, t: Any, direction: Outputs) -> Outputs:
        """`(d^2L/dh^2) direction`; where L is not convex, negative second derivatives count as 0.

        The matrix is symmetric and positive semidefinite, so that `J^T (d^2L/dh^2) J` is the
        Gauss-Newton matrix of the parameters.
        """
        raise NotImplementedError

    @property
    def scale(self) -> Array:
        """Size of the outputs that L asks for, which errors are measured against."""
        raise NotImplementedError

    @property
    def diagonal(self) -> bool:
        """Whether no two outputs share a term of L, so that d^2L/dh^2 is diagonal."""
        return False

    @property
    def scheduled(self) -> bool:
        """Whether L depends on t."""
        return False

    def batch(self, rows: Int[Array, " b"], inside: Bool[Array, " b"]) -> "Objective":
        """The same loss of the samples `rows`, a mean over those that are `inside`."""
        raise NotImplementedError

    def recorded(self, outputs: Outputs) -> "Objective":
        """The loss that training goes on with after outputs have been recorded."""
        return self


def _batch_weights(rho: Weights, rows: Array, inside: Array, dtype: Any) -> Array:
    mean = inside * (len(rows) / jnp.sum(inside)).astype(dtype)
    return mean if rho is None else mean * rho[rows]


def _size(target: Array) -> Array:
    return jnp.sqrt(jnp.mean(target**2))


class Pointwise(Objective):
    """`L = (1/n) sum_i rho_i l(chi_i (h_i - y_i))`, summed over the outputs."""

    target: Outputs
    loss: Elementwise
    slope: Elementwise
    second: Elementwise
    rho: Weights = None
    chi: Weights = None

    @property
    def scale(self) -> Array:
        """Root mean square of the values."""
        return _size(self.target)

    @property
    def diagonal(self) -> bool:
        """Each residual has its own term."""
        return True

    def _residual(self, outputs: Array) -> Array:
        residual = outputs - self.target
        return residual if self.chi is None else _columns(self.chi, residual) * residual

    def _weighted(self, values: Array, power: int) -> Array:
        """`rho chi^power values / n`."""
        if self.rho is not None:
            values = _columns(self.rho, values) * values
        if self.chi is not None and power:
            values = _columns(self.chi, values) ** power * values
        return values / len(values)

    def value(self, outputs: Outputs, t: Any) -> Array:
        """`(1/n) sum rho l(u)`, u = chi (h - y)."""
        return jnp.sum(self._weighted(self.loss(self._residual(outputs)), 0))

    def gradient(self, outputs: Outputs, t: Any) -> Outputs:
        """`rho chi l'(u) / n`."""
        return self._weighted(self.slope(self._residual(outputs)), 1)

    def curvature(self, outputs: Outputs, t: Any, direction: Outputs) -> Outputs:
        """`rho chi^2 l''(u) direction / n`."""
        second = jnp.maximum(self.second(self._residual(outputs)), 0)
        return self._weighted(second * direction, 2)

    def batch(self, rows: Int[Array, " b"], inside: Bool[Array, " b"]) -> Objective:
        """The mean over a batch."""
        rho = _batch_weights(self.rho, rows, inside, self.target.dtype)
        chi = None if self.chi is None else self.chi[rows]
        return Pointwise(self.target[rows], self.loss, self.slope, self.second, rho, chi)


class CrossEntropy(Objective):
    """`L = -(1/n) sum_i rho_i sum_c p_ic log softmax(h_i)_c`; with one output h against 0."""

    target: Outputs
    """Probabilities (n, c) of the classes, or (n,) of the second of two."""
    rho: Weights = None

    @property
    def scale(self) -> Array:
        """1, that of log-odds."""
        return jnp.ones((), self.target.dtype)

    @property
    def diagonal(self) -> bool:
        """The classes of a sample share the normalisation of their probabilities."""
        return self.target.ndim == 1

    def _weighted(self, values: Array) -> Array:
        if self.rho is not None:
            values = _columns(self.rho, values) * values
        return values / len(values)

    def value(self, outputs: Outputs, t: Any) -> Array:
        """Mean of `log sum exp h - p . h`; of `log(1 + exp h) - p h` for one output."""
        if outputs.ndim == 1:
            return jnp.sum(self._weighted(jax.nn.softplus(outputs) - self.target * outputs))
        return -jnp.sum(self._weighted(self.target * jax.nn.log_softmax(outputs)))

    def gradient(self, outputs: Outputs, t: Any) -> Outputs:
        """`(softmax(h) - p)/n`."""
        return self._weighted(_probabilities(outputs) - self.target)

    def curvature(self, outputs: Outputs, t: Any, direction: Outputs) -> Outputs:
        """`(diag(s) - s s^T) direction / n`, s = softmax(h)."""
        found = _probabilities(outputs)
        if outputs.ndim == 1:
            return self._weighted(found * (1 - found) * direction)
        mean = jnp.sum(found * direction, axis=1, keepdims=True)
        return self._weighted(found * (direction - mean))

    def batch(self, rows: Int[Array, " b"], inside: Bool[Array, " b"]) -> Objective:
        """The mean over a batch."""
        rho = _batch_weights(self.rho, rows, inside, self.target.dtype)
        return CrossEntropy(self.target[rows], rho)


def _probabilities(outputs: Array) -> Array:
    return jax.nn.sigmoid(outputs) if outputs.ndim == 1 else jax.nn.softmax(outputs)


class InFourier(Objective):
    """`L = 1/2 sum_k w_k(t) |u^_k|^2`, `u^_k = (1/n) sum_j u_j exp(-2 pi i xi_k . x_j)`.

    `u = chi sqrt(rho) (h - y)`, summed over the outputs.
    """

    target: Outputs
    waves: Float[Array, "2 F n"]
    """`cos/n` and `-sin/n`, times chi sqrt(rho): real and imaginary part of the transform."""
    weights: Any
    """(F,), or a function of t."""

    @property
    def scale(self) -> Array:
        """Root mean square of the values."""
        return _size(self.target)

    @property
    def scheduled(self) -> bool:
        """Where the weights are a function."""
        return callable(self.weights)

    def weights_at(self, t: Any) -> Float[Array, " F"]:
        """w_k(t)."""
        return jnp.asarray(self.weights(t) if callable(self.weights) else self.weights)

    def transform(self, values: Outputs) -> Array:
        """Real and imaginary part of the transform of any values, (2, F) or (2, F, c)."""
        return jnp.matmul(self.waves, values, precision=jax.lax.Precision.HIGHEST)

    def _apply(self, transform: Array, t: Any) -> Array:
        """The adjoint of `transform` after multiplication by the weights."""
        weighted = _columns(self.weights_at(t).astype(transform.dtype), transform[0]) * transform
        return jnp.einsum(
            "pfn,pf...->n...", self.waves, weighted, precision=jax.lax.Precision.HIGHEST
        )

    def value(self, outputs: Outputs, t: Any) -> Array:
        """`1/2 sum_k w_k |u^_k|^2`."""
        power = jnp.sum(self.transform(outputs - self.target) ** 2, axis=0)
        power = power.reshape(len(power), -1).sum(axis=1)
        return jnp.sum(self.weights_at(t).astype(power.dtype) * power) / 2

    def gradient(self, outputs: Outputs, t: Any) -> Outputs:
        """The adjoint transform of `w u^`."""
        return self._apply(self.transform(outputs - self.target), t)

    def curvature(self, outputs: Outputs, t: Any, direction: Outputs) -> Outputs:
        """The same of the direction: L is quadratic."""
        return self._apply(self.transform(direction), t)


class InFourierByStages(InFourier):
    """The weights of one stage after the other; recordings decide when the next one begins."""

    peaks: Int[Array, " S"]
    tolerance: Float[Array, ""]
    patience: Int[Array, ""]
    stage: Int[Array, ""]
    waited: Int[Array, ""]

    def weights_at(self, t: Any) -> Float[Array, " F"]:
        """Those of the present stage."""
        return self.weights[self.stage]

    def recorded(self, outputs: Outputs) -> Objective:
        """On to the next stage once the peak of this one is learned, or patience is at its end."""
        peak = self.peaks[self.stage]

        def size(values: Array) -> Array:
            return jnp.sqrt(jnp.sum(self.transform(values)[:, peak] ** 2))

        waited = self.waited + 1
        learned = size(outputs - self.target) < self.tolerance * size(self.target)
        more = (learned | (waited >= self.patience)) & (self.stage < len(self.peaks) - 1)
        return eqx.tree_at(
            lambda tree: (tree.stage, tree.waited),
            self,
            (jnp.where(more, self.stage + 1, self.stage), jnp.where(more, 0, waited)),
        )


class Lazy(Objective):
    """`L(alpha f)/alpha^2` as a loss of the outputs f (Chizat, Oyallon, Bach 2019)."""

    objective: Objective
    alpha: Float[Array, ""]

    @property
    def scale(self) -> Array:
        """That of f."""
        return self.objective.scale / self.alpha

    @property
    def scheduled(self) -> bool:
        """As the loss within."""
        return self.objective.scheduled

    @property
    def diagonal(self) -> bool:
        """As the loss within."""
        return self.objective.diagonal

    def value(self, outputs: Outputs, t: Any) -> Array:
        """`L(alpha f)/alpha^2`."""
        return self.objective.value(self.alpha * outputs, t) / self.alpha**2

    def gradient(self, outputs: Outputs, t: Any) -> Outputs:
        """`(dL/dh)(alpha f)/alpha`."""
        return self.objective.gradient(self.alpha * outputs, t) / self.alpha

    def curvature(self, outputs: Outputs, t: Any, direction: Outputs) -> Outputs:
        """`(d^2L/dh^2)(alpha f) direction`."""
        return self.objective.curvature(self.alpha * outputs, t, direction)

    def batch(self, rows: Int[Array, " b"], inside: Bool[Array, " b"]) -> Objective:
        """The same of a batch."""
        return Lazy(self.objective.batch(rows, inside), self.alpha)

    def recorded(self, outputs: Outputs) -> Objective:
        """The same of the loss within."""
        return Lazy(self.objective.recorded(self.alpha * outputs), self.alpha)


Targeted = Pointwise | CrossEntropy | InFourier
"""Losses of the outputs themselves, with the `target` they tend to."""

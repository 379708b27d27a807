"""The flow in Fourier space: unknowns are the coefficients of the modes of a Lattice."""

from functools import cached_property

import numpy as np
import scipy.linalg
from scipy.linalg import hankel, toeplitz

from lfp import _checks as check
from lfp.lattice import Lattice
from lfp.laws import TwoLayer
from lfp.solvers.dense import Relaxation
from lfp.transforms import lattice_modes, lattice_values

DISCRETISATION_ERROR = 0.01  # the error of the cutoff at which the answer counts as unresolved


class ModalSpace:
    """The modal flow `s' = b - T D s`, `h = h_ini + F D s`, `s(0) = 0`, on a lattice.

    Features `F = [Phi, x Phi, 1, x]` (no `1, x` on a torus) with the real basis
    `Phi = [1, sqrt2 cos(2 pi k x/P), sqrt2 sin(2 pi k x/P)]`, k = 1 .. N, and coefficients
    `D = [A + B, B, c_1, c_x]`; `T = F* F/n`, `b = F* u_0/n` with `u_0 = y - h_ini(X)`. T and b
    come from the transforms of 1, x, x^2, u_0 and x u_0; after them nothing has size n.
    A constant without penalty (zero_mode="free") is eliminated by its Schur complement.

    `matrix` and `source` are the symmetric form `q - S s`, `S = G D G*`, `G* G = T`, `G* q = b`;
    it allows negative entries of D. When there are fewer samples than modes, G is `F/sqrt(n)`.
    """

    name = "lattice"

    def __init__(
        self, law: TwoLayer, lattice: Lattice, x: np.ndarray, residual: np.ndarray
    ) -> None:
        self.reach = lattice.reach(x)
        self.lattice, self.x, self.residual = lattice, x[:, 0], residual
        self.period, self.cutoff = float(lattice.period), int(lattice.cutoff)
        n, modes = len(x), 2 * (2 * lattice.cutoff + 1) + (2 if lattice.kind == "free" else 0)
        needed = 3 * 8 * n * modes if n < modes else check.eigendecomposition_bytes(modes)
        check.fits_in_memory(
            needed,
            what=f"{n:,} samples and {modes:,} modes",
            instead="use a smaller cutoff or space='samples'",
        )
        stationary, modulated = lattice.coefficients(law, self.reach)
        weights = np.concatenate([stationary, stationary[1:], modulated, modulated[1:]])
        if lattice.kind == "free":
            weights = np.concatenate([weights, law.affine(1)])
        self.free_constant = lattice.zero_mode == "free"
        self.weights = weights[1:] if self.free_constant else weights
        gram_norm = self._symmetrise_features() if n < modes else self._symmetrise_gram()
        self.matrix = (self.factor * self.weights) @ self.factor.T
        self.matrix = (self.matrix + self.matrix.T) / 2
        # by Duhamel's formula the modes left out change the output by at most t |K_tail|/n
        a_rate, b_rate = law.rates((lattice.cutoff + 1) / lattice.period, 1)
        tail = (a_rate + b_rate * (1 + np.max(self.x**2))) / lattice.period
        self.resolved_until = float(DISCRETISATION_ERROR / (tail * gram_norm))

    def _symmetrise_features(self) -> float:
        """Set G = F/sqrt(n) and q; return the norm of T."""
        features, residual = self._features(), self.residual
        if self.free_constant:
            # an orthonormal basis of what is orthogonal to the constant
            rows = scipy.linalg.null_space(np.ones((1, len(self.x)))).T
            features, residual = rows @ features[:, 1:], rows @ residual
        self.factor = features / np.sqrt(len(self.x))
        self.source = residual / np.sqrt(len(self.x))
        return float(np.linalg.norm(self.factor, 2) ** 2)

    def _symmetrise_gram(self) -> float:
        """Set G and q from the eigenvectors of T; return the norm of T."""
        gram, right = self.normal_equations
        values, vectors = scipy.linalg.eigh(gram)
        keep = values > len(values) * np.finfo(float).eps * values[-1]
        root = np.sqrt(values[keep])
        self.factor = root[:, None] * vectors[:, keep].T
        self.source = (vectors[:, keep].T @ right) / root
        return float(values[-1])

    @cached_property
    def normal_equations(self) -> tuple[np.ndarray, np.ndarray]:
        """T and b, without the constant where it is free (Schur complement, T_00 = 1)."""
        gram, right = self._gram_and_right()
        if not self.free_constant:
            return gram, right
        row = gram[0, 1:]
        return gram[1:, 1:] - np.outer(row, row), right[1:] - row * right[0]

    def _gram_and_right(self) -> tuple[np.ndarray, np.ndarray]:
        """T and b from three complex transforms of five real vectors."""
        x, residual, n, cutoff = self.x, self.residual, len(self.x), self.cutoff
        pairs = np.stack([1 + 1j * x, x**2 + 1j * residual, x * residual + 0j])
        packed = lattice_modes(x, pairs, self.period, 2 * cutoff) / n
        mirrored = packed[:, ::-1].conj()  # of real input: k and -k are conjugate
        half = slice(2 * cutoff, None)
        even, odd = ((packed + mirrored) / 2)[:, half], ((packed - mirrored) / 2j)[:, half]
        moments = [even[0], odd[0], even[1]]
        of_residual, of_x_residual = _project(odd[1], cutoff), _project(even[2], cutoff)
        blocks = [_real_gram(moment, cutoff) for moment in moments]
        gram = np.block([[blocks[0], blocks[1]], [blocks[1], blocks[2]]])
        right = np.concatenate([of_residual, of_x_residual])
        if self.lattice.kind == "free":
            columns = [_project(moment, cutoff) for moment in moments]
            border = np.stack([np.concatenate(columns[:2]), np.concatenate(columns[1:])], axis=1)
            means = [float(np.real(moment[0])) for moment in moments]
            corner = np.array([means[:2], means[1:]])
            gram = np.block([[gram, border], [border.T, corner]])
            right = np.concatenate([right, [of_residual[0], of_x_residual[0]]])
        return gram, right

    def _features(self) -> np.ndarray:
        """F written out, `(n, modes)`."""
        k = np.arange(1, self.cutoff + 1)
        angle = 2 * np.pi * np.outer(self.x / self.period, k)
        ones = np.ones((len(self.x), 1))
        basis = np.hstack([ones, np.sqrt(2) * np.cos(angle), np.sqrt(2) * np.sin(angle)])
        parts = [basis, self.x[:, None] * basis]
        if self.lattice.kind == "free":
            parts += [ones, self.x[:, None]]
        return np.hstack(parts)

    def coefficients(self, states: np.ndarray) -> np.ndarray:
        """Coefficients `c = D G* s` of the real basis, `(T, modes)`."""
        return self._restore_constant((states @ self.factor) * self.weights)

    def limit(self, ridge: float) -> tuple[np.ndarray, float, np.ndarray]:
        """Coefficients `(1, modes)`, squared norm and eigenvalues of `(S + ridge) s = q`."""
        relaxation = Relaxation(self.matrix, self.source)
        state = relaxation.limit(ridge)
        square = float(state @ self.matrix @ state)
        return self.coefficients(state[None]), square, relaxation.eigenvalues + ridge

    def general_form(self) -> tuple[np.ndarray, np.ndarray]:
        """`(T D, b)` of the modal equation itself, `s' = b - T D s`, for an ODE integrator."""
        gram, right = self.normal_equations
        return gram * self.weights, right

    def coefficients_from_general(self, states: np.ndarray) -> np.ndarray:
        """Coefficients `c = D s`, `(T, modes)`, of states of the general form."""
        return self._restore_constant(states * self.weights)

    def _restore_constant(self, coefficients: np.ndarray) -> np.ndarray:
        """Put the free constant, which keeps the mean residual at zero, before the others."""
        if not self.free_constant:
            return coefficients
        trial = np.column_stack([np.zeros(len(coefficients)), coefficients])
        constant = np.mean(self.residual - self._outputs(self.x, trial), axis=1)
        return np.column_stack([constant, coefficients])

    def complex_coefficients(self, coefficients: np.ndarray) -> np.ndarray:
        """Fourier coefficients, k = -N .. N, of Phi and x Phi; then those of 1 and x.

        Shape `(T, 2 (2N + 1))`, plus 2 on a free lattice.
        """
        size = 2 * self.cutoff + 1
        stationary = _complex_modes(coefficients[:, :size])
        modulated = _complex_modes(coefficients[:, size : 2 * size])
        return np.hstack([stationary, modulated, coefficients[:, 2 * size :]])

    def evaluate(self, x: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """Outputs `(T, m)` at x `(m, 1)`, without the initial output: one pass per time."""
        if x.shape[1] != 1:
            raise ValueError(f"x must have dimension 1 on a Lattice, got {x.shape[1]}")
        position = x[:, 0]
        distance = max(position.max() - self.x.min(), self.x.max() - position.min())
        if self.lattice.kind == "free" and distance > self.reach * (1 + 1e-12):
            raise ValueError(
                f"x must stay within {self.reach:g} of every sample on this Lattice, got a "
                f"distance of {distance:g}; use a period of at least {3 * distance:g}"
            )
        return self._outputs(position, coefficients)

    def _outputs(self, position: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        size = 2 * self.cutoff + 1
        # both parts are real functions: they travel as real and imaginary part of one pass
        packed = _complex_modes(coefficients[:, :size]) + 1j * _complex_modes(
            coefficients[:, size : 2 * size]
        )
        values = lattice_values(position, packed, self.period)
        outputs = np.real(values) + position * np.imag(values)
        if self.lattice.kind == "free":
            outputs += coefficients[:, -2:-1] + coefficients[:, -1:] * position
        return outputs


def _real_gram(moment: np.ndarray, cutoff: int) -> np.ndarray:
    """`(1/n) sum_i g_i phi(x_i) phi(x_i)*` in the real basis, from the moments of g, k = 0 .. 2N.

    Products of cosines and sines are sums over k - l (Toeplitz) and k + l (Hankel).
    """
    k = np.arange(cutoff + 1)
    cosine, sine = np.real(moment), -np.imag(moment)
    difference, total = toeplitz(cosine[k]), hankel(cosine[k], cosine[cutoff:])
    odd_difference = toeplitz(-sine[k], sine[k])  # sin of (l - k)
    odd_total = hankel(sine[k], sine[cutoff:])
    even_block = difference + total
    even_block[0] /= np.sqrt(2)  # the constant is 1, not sqrt2 cos(0)
    even_block[:, 0] /= np.sqrt(2)
    mixed = (odd_total + odd_difference)[:, 1:]
    mixed[0] /= np.sqrt(2)
    return np.block([[even_block, mixed], [mixed.T, (difference - total)[1:, 1:]]])


def _project(moment: np.ndarray, cutoff: int) -> np.ndarray:
    """`(1/n) sum_i g_i phi(x_i)` in the real basis, from the moments of g."""
    used = moment[: cutoff + 1]
    constant = np.real(used[:1])
    return np.concatenate(
        [constant, np.sqrt(2) * np.real(used[1:]), -np.sqrt(2) * np.imag(used[1:])]
    )


def _complex_modes(real: np.ndarray) -> np.ndarray:
    """Coefficients of `exp(2 pi i k x/P)`, k = -N .. N, from those of the real basis."""
    cutoff = real.shape[1] // 2
    positive = (real[:, 1 : cutoff + 1] - 1j * real[:, cutoff + 1 :]) / np.sqrt(2)
    return np.hstack([positive[:, ::-1].conj(), real[:, :1] + 0j, positive])

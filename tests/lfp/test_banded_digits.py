"""The O(n) solution in d = 1 against many digits, where a dense one has none."""

from functools import partial

import mpmath as mp
import numpy as np
import pytest

import lfp

LAWS = {
    "two": lambda reach: lfp.TwoLayer(sigma_b=max(10.0, 3 * reach)),
    "frozen": lambda reach: lfp.TwoLayer(sigma_b=max(10.0, 3 * reach), divergence=False),
    "simplified": lambda reach: lfp.Simplified(1.0, 2.0, 0.5),
    "linear": lambda reach: lfp.PowerLaw(2),
    "cubic": lambda reach: lfp.PowerLaw(4),
}


def clusters(n, gap):
    """n samples at distances from `gap` to 0.2, in geometric steps, from four centres."""
    distances = np.geomspace(gap, 0.2, n // 4)
    pairs = zip((-1.0, -0.3, 0.4, 1.0), (1, -1, 1, -1), strict=True)
    return np.concatenate([centre + side * distances for centre, side in pairs])


def uniform(n):
    return np.random.default_rng(0).uniform(-1, 1, n)


def steps(n):
    """Gaps of all sizes from 1e-9 to 1, mixed."""
    gaps = np.random.default_rng(3).permutation(np.geomspace(1e-9, 1, n - 1))
    return np.append(-2.0, -2.0 + np.cumsum(gaps))


SAMPLES = {
    "clustered": lambda n: clusters(n, 1e-6),
    "narrowing": lambda n: np.append(0.0, np.cumsum(np.geomspace(0.9, 1e-9, n - 1))),
    "shifted": lambda n: 1e3 + (1 + uniform(n)) / 2,
    "far": lambda n: np.append(uniform(n - 1), 1e4),
    "range": lambda n: uniform(n) * np.repeat([1, 1e4], n // 2),
}


def data(x):
    """Something smooth plus something random."""
    u = (x - x.min()) / np.ptp(x)
    return np.sin(9 * u) + u + np.random.default_rng(1).uniform(-1, 1, len(x))


def around(x):
    """Positions between the sorted samples and outside, to their extent away."""
    middles = (x[1:] + x[:-1]) / 2
    beyond = np.ptp(x) * np.array([0.1, 1])
    return np.concatenate([middles[:: max(1, len(x) // 60)], x[0] - beyond, x[-1] + beyond])


def kernel_equations(x, y, law, noise, at):
    """Values at `at` and the norm, by `(K + noise) c + b_0 + b_1 x = y` with 60 digits."""
    with mp.workdps(60):
        cubic, linear, modulated = map(mp.mpf, law.powers(1))

        def kernel(first, second):
            r = abs(first - second)
            return cubic * r**3 - (linear + modulated * first * second) * r

        n, nodes = len(x), [mp.mpf(float(v)) for v in x]
        matrix = mp.zeros(n + 2)
        for i, first in enumerate(nodes):
            for j, second in enumerate(nodes):
                matrix[i, j] = kernel(first, second)
            matrix[i, i] += noise
            matrix[i, n] = matrix[n, i] = 1
            matrix[i, n + 1] = matrix[n + 1, i] = first
        for k, coefficient in zip((n, n + 1), law.affine(1), strict=True):
            if coefficient:  # b = C sum_j c_j (1, x_j)
                matrix[k, k] = -1 / mp.mpf(coefficient)
            else:
                matrix[k, :] = mp.zeros(1, n + 2)
                matrix[k, k] = 1
        values = [mp.mpf(float(v)) for v in y]
        solved = list(mp.lu_solve(matrix, mp.matrix([*values, 0, 0])))
        weights, (constant, slope) = solved[:n], solved[n:]
        found = [
            float(mp.fdot(weights, [kernel(a, v) for v in nodes]) + constant + slope * a)
            for a in map(mp.mpf, map(float, at))
        ]
        square = mp.fsum(c * (v - noise * c) for c, v in zip(weights, values, strict=True))
        return np.array(found), float(mp.sqrt(square))


def substitution(x, y, law, noise, at, digits):
    """The same in O(n), x sorted: equation after equation, which costs many digits.

    With `q(x, t) = c_3 z^3 - c_1 z - c_m x t z`, z = x - t, it is
    `h = 2 sum_left c_j q(x, x_j) - sum_j c_j q(x, x_j) + b_0 + b_1 x`. Two sums over polynomials of
    x_j: what is on the left of x_i follows from the samples before it, and all moments and b
    are four unknowns (two for |z| alone) that are carried along and follow in the end.
    """
    with mp.workdps(digits):
        cubic, linear, modulated = map(mp.mpf, law.powers(1))
        kinds = range(4) if cubic else range(2)
        free = [np.isinf(c) for c in law.affine(1)] + [False, False]

        def column(entry, value):
            return [mp.mpf(value) if j == entry else mp.mpf(0) for j in range(len(kinds) + 1)]

        def plus(first, factor, second):
            return [a + factor * b for a, b in zip(first, second, strict=True)]

        def polynomial(t, moments):
            factors = (
                cubic * t**3 - linear * t,
                linear - 3 * cubic * t**2 - modulated * t**2,
                (3 * cubic + modulated) * t,
                -cubic,
            )
            total = column(None, 0)
            for k in kinds:
                total = plus(total, factors[k], moments[k])
            return total

        moments = [column(None if free[k] else k + 1, 1) for k in kinds]
        affine = [column(k + 1, 1 if free[k] else law.affine(1)[k]) for k in (0, 1)]

        def outside(t):
            return plus(plus(affine[0], t, affine[1]), -1, polynomial(t, moments))

        left, weights, rows = [column(None, 0) for _ in kinds], [], []

        def append(weight, t):
            weights.append(weight)
            for k in kinds:
                left[k] = plus(left[k], t**k, weight)

        nodes = [mp.mpf(float(v)) for v in x]
        for i, t in enumerate(nodes):
            rest = plus(column(0, float(y[i])), -1, outside(t))
            rest = plus(rest, -2, polynomial(t, left))
            if noise:
                append([v / noise for v in rest], t)
            elif i == 0:
                rows.append(rest)
            else:
                before = nodes[i - 1]
                z = t - before
                q = 2 * (cubic * z**3 - (linear + modulated * t * before) * z)
                append([v / q for v in rest], before)
        if not noise:
            append(plus(moments[0], -1, left[0]), nodes[-1])
        rows += [plus(moments[k], -1, left[k]) for k in kinds[0 if noise else 1 :]]
        solved = mp.lu_solve(mp.matrix([row[1:] for row in rows]), -mp.matrix([r[0] for r in rows]))
        unknowns = [mp.mpf(1), *solved]
        parts = max(abs(a * b) for w in weights for a, b in zip(w, unknowns, strict=True))
        c = [mp.fdot(weight, unknowns) for weight in weights]
        assert parts / max(map(abs, c)) < mp.mpf(10) ** (digits - 60)  # digits that are left
        order, found, j = np.argsort(at), np.empty(len(at), dtype=object), 0
        sums = [mp.mpf(0) for _ in kinds]
        for k in order:
            t = mp.mpf(float(at[k]))
            while j < len(nodes) and nodes[j] <= t:
                sums = [s + c[j] * nodes[j] ** p for p, s in enumerate(sums)]
                j += 1
            inner = polynomial(t, [[s, *solved] for s in sums])[0]
            found[k] = 2 * inner + mp.fdot(outside(t), unknowns)
        square = mp.fsum(w * (mp.mpf(float(v)) - noise * w) for w, v in zip(c, y, strict=True))
        return found.astype(float), float(mp.nstr(mp.sqrt(square), 20))


def check_against_digits(x, law, ridge, solution, accuracy):
    x = np.sort(x)
    y, at = data(x), around(x)
    banded = lfp.interpolate(law, x, y, ridge=ridge, solver="banded")
    exact, norm = solution(x, y, law, len(x) * ridge, at)
    assert np.abs(banded(at) - exact).max() < accuracy * np.abs(exact).max()
    assert banded.norm == pytest.approx(norm, rel=accuracy)


@pytest.mark.parametrize("ridge", [0.0, 1e-6])
@pytest.mark.parametrize("law", LAWS)
def test_banded_solves_the_kernel_equations_of_sixty_digits(law, ridge):
    # a gap of 1 has no conductance at all in the law "simplified"
    check_against_digits(steps(32), LAWS[law](3.0), ridge, kernel_equations, 1e-12)


@pytest.mark.parametrize("ridge", [0.0, 1e-4, 1.0])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("positions", SAMPLES)
def test_banded_keeps_its_digits_where_dense_has_none(positions, law, ridge):
    x = SAMPLES[positions](40)
    which, accuracy = LAWS[law](np.abs(x).max()), 1e-11 if ridge else 1e-12
    check_against_digits(x, which, ridge, partial(substitution, digits=500), accuracy)


# of p, whose corrections stop at 1e-10: less is left of TwoLayer's outputs beyond the samples
@pytest.mark.slow
@pytest.mark.parametrize(
    ("law", "ridge", "accuracy"),
    [("cubic", 0.0, 1e-12), ("two", 0.0, 1e-9), ("cubic", 1e-3, 1e-12), ("two", 1e-3, 1e-12)],
)
def test_three_thousand_clustered_samples_against_many_digits(law, ridge, accuracy):
    x = clusters(3000, 1e-9)
    check_against_digits(x, LAWS[law](1.0), ridge, partial(substitution, digits=2700), accuracy)

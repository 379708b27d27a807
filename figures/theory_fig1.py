"""The three stages of a training by mean square, and the bounds of the three theorems.

Source: Luo, Ma, Xu, Zhang 2019, Theory of the Frequency Principle for General Deep Neural
Networks, fig. 1.

Setting: f(x) = sum_(j=1)^500 sin(j x/10)/j at 300 samples on [-3.14, 3.14]; tanh 1-200-50-1,
full-batch Adam of rate 2e-5, mean square. The paper gives neither the initial distribution nor the
number of steps: weights by Glorot's rule (0.1 here), biases from N(0, 0.1^2); steps until four
peaks are learned, and more. Second row: gradient flow from the same parameters. Quick: 100 samples,
1-50-20-1, rate 5e-4. No cut-off and no density, as in the paper's figure.

What is drawn: a peak is learned when its Delta_F first falls below 0.15; "initial" is when the
first one is, "final" when the first four are. Adam is not gradient flow: beside the change over one
of its steps stands that of gradient flow from its parameters with Theorem 1's bound, which is for
the latter only. Bounds are the least over m = 1, 2, 3 and the forms of `compare.stages`. They lie
far above the ratios, beyond 1 at most frequencies: what is tested is that no ratio exceeds them.

Must be seen, for both trainings:
- initial: only the first peak is learned; the loss ratio falls with eta at the peaks; the
  change of the output lies at low frequencies (its ratio falls with eta by definition);
- intermediate: the ratio at the fourth peak grows with T2 - T1, up to a level that it keeps, from
  T1 on, when that peak's Delta_F is largest. Not from any T1: from the initial stage on it first
  falls to nearly 0, since L_eta^+ grows while the output turns from a ramp, whose period has a jump
  too, into a step; nor from late ones, when that peak is learned and L_eta^+ has little to lose;
- final: beyond some eta_0 the loss ratio falls at the peaks; high peaks are not learned;
- no ratio of a gradient flow is above its bound.

    python figures/theory_fig1.py [--full]
"""

import gallery
from stages_panels import check, draw
from stages_trainings import Recipe, compute

QUICK = Recipe(samples=100, widths=(50, 20), rate=5e-4, steps=2500, last=1000.0)
FULL = Recipe(
    samples=300,
    widths=(200, 50),
    rate=2e-5,
    steps=15_000,
    last=1000.0,
    records=60,
    times=100,
)

FIGURE = gallery.Figure(__file__, QUICK, FULL, compute, draw, check)

if __name__ == "__main__":
    FIGURE.main()

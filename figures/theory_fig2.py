"""The three stages of a training by the loss L^4, and the bounds of the three theorems.

Source: Luo, Ma, Xu, Zhang 2019, Theory of the Frequency Principle for General Deep Neural
Networks, fig. 2.

Setting: as in `theory_fig1`, with the mean of (h - y)^4 and tanh 1-500-500-500-500-1. Quick: 100
samples, widths 50, rate 2e-4.

What is drawn and what must be seen: as in `theory_fig1`. For this loss Theorems 1 and 3 bound the
output ratio only: L is the squared error still, which can stand still or rise, so that its ratio
may exceed 1. Theorem 2 bounds the ratio of the losses' changes. Peaks overshoot: learned
once, their Delta_F rises to 0.25 again before it falls for good. When the first has just been
learned the others stand at 0.23 already, the share of the ramp that all have in common.

    python figures/theory_fig2.py [--full]
"""

import gallery
from stages_panels import check, draw
from stages_trainings import Recipe, compute

QUICK = Recipe(
    samples=100,
    widths=(50,) * 4,
    rate=2e-4,
    steps=3000,
    last=1000.0,
    loss=4,
)
FULL = Recipe(
    samples=300,
    widths=(500,) * 4,
    rate=2e-5,
    steps=5000,
    last=1000.0,
    loss=4,
    records=60,
    times=100,
)

FIGURE = gallery.Figure(__file__, QUICK, FULL, compute, draw, check)

if __name__ == "__main__":
    FIGURE.main()

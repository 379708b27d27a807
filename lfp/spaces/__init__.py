"""The unknowns of a flow: weights of the samples, or coefficients of a lattice's modes."""

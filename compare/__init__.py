"""One study: theory and networks on one time axis, its numbers in one file. Import by module.

`compare.study` (what to compare, and `run`), `compare.datasets`, `compare.images`,
`compare.spectra`,
`compare.stages` (the theorems of the three stages of training),
`compare.initialization` (what the initial output leaves), `compare.distances`,
`compare.budget` and `compare.agreement` (LFP against networks), `compare.targets`,
`compare.information`, `compare.generalization`, `compare.scaling` (exponents with intervals),
`compare.store`, `compare.summary`, `compare.table`, `compare.plots`, and `compare.cli`, the
command `lfp`.
"""

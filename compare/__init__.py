"""One study: theory and networks on one time axis, its numbers in one file. Import by module.

`compare.study` (what to compare, and `run`), `compare.datasets`, `compare.spectra`,
`compare.store`, `compare.summary`, `compare.table`, `compare.plots`, and `compare.cli`, the
command `lfp`.
"""

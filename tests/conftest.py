"""Shapes and types in the signatures are checked while the tests run."""

import jax
from jaxtyping import install_import_hook

jax.config.update("jax_enable_x64", True)
install_import_hook(["lfp", "nets", "compare"], "beartype.beartype")

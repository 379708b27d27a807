"""Sphinx configuration: `make docs`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

project = "linear-frequency-principle"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath"]
autodoc_typehints = "none"  # shapes stand in the text
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_attr_annotations = False  # shapes again

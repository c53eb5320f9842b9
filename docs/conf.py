"""How Sphinx builds the guide and the reference: offline, from what the package says of itself."""

import sys
from pathlib import Path

import widelearn as wl

sys.path.insert(0, str(Path(__file__).parent))

project = "widelearn"
author = "The widelearn developers"
copyright = author  # noqa: A001 (Sphinx's name)
version = release = wl.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "extensions.costs",
    "extensions.figures",
    "extensions.mathml",
    "extensions.models",
    "extensions.offline",
    "extensions.plain_text",
    "extensions.reference",
]
exclude_patterns = ["_build", "rows"]
root_doc = "index"
nitpicky = True
suppress_warnings = ["config.cache"]

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3

autosummary_generate = False
autodoc_typehints = "none"
autodoc_member_order = "groupwise"
toc_object_entries_show_parents = "hide"
# The docstrings of the constructors are those of the classes, whose tables numpydoc would make a second time.
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "show_memory": False,
    "min_reported_time": 10**9,
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_signature": False,
    # That page would ask a network for its tables.
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "widelearn"
html_math_renderer = "mathml"
html_static_path = ["static"]
html_css_files = ["widelearn.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "navbar_end": ["theme-switcher"],
    "footer_start": [],
    "footer_end": [],
    "header_links_before_dropdown": 4,
}

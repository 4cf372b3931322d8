"""How Sphinx builds these pages: python -m sphinx -W --keep-going -n docs docs/_build/html.

The extensions and the theme are those of Astropy's own pages (``sphinx_astropy.conf.v2``), without the ones
that these pages have no use for. No network is used, unless ``ACS_DEEPCR_DOCS_ONLINE`` is set, which links
names of Astropy and NumPy to their pages.
"""

import importlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

project = "acs_deepcr_step"
author = "the acs_deepcr_step developers"
version = release = importlib.import_module("acs_deepcr_step").__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "built",
    "commands",
    "mathml",
]
exclude_patterns = ["_build", "**/.ipynb_checkpoints"]
nitpicky = True
needs_sphinx = "8.0"

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_dmath_allow_digits = False
html_math_renderer = "mathml"

online = bool(os.environ.get("ACS_DEEPCR_DOCS_ONLINE"))
intersphinx_mapping = {
    "python": ("https://docs.python.org/3/", None),
    "numpy": ("https://numpy.org/doc/stable/", None),
    "astropy": ("https://docs.astropy.org/en/stable/", None),
    "drizzlepac": ("https://drizzlepac.readthedocs.io/en/latest/", None),
} if online else {}  # fmt: skip

# Docstrings name arguments, private helpers and other packages in single backticks, not only targets.
default_role = "py:obj"
# Types of attributes are words; choices among them, such as {'loss', 'fpr'}, are no names either.
nitpick_ignore_regex = [("py:obj", ".*"), ("py:class", ".*['{}].*")]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

# The notebooks are run at a reduced size, so that the pages show what they give. That takes minutes;
# ACS_DEEPCR_DOCS_NOTEBOOKS=off leaves it out.
(HERE / "notebooks").mkdir(exist_ok=True)
for notebook in (HERE.parent / "notebooks").glob("*.ipynb"):
    shutil.copy(notebook, HERE / "notebooks")
nb_execution_mode = os.environ.get("ACS_DEEPCR_DOCS_NOTEBOOKS", "force")
nb_execution_in_temp = True
nb_execution_timeout = 900
nb_execution_raise_on_error = True
nb_merge_streams = True
# What AstroDrizzle and TweakReg print about their progress.
nb_output_stderr = "remove"
os.environ.setdefault("ACS_DEEPCR_NOTEBOOK_SIDE", "512")
# A backend that the host has set would keep figures out of the notebooks; without it kernels show them.
os.environ.pop("MPLBACKEND", None)
# Kernels listen on this machine alone, and warn all the same that others may listen, too.
profile = Path(tempfile.mkdtemp(prefix="ipython")) / "profile_default"
profile.mkdir()
(profile / "ipython_kernel_config.py").write_text("get_config().IPKernelApp.log_level = 40\n")
os.environ["IPYTHONDIR"] = str(profile.parent)

html_theme = "pydata_sphinx_theme"
html_title = f"acs_deepcr_step {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sourcelink = False
html_sidebars = {"quickstart": [], "index": []}
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "secondary_sidebar_items": ["page-toc"],
}
copyright = f"2026, {author}"


def headings_to_rubrics(_app, what, _name, _obj, _options, lines):
    """Make rubrics of the sections of a module's docstring: a page may show several modules."""
    if what != "module":
        return
    for number in range(len(lines) - 1, 0, -1):
        if lines[number] and set(lines[number]) == {"-"} and len(lines[number]) == len(lines[number - 1]):
            lines[number - 1 : number + 1] = [f".. rubric:: {lines[number - 1]}", ""]


def setup(app):
    """Register what is above with Sphinx."""
    app.connect("autodoc-process-docstring", headings_to_rubrics)

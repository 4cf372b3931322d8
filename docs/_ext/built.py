"""What only the built pages have, and what only a Git host needs.

A Git host shows Markdown and knows none of Sphinx's directives. So they stand in comments, which it leaves
out, and the text around them is whole without them:

    <!-- built
    ```{toctree}
    ...
    ```
    -->

What the built pages have otherwise (``<!-- host -->`` to ``<!-- end host -->``) is left out of them.
"""

import re

_BUILT = re.compile(r"<!-- built\n(.*?)-->", re.DOTALL)
_HOST = re.compile(r"<!-- host -->.*?<!-- end host -->", re.DOTALL)


def read(text):
    """Return the text of a page as Sphinx is to read it; each line keeps its number.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    text = _HOST.sub(lambda found: "\n" * found[0].count("\n"), text)
    return _BUILT.sub(lambda found: f"\n{found[1]}", text)


def _read_source(_app, _page, source):
    source[0] = read(source[0])


def setup(app):
    """Register with Sphinx."""
    app.connect("source-read", _read_source)
    return {"parallel_read_safe": True, "version": "1"}

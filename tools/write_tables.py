"""Write the tables of parameters, commands, models, cameras, reasons and public names into the pages.

    python tools/write_tables.py

The tables are made from the code (docs/_ext/tables.py) and stand between two comments of a page.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "_ext")]

import tables  # noqa: E402

MADE = {
    "parameters": tables.parameters,
    "commands": tables.commands,
    "models": tables.published_models,
    "reasons": tables.reasons,
    "cameras": tables.cameras,
    "public names": tables.public_names,
    "training modules": tables.training_modules,
}
_PLACE = re.compile(r"(<!-- made: ([\w ]+?)(?:: ([^>]*?))? -->\n).*?(<!-- end -->)", re.DOTALL)


def written(text):
    """Return the text of a page with its tables as they are now.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """

    def table(found):
        begin, name, words, end = found.groups()
        made = MADE[name](words.split()) if words else MADE[name]()
        return f"{begin}\n{made}\n\n{end}"

    return _PLACE.sub(table, text)


def pages():
    """Return the pages that have such tables."""
    found = sorted((ROOT / "docs").rglob("*.md"))
    return [path for path in found if "<!-- made: " in path.read_text("utf-8")]


def main():
    """Write all of them."""
    for path in pages():
        path.write_text(written(path.read_text("utf-8")), encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()

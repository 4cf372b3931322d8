"""Make the packaged weights from those of deepCR 0.3.1, which has to be installed; none of its code is run.

    python tools/convert_weights.py [--output DIR]

For each published model (`acs_deepcr_step.network.published.KNOWN`) deepCR's file is checked by its
SHA-256, its tensors are written as they are, names without the prefix ``module.``, into a safetensors
file with a description, and the file is read back and compared. The same files give the same bytes;
what is there already is replaced.
"""

import argparse
import hashlib
import importlib.util
import os
import sys
from pathlib import Path

from acs_deepcr_step.network import published, weights_file

PACKAGE, VERSION = "deepCR", "0.3.1"
AUTHORS = "Keming Zhang; copyright (c) 2019, UC Berkeley"


def published_folder():
    """Return the folder of deepCR's weights, found without importing it."""
    found = importlib.util.find_spec("learned_models")
    for folder in (found.submodule_search_locations or ()) if found else ():
        return Path(folder)
    sys.exit(f"{PACKAGE} is not installed: pip install {PACKAGE}=={VERSION}")


def description(known, file):
    """Describe the weights of a model, as its file says it."""
    about = {
        "name": known.name,
        "package": PACKAGE,
        "version": VERSION,
        "file": f"learned_models/{file}",
        "sha256": known.file_sha256,
        "licence": known.licence,
        "authors": AUTHORS,
        "citation": known.citation,
    }
    return weights_file.Description(
        known.kind,
        known.levels,
        known.hidden,
        known.scale,
        known.filter,
        known.threshold,
        about,
        known.standardise,
    )


def convert(known, source, target):
    """Write one model; returns its identity."""
    import torch

    file = Path(known.file).with_suffix(".pth").as_posix()
    content = (source / file).read_bytes()
    if hashlib.sha256(content).hexdigest() != known.file_sha256:
        sys.exit(f"{source / file} is not the file of {PACKAGE} {VERSION}: its SHA-256 differs")
    state, _ = weights_file.parse(source / file, content)
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f".{target.name}.new")
    new.unlink(missing_ok=True)
    weights_file.write(new, state, description(known, file))
    written, _ = weights_file.parse(target, new.read_bytes())
    same = state.keys() == written.keys() and all(
        value.dtype == written[key].dtype and torch.equal(value, written[key]) for key, value in state.items()
    )
    if not same:
        sys.exit(f"{new} does not hold the tensors of {source / file}")
    os.replace(new, target)
    return weights_file.identity(weights_file.fingerprint(state), known)


def main():
    """Convert all models; the exit status is 1 if one has another identity than is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=published.FOLDER, help="default: %(default)s")
    output = parser.parse_args().output
    source, strange = published_folder(), 0
    for known in filter(lambda one: one.from_deepcr, published.KNOWN):
        digest = convert(known, source, output / known.file)
        strange += digest != known.sha256
        print(f"{known.file}  {digest}" + ("" if digest == known.sha256 else f"  known: {known.sha256!r}"))
    sys.exit(strange > 0)


if __name__ == "__main__":
    main()

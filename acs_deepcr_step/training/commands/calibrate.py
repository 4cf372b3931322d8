"""``acs-deepcr calibrate``: how often a mask model is right, counted on simulated exposures."""

from pathlib import Path

from ...work.printing import say

__all__ = ["HELP", "NAME", "add_arguments", "main"]

NAME = "calibrate"
HELP = "count how often a mask model is right: what several exposures weigh its word by"

_SHOWN_FLUX = (3.0, 5.0, 16.0)  # sigma
_DOUBT = -2.5  # log odds of the network


def add_arguments(parser):
    """Add the options.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    parser.add_argument("model", metavar="MODEL", help="weights file, or the name of a published model")
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="for the calibration (default: beside the weights, MODEL.calibration.json: runs look there)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="count on two tiny fields only: shows that it works, and is not to be used",
    )


def main(arguments):
    """Count, write and print.

    Parameters
    ----------
    arguments : argparse.Namespace

    Raises
    ------
    StepError
        If the model is none, the calibration of a published model would be replaced, or the file cannot be
        written.
    """
    from ...errors import ParameterError
    from ...network import calibration_file, published
    from ..calibration import fields, measure

    if not arguments.output and published.find(arguments.model):
        raise ParameterError(
            f"{arguments.model} is a published model, and its calibration comes with acs_deepcr_step: "
            "give --output FILE to count it again."
        )
    path = Path(arguments.output).expanduser() if arguments.output else None
    if path and not path.parent.is_dir():
        raise ParameterError(f"{path.parent} is not a directory: make it first, or give another --output.")
    chosen = fields.QUICK if arguments.quick else fields.TRAINING
    made = measure.calibration(arguments.model, chosen, progress=True)
    path = path or calibration_file.path_for(arguments.model)
    measure.write(path, made)
    _print(path, made)


def _print(path, made):
    import numpy as np

    from ...flagging.consensus.calibration import FLUX, PROBABILITY

    about, doubt = made.provenance, int(np.searchsorted(PROBABILITY, _DOUBT))
    say(f"{path}: calibration of {about['model']}, from {len(about['fields'])} simulated fields")
    say(f"candidates: {about['candidates']}, of which cosmic rays: {about['cosmic_rays']}")
    say("shares where the network doubts (log odds -2.5), as nothing, the same (cosmic rays: less),")
    say("something that changed:")
    for flux in _SHOWN_FLUX:
        node = int(np.searchsorted(FLUX, flux))
        sky, hit = (_text(each[node, doubt]) for each in (made.sky, made.cosmic_ray))
        say(f"  {flux:g} sigma: sky {sky}; cosmic rays {hit}")


def _text(shares):
    return ", ".join(f"{share:.3f}" for share in shares)

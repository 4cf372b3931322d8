"""``acs-deepcr inpaint``: weights of an inpainting model from patches."""

from ...work.printing import say
from . import training_arguments

__all__ = ["HELP", "NAME", "add_arguments", "main"]

NAME = "inpaint"
HELP = "train an inpainting model on patches; a killed training goes on where it was"


def add_arguments(parser):
    """Add the options.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    training_arguments.add(parser)
    group = parser.add_argument_group("what is particular to inpainting")
    group.add_argument(
        "--start",
        metavar="MODEL",
        help="weights to begin with, e.g. ACS-WFC-F606W-2-32, or a path (default: random ones); their "
        "normalisations are kept unless --frozen-from is given",
    )
    group.add_argument(
        "--donors", type=int, metavar="N", help="patches whose masks are laid over one (default: 2)"
    )
    group.add_argument("--read-noise", type=float, metavar="ELECTRONS", help="of one readout (default: 5)")


def main(arguments):
    """Train and print the result.

    Parameters
    ----------
    arguments : argparse.Namespace

    Raises
    ------
    StepError
        See `fit.inpainting.fit_inpainting`.
    """
    from ..fit.inpainting import InpaintRecipe, fit_inpainting
    from ..patches.dataset import open_patches

    if arguments.start and arguments.frozen_from is None:
        arguments.frozen_from = 0
    recipe = training_arguments.recipe(arguments, InpaintRecipe)
    options = training_arguments.options(arguments)
    _print(fit_inpainting(open_patches(arguments.patches), arguments.output, recipe, options))


def _print(trained):
    about = trained.description.about
    data, figures, recipe = about["data"], about["figures"], about["recipe"]
    sides = f"{len(data['training_sets'])} training, {len(data['validation_sets'])} validation"
    say(f"{trained.path}: {trained.description.levels}-{trained.description.hidden} inpainting network")
    say(f"begun with: {recipe['start'] or 'random weights'}")
    say(f"patches: {data['patches']} of {data['side']} x {data['side']} pixels; sets: {sides}")
    say(f"best epoch: {figures['best_epoch']} of {recipe['epochs']}, by validation error")
    say("on the validation sets, in units of a pixel's noise (0.80 is that of the pixels themselves):")
    say(f"  mean absolute error {figures['loss']:.3f}, masked median {figures['medmask']:.3f}")
    say(f"  mean error {figures['bias']:+.3f}")
    say(f"use it: acs-deepcr run FILES --clean-file --inpaint {trained.path}")

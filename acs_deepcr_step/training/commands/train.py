"""``acs-deepcr train``: weights from patches."""

from ...work.printing import say
from . import training_arguments

__all__ = ["HELP", "NAME", "add_arguments", "main"]

NAME = "train"
HELP = "train a mask model on patches; a killed training goes on where it was"


def add_arguments(parser):
    """Add the options.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    training_arguments.add(parser)
    parser.add_argument(
        "--no-calibration",
        dest="calibration",
        action="store_false",
        help="do not count how often the weights are right when they are there (acs-deepcr calibrate does)",
    )

    group = parser.add_argument_group("a small network that learns from a large one")
    group.add_argument(
        "--teacher", metavar="MODEL", help="the large one, e.g. ACS-WFC, or a path (default: none)"
    )
    group.add_argument("--start", metavar="MODEL", help="weights to begin with (default: random ones)")
    group.add_argument(
        "--source-weight",
        type=float,
        metavar="WEIGHT",
        help="of pixels with no cosmic ray near: the larger, the fewer stars are flagged (default: 3)",
    )
    group.add_argument(
        "--compression",
        choices=("none", "asinh"),
        help="of the input, so that star cores do not dominate (default: asinh)",
    )
    group.add_argument(
        "--truth-share", type=float, metavar="SHARE", help="of the truth in what is learnt (default: 0.3)"
    )


def main(arguments):
    """Train and print the result.

    Parameters
    ----------
    arguments : argparse.Namespace

    Raises
    ------
    StepError
        See `fit.loop.fit`.
    """
    from dataclasses import replace

    from ...errors import ParameterError
    from ..calibration import fields
    from ..fit.distillation import DistillationRecipe, fit_distilled
    from ..fit.loop import fit
    from ..fit.recipe import Recipe
    from ..patches.dataset import open_patches

    own = ("start", "source_weight", "compression", "truth_share")
    given = [f"--{name.replace('_', '-')}" for name in own if getattr(arguments, name) is not None]
    if given and not arguments.teacher:
        raise ParameterError(f"{', '.join(given)}: for a network that learns from a --teacher; give one.")
    if arguments.compression == "none":
        arguments.compression = ""
    kind, train = (DistillationRecipe, fit_distilled) if arguments.teacher else (Recipe, fit)
    recipe, options = training_arguments.recipe(arguments, kind), training_arguments.options(arguments)
    if arguments.calibration:
        options = replace(options, calibration=fields.TRAINING)
    patches = open_patches(arguments.patches)
    _print(train(patches, arguments.output, recipe, options), arguments.calibration)


def _print(trained, calibrated):
    from ...network import calibration_file

    about = trained.description.about
    data, figures, run = about["data"], about["figures"], about["run"]
    sides = f"{len(data['training_sets'])} training, {len(data['validation_sets'])} validation"
    say(f"{trained.path}: {trained.description.levels}-{trained.description.hidden} network")
    say(f"filter: {trained.description.filter or 'all'}")
    say(f"patches: {data['patches']} of {data['side']} x {data['side']} pixels; sets: {sides}")
    say(f"best epoch: {figures['best_epoch']} of {about['recipe']['epochs']}, by validation loss")
    say(f"on the validation sets, at threshold {trained.description.threshold:g}:")
    say(f"  TPR {figures['tpr']:.4f}, FPR {figures['fpr']:.6f}")
    for name in ("0.05%", "0.5%"):
        value = figures[f"tpr_at_{name}"]
        say(f"  TPR at an FPR of {name}: {'not measurable with them' if value is None else f'{value:.4f}'}")
    if "teacher" in about["recipe"]:
        rates = f"TPR {figures['teacher_tpr']:.4f}, FPR {figures['teacher_fpr']:.6f}"
        say(f"  its teacher, {about['recipe']['teacher']}: {rates}")
    say(f"device: {run['device']}, threads: {run['threads']}")
    if calibrated:
        say(f"calibration: {calibration_file.path_for(trained.path)}")
    say(f"use it: acs-deepcr run FILES --model {trained.path}")

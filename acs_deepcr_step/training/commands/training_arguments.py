"""Options of a training, for the commands that train."""

__all__ = ["add", "options", "recipe"]


def add(parser):
    """Add the options.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    parser.add_argument(
        "patches", metavar="DIR", help="patches from 'acs-deepcr patches', or the published archive, unpacked"
    )
    parser.add_argument(
        "--output", required=True, metavar="FILE", help="weights to make, e.g. model.safetensors"
    )
    recipe = parser.add_argument_group("recipe (defaults: the paper's)")
    for flag, kind, text in (
        ("--filter", str, "only patches of this filter, e.g. F435W (default: all, the global model)"),
        ("--epochs", int, "passes over the patches (default: 50)"),
        (
            "--frozen-from",
            int,
            "epochs before the normalisations are frozen (default: 20, or the same share of --epochs)",
        ),
        ("--batch", int, "patches in a step (default: 16)"),
        ("--levels", int, "resolutions of the U-Net (default: 2)"),
        ("--hidden", int, "channels at full resolution (default: 32)"),
        ("--scale", float, "electrons are divided by this (default: 1)"),
        ("--lr", float, "learning rate (default: 0.005)"),
        ("--momentum", float, "of the normalisations' running statistics (default: 0.005)"),
        ("--validation", float, "share of the patches to validate with, by whole sets (default: 0.1)"),
        ("--seed", int, "the same seed gives the same weights (default: 0)"),
    ):
        recipe.add_argument(flag, type=kind, metavar=flag[2:].split("-")[-1].upper(), help=text)
    run = parser.add_argument_group("where and how it runs")
    run.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    run.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="of PyTorch; they decide the last digits (default: as many as PyTorch takes)",
    )
    run.add_argument(
        "--workers", type=int, default=0, metavar="N", help="processes that read patches (default: 0)"
    )
    run.add_argument("--no-tensorboard", dest="tensorboard", action="store_false", help="no such curves")
    run.add_argument("--no-progress", dest="progress", action="store_false", help="no bar")


def options(arguments):
    """Return the options of the run.

    Parameters
    ----------
    arguments : argparse.Namespace

    Returns
    -------
    RunOptions
    """
    from ..fit.recipe import RunOptions

    return RunOptions(
        device=arguments.device,
        threads=arguments.threads,
        workers=arguments.workers,
        tensorboard=arguments.tensorboard,
        progress=arguments.progress,
    )


def recipe(arguments, kind):
    """Return the recipe.

    Parameters
    ----------
    arguments : argparse.Namespace
    kind : type
        `Recipe` or a subclass.

    Returns
    -------
    Recipe
        Of that type.
    """
    from dataclasses import fields

    from ..fit.recipe import first_phase

    names = {field.name for field in fields(kind)}
    values = {name: value for name, value in vars(arguments).items() if name in names and value is not None}
    if "epochs" in values:
        values.setdefault("frozen_from", first_phase(values["epochs"]))
    return kind(**values)

"""``acs-deepcr completion``: what makes a shell complete the command's names, options and files."""

from ..config.specification import specification

__all__ = ["HELP", "NAME", "SHELLS", "add_arguments", "script"]

NAME = "completion"
HELP = "print what makes a shell complete this command"
SHELLS = ("bash", "zsh", "fish", "tcsh")

# By the word that stands for a value in the help.
_FILES = ("FILES", "FILE", "FILE.html", "MASKS", "RUNFILE", "SOURCE", "PATH")
_DIRECTORIES = ("DIR", "OUTDIR")


def add_arguments(parser):
    """Add the arguments.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    *others, last = SHELLS
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=f"{', '.join(others)} or {last}")


def script(shell, parser):
    """Return the script that makes a shell complete a command.

    Parameters
    ----------
    shell : str
        One of `SHELLS`.
    parser : argparse.ArgumentParser
        Of the command, with all subcommands.

    Returns
    -------
    str
    """
    import shtab

    choices = {option.name: option.choices for option in specification() if option.choices}
    for command in _parsers(parser):
        for action in command._actions:
            if action.dest in choices and action.choices is None:
                action.choices = [str(choice) for choice in choices[action.dest]]
            elif action.metavar in _FILES:
                action.complete = shtab.FILE
            elif action.metavar in _DIRECTORIES:
                action.complete = shtab.DIRECTORY
    return shtab.complete(parser, shell)


def _parsers(parser):
    """Yield a parser and those of its subcommands."""
    import argparse

    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _parsers(command)

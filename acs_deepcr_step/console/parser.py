"""The parser of the command: one line for a fault, with what may be meant and where help is."""

import argparse

from ..config.specification import nearest
from .examples import EXAMPLES

__all__ = ["CommandsFormatter", "Parser", "add_command", "add_option"]


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with a call, what may be meant, and which help to read."""

    def error(self, message):
        """Write a line and end."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")

    def parse_known_args(self, args=None, namespace=None):
        """Refuse what is left over here, where the subcommand and its options are known."""
        namespace, surplus = super().parse_known_args(args, namespace)
        if surplus:
            self.error(self._about(surplus))
        return namespace, surplus

    def _about(self, surplus):
        unknown = [word.partition("=")[0] for word in surplus if word.startswith("-")]
        if not unknown:
            return f"{' '.join(surplus)}: more than this command takes"
        known = [text for action in self._actions for text in action.option_strings]
        return "; ".join(f"there is no option {name}{nearest(name, known)}" for name in unknown)

    def _check_value(self, action, value):
        # Of a misspelt command argparse would print all that there are.
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            raise argparse.ArgumentError(None, f"there is no command {value}{nearest(value, action.choices)}")
        super()._check_value(action, value)


def add_command(commands, name, text):
    """Add a subcommand, with its examples in the help.

    Parameters
    ----------
    commands : special object of argparse
        From ``add_subparsers``.
    name : str
    text : str
        What it does, in one sentence without a full stop.

    Returns
    -------
    Parser
    """
    calls = EXAMPLES.get(name, ())
    heading = "examples" if len(calls) > 1 else "example"
    return commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog="".join(f"{line}\n" for line in (f"{heading}:", *(f"  {call}" for call in calls))),
        formatter_class=_Formatter,
        allow_abbrev=False,
    )


class CommandsFormatter(argparse.HelpFormatter):
    """Has room for the name of every subcommand beside what it does."""

    def __init__(self, prog, **keywords):
        super().__init__(prog, **{"max_help_position": 16, **keywords})
        self._action_max_length = 14  # argparse forgets that subcommands are indented once more


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Breaks the lines of the description, and leaves those of the examples."""

    def _fill_text(self, text, width, indent):
        if text.startswith("example"):
            return super()._fill_text(text, width, indent)
        return argparse.HelpFormatter._fill_text(self, text, width, indent)


def add_option(command, option):
    """Add a parameter of the step as an option, with what is allowed and its default.

    Parameters
    ----------
    command : argparse.ArgumentParser or argument group
    option : specification.Option
    """
    if option.kind == "boolean":
        note, action = "", {"action": argparse.BooleanOptionalAction}
    else:
        note, action = f"{option.allowed}; ", {"metavar": option.name.split("_")[-1].upper()}
    text = f"{option.help} ({note}default: {option.default_text})".replace("%", "%%")
    flag = "--" + option.name.replace("_", "-")
    command.add_argument(flag, dest=option.name, default=argparse.SUPPRESS, help=text, **action)

"""Confirmation by the user, for commands that take long or fetch much."""

import sys

__all__ = ["confirmed"]


def confirmed(question):
    """Ask a question; without a terminal the answer is no.

    Parameters
    ----------
    question : str

    Returns
    -------
    bool
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")

"""The parameters of the step in the signature and the docstring of a function that takes them by keyword.

Completion and ``run?`` show what the parameter file's specification says: it is written down once.
"""

import inspect

from .specification import specification

__all__ = ["takes_parameters"]


def takes_parameters(names=None):
    """Show parameters of the step as keywords of a function with ``**pars``.

    Parameters
    ----------
    names : tuple of str, optional
        Which; by default all that the function does not name itself.

    Returns
    -------
    callable
        A decorator. The function is called as before; of it only the signature that `inspect` gives,
        and the docstring, with a section of the parameters before what it raises, are new.
    """

    def decorate(function):
        own = inspect.signature(function)
        fixed = [one for one in own.parameters.values() if one.kind is not one.VAR_KEYWORD]
        taken = {one.name for one in fixed}
        options = [
            option
            for option in specification()
            if (names is None or option.name in names) and option.name not in taken
        ]
        function.__signature__ = own.replace(
            parameters=[
                *fixed,
                *(
                    inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default)
                    for one in options
                ),
            ]
        )
        if function.__doc__:  # python -OO has none
            function.__doc__ = _with_section(inspect.cleandoc(function.__doc__), options)
        return function

    return decorate


def _with_section(text, options):
    lines = ["Other Parameters", "----------------"]
    for option in options:
        lines += [f"{option.name} : {option.allowed}; default: {option.default_text}", f"    {option.help}"]
    before, heading, after = text.partition("Raises\n------\n")
    return "\n".join([before + "\n".join(lines), "", heading + after]) + "\n"

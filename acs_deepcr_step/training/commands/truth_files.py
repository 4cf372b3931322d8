"""The truth files of the exposures that a command names."""

__all__ = ["truth_files"]


def truth_files(paths):
    """Return the truth file beside each exposure; truth files stay as they are.

    Parameters
    ----------
    paths : list of pathlib.Path
        Exposures or truth files.

    Returns
    -------
    list of pathlib.Path

    Raises
    ------
    InputError
        If a truth file is missing.
    """
    from ...errors import InputError
    from ..truth import file as truth_file

    found = [
        path if path.name.endswith("_crtruth.fits") else path.with_name(truth_file.name_for(path))
        for path in paths
    ]
    missing = [path for path in found if not path.is_file()]
    if missing:
        raise InputError(
            f"{missing[0]} is missing: make it first (acs-deepcr truth), and put it beside the exposure."
        )
    return found

"""The FITS reader of astropy, whatever the host has set, and without its warnings."""

import contextlib
import threading
import warnings

from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

__all__ = ["quiet"]

_FILTERS = threading.RLock()

# What the FITS reader does unless the host has set it otherwise, e.g. in its astropy.cfg.
_READER = {
    "enable_record_valued_keyword_cards": True,
    "enable_uint": True,
    "extension_name_case_sensitive": False,
    "lazy_load_hdus": True,
    "strip_header_whitespace": True,
    "use_memmap": True,
}


@contextlib.contextmanager
def quiet():
    """Read FITS by the reader's own defaults and without its warnings, while those of others still pass.

    Filters and settings belong to the whole process: threads that overlapped here would
    leave them changed, and a blanket filter would swallow what others warn of.
    """
    with _FILTERS, warnings.catch_warnings(), contextlib.ExitStack() as settings:
        warnings.simplefilter("ignore", AstropyWarning)
        for name, value in _READER.items():
            if getattr(fits.conf, name) != value:
                settings.enter_context(fits.conf.set_temp(name, value))
        yield

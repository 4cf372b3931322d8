"""The exposures of observation sets and proposals at MAST, and the addresses of their files.

Notes
-----
See `exposures`: the live services were not reached from the build machines.

References
----------
Names of exposures (``ipppssoot``: instrument, programme, visit, observation): HST Data
Handbooks, "File names".
"""

import contextlib
import re
import warnings
from urllib.parse import quote

import numpy as np

from ...errors import ArchiveError, warn
from . import download
from .manifest import Entry
from .names import is_plain

__all__ = ["CLOUD", "addresses", "exposures", "exposures_of_proposal"]

# The public copy of the archive's bucket, readable without an account.
CLOUD = "https://stpubdata.s3.amazonaws.com"

_DOWNLOAD = "/api/v0.1/Download/file?uri="


def exposures(sets):
    """Return the exposures of observation sets, as MAST lists them.

    Parameters
    ----------
    sets : list of ObservationSet

    Returns
    -------
    dict of str to list of Entry
        By the set's name; an empty list where MAST has none.

    Raises
    ------
    ParameterError
        If astroquery is not installed.
    ArchiveError
        If MAST does not answer, or with something else than tables.

    Warns
    -----
    StepWarning
        If MAST has another number of exposures of a set than the paper.
    """
    client = download.require_module("astroquery.mast", "Fetching from MAST")
    # Own object: the login and cloud settings of the user's session neither act nor change.
    observations = client.ObservationsClass()
    found = {}
    with _query_errors(client.conf.server):
        for filter, proposal in dict.fromkeys((one.filter, one.proposal) for one in sets):
            group = [one for one in sets if (one.filter, one.proposal) == (filter, proposal)]
            rows = _products(observations, filter, proposal, {one.visit_code for one in group})
            for one in group:
                found[one.name] = _entries(one, rows)
    for one in sets:
        _warn_of_number(one, found[one.name])
    return found


def exposures_of_proposal(wanted):
    """Return the calibrated exposures of a proposal, as MAST lists them.

    Parameters
    ----------
    wanted : visits.Wanted

    Returns
    -------
    list of Entry
        Each once, by set and name; a set is a visit in one filter, ``<filter>_<proposal>_<visit>``.

    Raises
    ------
    ParameterError
        If astroquery is not installed.
    ArchiveError
        If MAST does not answer, or with something else than tables.
    """
    client = download.require_module("astroquery.mast", "Fetching from MAST")
    observations = client.ObservationsClass()
    found = {}
    with _query_errors(client.conf.server):
        seen = observations.query_criteria(
            obs_collection="HST",
            instrument_name=wanted.detector,
            intentType="science",
            proposal_id=str(wanted.proposal),
        )
        filters = {}
        for row in seen:
            filter = wanted.filter_of(str(row["filters"]))
            # Mosaics of several exposures have names of another form.
            if filter and is_plain(filter) and wanted.visit_of(str(row["obs_id"])):
                filters[str(row["obsid"])] = filter
        rows = observations.get_product_list(list(filters)) if filters else []
        for row in rows:
            name, visit = str(row["productFilename"]), wanted.visit_of(str(row["productFilename"]))
            if visit and name.lower().endswith(".fits"):
                directory = f"{filters[str(row['obsID'])]}_{wanted.proposal}_{visit}"
                found.setdefault(name, Entry(directory, name, str(row["dataURI"]), _bytes(row)))
    return sorted(found.values(), key=lambda entry: (entry.set, entry.name))


def addresses(uris, cloud=False):
    """Return the addresses of products.

    Parameters
    ----------
    uris : list of str
        As MAST names them, ``mast:HST/product/...``.
    cloud : bool
        Use the public cloud copy for those that it has.

    Returns
    -------
    dict of str to str
        Addresses by URI.

    Raises
    ------
    ParameterError
        If astroquery is not installed, or boto3 for the cloud.
    ArchiveError
        If the cloud copy does not answer.

    Warns
    -----
    StepWarning
        If files are not in the cloud.
    """
    client = download.require_module("astroquery.mast", "Fetching from MAST")
    urls = {uri: client.conf.server + _DOWNLOAD + quote(uri, safe=":/") for uri in uris}
    if not cloud:
        return urls
    boto = download.require_module("botocore.exceptions", "The cloud copy")
    download.require_module("boto3", "The cloud copy")
    observations = client.ObservationsClass()
    with _query_errors("the cloud copy of MAST", boto.BotoCoreError, boto.ClientError):
        observations.enable_cloud_dataset(verbose=False)
        keys = observations.get_cloud_uris(
            list(urls), include_bucket=False, return_uri_map=True, verbose=False
        )
    absent = [uri for uri, key in keys.items() if key is None]
    if absent:
        warn(
            f"{len(absent)} of {len(keys)} files are not in the cloud and come from MAST.",
        )
    return urls | {uri: f"{CLOUD}/{key}" for uri, key in keys.items() if key is not None}


def _products(observations, filter, proposal, visits):
    """Return the products of a programme's visits in one filter: rows of MAST's table."""
    seen = observations.query_criteria(
        obs_collection="HST",
        instrument_name="ACS/WFC",
        intentType="science",
        filters=filter,
        proposal_id=str(proposal),
    )
    chosen = [row for row in seen if _visit(str(row["obs_id"])) in visits]
    if not chosen:
        return []
    return observations.get_product_list([str(row["obsid"]) for row in chosen])


def _visit(name):
    """Return the visit in the name of an exposure or its file (j, programme, visit, rest), or None."""
    match = re.fullmatch(r"j[0-9a-z]{3}([0-9a-z]{2})[0-9a-z]{3}(_[a-z0-9]+\.fits)?", name.lower())
    return match and match[1]


def _entries(one, rows):
    """Return the exposures of a set, each once, although several observations may list it."""
    found = {}
    for row in rows:
        name = str(row["productFilename"])
        if name.endswith("_flc.fits") and _visit(name) == one.visit_code:
            found.setdefault(name, Entry(one.name, name, str(row["dataURI"]), _bytes(row)))
    return [found[name] for name in sorted(found)]


def _bytes(row):
    """Return the size of a product; 0 where MAST does not list it."""
    return 0 if np.ma.is_masked(row["size"]) else int(row["size"])


def _warn_of_number(one, entries):
    """Warn if the number of exposures is not the paper's."""
    if len(entries) == one.n_exposures:
        return
    names = ", ".join(entry.name for entry in entries) or "none"
    warn(
        f"{one.name}: the paper has {one.n_exposures} exposures and MAST {len(entries)} ({names}); the "
        "paper's set is not always the visit, so look at them before they are used.",
    )


@contextlib.contextmanager
def _query_errors(service, *exceptions):
    """Turn the errors of a query into an `ArchiveError`; an empty result is no error here."""
    requests = download.require_module("requests", "Fetching from MAST")
    astroquery = download.require_module("astroquery.exceptions", "Fetching from MAST")
    usual = (requests.RequestException, astroquery.RemoteServiceError, TimeoutError, KeyError, ValueError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", astroquery.NoResultsWarning)
            yield
    except (*usual, *exceptions) as error:
        raise ArchiveError(
            f"{service} does not answer as it should ({type(error).__name__}, "
            f"{download.cause(error)[:200]}): check the connection, or try again later."
        ) from error

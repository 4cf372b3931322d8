"""One table of reasons: what the mask file, the decoder and the pages say is made from it."""

import numpy as np
from astropy.io import fits
from helpers import flag, mask_of

from acs_deepcr_step.arrays import reasons


def test_every_reason_is_a_bit_of_its_own_with_name_and_description():
    values = [reason.value for reason in reasons.REASONS]
    assert values == sorted(set(values)) and all(value & (value - 1) == 0 for value in values)
    assert sum(values) <= np.iinfo(reasons.DTYPE).max
    assert all(getattr(reasons, reason.name) == reason.value for reason in reasons.REASONS)
    assert all(reason.description for reason in reasons.REASONS)


def test_a_value_is_decoded_into_its_reasons():
    names = [reason.name for reason in reasons.decoded(reasons.FLAGGED | reasons.GROWN | 2**15)]
    assert names == ["FLAGGED", "GROWN"] and reasons.decoded(0) == []


def test_mask_file_says_what_each_bit_means(one):
    flag(one)
    header = fits.getheader(mask_of(one))
    # Long lines of HISTORY go on in the next card.
    history = "".join(str(card).ljust(72) for card in header["HISTORY"])
    for line in reasons.summary():
        assert line in " ".join(history.split())

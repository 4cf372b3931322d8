"""Headers edited card by card, and checksums by the FITS standard."""

import io

import numpy as np
import pytest
from astropy.io import fits
from helpers import cards
from hypothesis import given, settings
from hypothesis import strategies as st

from acs_deepcr_step.files.fitsbytes import BLOCK, edited_header, ones_complement, with_checksum


def block(*lines):
    """A header of these cards."""
    content = b"".join(line.ljust(80) for line in (*lines, b"END"))
    return content.ljust(-(-len(content) // BLOCK) * BLOCK)


FIRST = b"XTENSION= 'IMAGE   '"
ODD = [b"KEY     =1/tight", b"lower   = odd", b"HIERARCH A B C = 1", b"COMMENT  x", b"", b"NAME    = 'it''s'"]


def test_cards_not_named_keep_their_bytes_and_order():
    edited = edited_header(block(FIRST, *ODD), {"NEW": (1, "one")})
    assert cards(edited)[:-1] == [card.ljust(80) for card in (FIRST, *ODD)]
    assert cards(edited)[-1] == b"NEW     =                    1 / one".ljust(80)


def test_card_is_set_where_it_stands():
    edited = edited_header(block(FIRST, b"A       =   1", b"B       =   2"), {"A": (5, "five")})
    assert [card[:8] for card in cards(edited)] == [b"XTENSION", b"A       ", b"B       "]
    assert fits.Header.fromstring(edited)["A"] == 5


def test_continued_string_is_replaced_whole():
    lines = (b"A       = 'long&'", b"CONTINUE  'er&'", b"CONTINUE  'st'", b"B       = 'x&'", b"CONTINUE  'y'")
    edited = edited_header(block(FIRST, *lines), {"A": ("short", "")})
    assert [card[:8] for card in cards(edited)] == [b"XTENSION", b"A       ", b"B       ", b"CONTINUE"]
    assert fits.Header.fromstring(edited)["B"] == "xy"


def test_doubled_card_is_left_once():
    edited = edited_header(block(FIRST, b"A       = 1", b"A       = 2"), {"A": (3, "")})
    assert sum(card.startswith(b"A  ") for card in cards(edited)) == 1


def test_card_is_removed():
    edited = edited_header(block(FIRST, b"A       = 1", b"B       = 2"), {}, remove=["A"])
    assert [card[:8] for card in cards(edited)] == [b"XTENSION", b"B       "]


def test_blank_cards_at_the_end_are_used_up_first():
    edited = edited_header(block(FIRST, *[b""] * 34), {"NEW": (1, "")})
    assert len(edited) == BLOCK


def test_header_grows_by_a_block_when_it_is_full():
    full = block(FIRST, *[f"K{i:02d}     = {i}".encode() for i in range(34)])
    assert len(full) == BLOCK
    edited = edited_header(full, {"NEW": (1, "")}, history="what was done")
    assert len(edited) == 2 * BLOCK and edited.rstrip().endswith(b"END")
    assert cards(edited)[-1].startswith(b"HISTORY what was done")


def test_the_word_end_within_a_card_ends_nothing():
    edited = edited_header(block(b"ENDTIME =  5", b"COMMENT END", FIRST), {"NEW": (1, "")})
    assert len(cards(edited)) == 4


def test_history_is_added_and_none_replaced():
    edited = edited_header(block(FIRST, b"HISTORY one"), {}, history="two")
    assert list(fits.Header.fromstring(edited)["HISTORY"]) == ["one", "two"]


@given(st.binary(max_size=400))
def test_sum_is_astropys(data):
    data = data + bytes(-len(data) % 4)
    hdu = fits.ImageHDU()
    assert ones_complement(data) == int(hdu._compute_checksum(np.frombuffer(data, np.uint8)))


def test_sum_goes_over_slices_and_overflows():
    ones = b"\xff" * (4 * (2**24 + 5))
    assert ones_complement(ones) == 0xFFFFFFFF
    assert ones_complement(b"\0\0\0\2", 0xFFFFFFFF) == 2


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_checksum_is_right_for_any_header(seed, text):
    data = np.random.default_rng(seed).integers(-32768, 32767, (8, 9)).astype(np.int16)
    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(data, name="DQ")]).writeto(file, checksum=True)
    content = file.getvalue()
    with fits.open(io.BytesIO(content)) as hdus:
        places = hdus["DQ"].fileinfo()
    header, old = content[places["hdrLoc"] : places["datLoc"]], content[places["datLoc"] :]
    new = (data | 8192).astype(">i2").tobytes()
    new += bytes(len(old) - len(new))
    edited = with_checksum(edited_header(header, {"NOTE": (text, "")}), new)
    with fits.open(io.BytesIO(content[: places["hdrLoc"]] + edited + new), checksum=True) as hdus:
        assert hdus["DQ"].verify_checksum() == 1 and hdus["DQ"].verify_datasum() == 1


@pytest.mark.parametrize("has", [(), ("DATASUM",), ("CHECKSUM", "DATASUM")])
def test_only_the_cards_that_are_there_are_kept_up(has):
    header = block(FIRST, *[f"{key:8}= '0       '".encode() for key in has])
    edited = with_checksum(header, b"\0\0\0\7" * 720)
    assert {key for key in ("CHECKSUM", "DATASUM") if key in fits.Header.fromstring(edited)} == set(has)
    assert (edited == header) == (not has)
    if "DATASUM" in has:
        assert fits.Header.fromstring(edited)["DATASUM"] == str(ones_complement(b"\0\0\0\7" * 720))

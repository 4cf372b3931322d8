"""Whatever else an exposure holds survives to the byte; checksums are right where there were any."""

import numpy as np
import pytest
from astropy.io import fits
from helpers import (
    BLOCK,
    cards,
    cards_of,
    changed,
    copy,
    dq,
    edit,
    flag,
    flagged,
    hdu_bytes,
    index_of,
    insert_cards,
    mask_of,
    rewrite,
    snapshot,
)

from acs_deepcr_step.errors import RunError

OURS = (b"DEEPCR", b"DCR", b"HISTORY", b"CHECKSUM", b"DATASUM")

UNUSUAL = [
    b"HIERARCH ESO TEL AMBI WINDSP = 3.20 / a long keyword",
    b"LONGSTR = 'a long string that goes on and on, up to the end of the card and f&'",
    b"CONTINUE  'urther, on the next&' / with a comment",
    b"CONTINUE  ' and the last one'",
    b"EXPONENT=              1.0D+03 / double precision",
    b"TIGHT   =1.5/no blanks",
    b"",
    b"COMMENT a comment  with   blanks   ",
    b"HISTORY older than the step",
    b"",
    b"UNDEFINE=                      / no value",
]
MALFORMED = [
    b"lowercas= 1 / a keyword that should be in capitals",
    b"NOQUOTE = 'a string without its end",
    b"NOVALUE   = = 5",
    b"LATIN1  = 'caf\xe9    '",
    b"BADFLOAT=  1.0 E 5 / blanks in a number",
]


def without_ours(header):
    return [card for card in cards(header) if not card.startswith(OURS)]


def assert_only_the_flags_changed(before, path, extvers=(1,)):
    after = hdu_bytes(path)
    mine = {index_of(path, "DQ", extver) for extver in extvers}
    assert len(after) == len(before)
    for index, ((old_header, old_data), (new_header, new_data)) in enumerate(zip(before, after, strict=True)):
        if index in mine | {0}:
            old_cards = [card for card in without_ours(old_header)]
            while old_cards and not old_cards[-1].strip():
                old_cards.pop()  # blank cards at the end are room for ours
            assert without_ours(new_header)[: len(old_cards)] == old_cards
            assert (
                new_header[len(cards(new_header)) * 80 :].rstrip() == b"END" and len(new_header) % BLOCK == 0
            )
        else:
            assert new_header == old_header
        assert (new_data == old_data) == (index not in mine)


@pytest.mark.parametrize("name", ["PRIMARY", "SCI", "DQ"])
@pytest.mark.parametrize(
    "new", [[*UNUSUAL], *[[card] for card in MALFORMED]], ids=lambda new: new[0][:8].decode("latin1")
)
def test_unusual_cards_survive(one, name, new):
    insert_cards(one, 0 if name == "PRIMARY" else index_of(one, name), new)
    before = hdu_bytes(one)
    flag(one)
    assert_only_the_flags_changed(before, one)
    flag(one, threshold=0.2)
    assert_only_the_flags_changed(before, one)
    header = hdu_bytes(one)[0 if name == "PRIMARY" else index_of(one, name)][0]
    assert all(card.ljust(80) in cards(header) for card in new if card)


def with_extras(path):
    """The extensions that stwcs adds to an exposure, and a table with an unusual name."""
    rng = np.random.default_rng(1)
    headerlet = fits.BinTableHDU.from_columns(
        [
            fits.Column("WCS_ID", "40A", array=["x", "y"]),
            fits.Column("VALUE", "3D", array=rng.random((2, 3))),
        ],
        name="WCSCORR",
    )
    scaled = fits.ImageHDU(np.arange(-50, 50, dtype=np.int16).reshape(10, 10), name="HDRLET")
    scaled.header["BLANK"] = -32768

    def extended(hdus):
        lookup = fits.ImageHDU(rng.random((1, 4096)).astype(np.float32), name="D2IMARR")
        unsigned = fits.ImageHDU(rng.integers(0, 65536, (7, 9)).astype(np.uint16), name="QUALITY")
        compressed = fits.CompImageHDU(rng.integers(0, 9, (64, 64)).astype(np.int16), name="SQUEEZED")
        return [*hdus[:2], lookup, *hdus[2:], headerlet, scaled, unsigned, compressed]

    return rewrite(path, extended)


def test_other_extensions_survive(one):
    fresh = copy(one, f"fresh/{one.name}")
    flag(fresh)
    with_extras(one)
    before = hdu_bytes(one)
    flag(one)
    assert_only_the_flags_changed(before, one)
    assert np.array_equal(dq(one), dq(fresh))


@pytest.mark.parametrize("extra", [b"\0" * BLOCK, b"some text of the user's", b"\xff" * 5000])
def test_bytes_after_the_last_hdu_survive(one, extra):
    old = one.read_bytes()
    one.write_bytes(old + extra)
    flag(one, mask_file=False)
    content = one.read_bytes()
    assert content.endswith(extra) and content[-len(extra) - 2 * BLOCK :] != content[: 2 * BLOCK]
    one.write_bytes(content[: -len(extra)])
    assert flagged(one).any()


def test_pixels_that_are_no_numbers_survive_to_the_byte(one):
    """NaN with a payload, negative zero, infinities."""

    def mark(hdus):
        bits = hdus["SCI", 1].data.view(hdus["SCI", 1].data.dtype.str.replace("f", "u"))
        bits[0, :4] = 0x7FC12345, 0x80000000, 0x7F800000, 0xFF800000

    edit(one, mark)
    before = hdu_bytes(one)
    flag(one)
    assert_only_the_flags_changed(before, one)
    assert not flagged(one)[0, [0, 2, 3]].any()


def all_right(path):
    """Open with checksums verified; a wrong one is a warning, which is an error here."""
    with fits.open(path, checksum=True, memmap=False) as hdus:
        for hdu in hdus:
            assert hdu.verify_checksum() in (1, 2) and hdu.verify_datasum() in (1, 2)
        return ["CHECKSUM" in hdu.header for hdu in hdus], ["DATASUM" in hdu.header for hdu in hdus]


def test_checksums_are_right_afterwards(pair):
    path = pair[0]
    with fits.open(path, memmap=False) as hdus:
        hdus.writeto(path, overwrite=True, checksum=True)
    assert all(sum(all_right(path), []))
    for pars in ({}, {"threshold": 0.2}, {"crbit": 16384}):
        flag(path, **pars)
        assert all(sum(all_right(path), []))


def test_datasum_alone_is_right_afterwards(one):
    with fits.open(one, memmap=False) as hdus:
        hdus.writeto(one, overwrite=True, checksum="datasum")
    flag(one)
    checksums, datasums = all_right(one)
    assert all(datasums) and not any(checksums)


def test_no_checksum_appears_where_there_was_none(one):
    flag(one)
    checksums, datasums = all_right(one)
    assert not any(checksums) and not any(datasums)


def test_checksums_of_the_mask_file_are_right(one):
    flag(one)
    with fits.open(mask_of(one), checksum=True, disable_image_compression=True) as hdus:
        assert all(hdu.verify_checksum() == 1 for hdu in hdus)


def test_header_that_grew_between_runs_is_no_obstacle(one):
    """As TweakReg does: more cards, a WCS table at the end, other places of everything."""
    fresh = copy(one, f"fresh/{one.name}")
    flag(fresh, threshold=0.9)
    flag(one, threshold=0.1)
    probabilities = fits.getdata(mask_of(one), "PROB", 1)

    def align(hdus):
        for i in range(80):
            hdus[0].header[f"PRIM{i:03d}"] = i
            hdus["SCI", 1].header[f"CDA{i:03d}"] = i * 0.1
        hdus["SCI", 1].header["CRVAL1"] += 1e-5
        hdus["SCI", 1].header["MDRIZSKY"] = 12.5

    with_extras(edit(one, align))
    before = hdu_bytes(one)
    flag(one, threshold=0.9)
    assert_only_the_flags_changed(before, one)
    assert np.array_equal(dq(one), dq(fresh))
    assert np.array_equal(fits.getdata(mask_of(one), "PROB", 1), probabilities)


def test_subtracted_sky_in_the_header_alone_changes_nothing(one):
    fresh = copy(one, f"fresh/{one.name}")
    flag(fresh)
    edit(one, lambda hdus: hdus["SCI", 1].header.set("MDRIZSKY", 34.5))
    flag(one)
    assert np.array_equal(dq(one), dq(fresh))


def test_changed_pixels_between_runs_are_refused(one, here):
    """Another calibration: the mask file beside it is no longer this exposure's."""
    flag(one)
    edit(one, lambda hdus: hdus["SCI", 1].data.__iadd__(1))
    before = snapshot(here)
    with pytest.raises(RunError, match=f"{mask_of(one).name} is the mask of another exposure"):
        flag(one)
    assert changed(before, snapshot(here)) == set()


def test_image_that_is_stored_scaled_is_understood(one):
    fresh = copy(one, f"fresh/{one.name}")

    def scaled(hdus):
        """Half electrons in 32-bit integers."""
        data = np.rint(hdus["SCI", 1].data * 2).astype(np.int32)
        hdus["SCI", 1].data = data
        return hdus

    rewrite(one, scaled)
    edit(one, lambda hdus: None)
    insert_cards(one, 1, [b"BSCALE  =                  0.5", b"BZERO   =                  0.0"])
    with fits.open(one) as hdus:
        halves = hdus["SCI", 1].data.astype(np.float32)
    edit(fresh, lambda hdus: hdus["SCI", 1].data.__setitem__(slice(None), halves))
    before = hdu_bytes(one)
    flag(fresh)
    flag(one)
    assert_only_the_flags_changed(before, one)
    assert np.array_equal(dq(one), dq(fresh)) and "DCRNPIX" in cards_of(one, ("DQ", 1))

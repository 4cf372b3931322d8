"""Files that a mean or broken program might have written: processed as they should be, or refused."""

import io
import os
import shutil
import warnings

import numpy as np
from astropy.io import fits
from harness import call
from verdict import Site, Tally, with_right_sum

__all__ = ["associations", "exposures", "masks"]

BLOCK, CARD = 2880, 80
_LARGEST = 2_000_000_000  # bytes of memory

_NUMBERS = (
    b"0", b"1", b"2", b"3", b"-1", b"7", b"8", b"16", b"32", b"64", b"-32", b"-64", b"128", b"2880",
    b"99999", b"2147483647", b"4294967297", b"9223372036854775807", b"1" + b"0" * 30,
    b"-9223372036854775808", b"1.5", b"1E400", b"1E-320", b"NAN", b"INF", b"T", b"F", b"", b"'x'", b"'NaN'",
    b"(1, 2)", b"1 2",
)  # fmt: skip
_TEXTS = (
    b"''", b"'%s%n%d'", b"'../../etc/passwd'", b"'/dev/zero'", b"'$HOME/~'", b"'jref$x.fits'",
    b"'" + b"A" * 66 + b"'", b"'\x1b[31mred\x07'", b"'a\nb'", b"'\xe9\xff\xfe'", b"'\x00\x00'",
    b"'unclosed", b"'it''s'", b"'NONE'", b"'COMPLETE'", b"'ELECTRONS/S'", b"'COUNTS'", b"'SCI'", b"'DQ'",
    b"'ACS'", b"'SBC'", b"'WFC'", b"'..'", b"'.'", b"'a/'",
)  # fmt: skip
_KEYS = (
    b"SIMPLE XTENSION BITPIX NAXIS NAXIS1 NAXIS2 NAXIS3 PCOUNT GCOUNT EXTEND GROUPS EXTNAME EXTVER BSCALE "
    b"BZERO BUNIT CCDCHIP ROOTNAME EXPSTART EXPTIME INSTRUME DETECTOR FILTER1 FILTER2 CHECKSUM DATASUM "
    b"ZIMAGE THEAP TFIELDS DEEPCR DCRMASK DCRBIT DCRRUN DCRNPIX DCRTHRSH NEXTEND INHERIT BLANK "
).split()
_MASK_KEYS = (
    b"FILETYPE ROOTNAME EXPSTART DCRMODEL DCRHASH DCRPREC DCRTHRSH DCRGROW DCRPSAT DCRBIT DCRRUN DCRPREV "
    b"DCRPBIT CCDCHIP SCIHASH EXTNAME EXTVER ZBITPIX ZNAXIS ZNAXIS1 ZNAXIS2 ZTILE1 ZTILE2 ZCMPTYPE ZNAME1 "
    b"ZVAL1 ZVAL2 NAXIS1 NAXIS2 PCOUNT TFORM1 TTYPE1 TFIELDS THEAP BITPIX "
).split()
_TABLE_KEYS = (
    b"NAXIS NAXIS1 NAXIS2 PCOUNT GCOUNT TFIELDS TTYPE1 TTYPE2 TFORM1 TFORM2 TFORM3 TTYPE3 XTENSION BITPIX "
    b"THEAP TDIM1 TNULL1 TSCAL1 "
).split()


def _choice(chance, things):
    return things[int(chance.integers(len(things)))]


def _headers(content):
    """(start, end) of the headers, as far as END cards lead."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = io.BytesIO(content)
        with fits.open(file, lazy_load_hdus=False, memmap=False, disable_image_compression=True) as hdus:
            places = [hdu.fileinfo() for hdu in hdus]
    return [(place["hdrLoc"], place["datLoc"], place["datLoc"] + place["datSpan"]) for place in places]


class Mutator:
    """Makes variants of one file.

    Parameters
    ----------
    content : bytes
    keys : sequence of bytes
        Keywords worth changing.
    seed : int
    """

    def __init__(self, content, keys, seed):
        self._content, self._keys = content, keys
        self._chance = np.random.default_rng(seed)
        self._places = _headers(content)
        # Some stand twice: they are made more often.
        self._ways = (
            self._card, self._card, self._card, self._two_cards, self._bits, self._bits, self._truncated,
            self._swapped, self._repeated, self._dropped, self._no_end, self._noise, self._appended,
            self._pixels, self._inserted,
        )  # fmt: skip

    def make(self):
        """A variant and what was done to it."""
        way = _choice(self._chance, self._ways)
        content = bytearray(self._content)
        return bytes(way(content) or content), way.__name__.strip("_")

    def _header(self):
        return _choice(self._chance, self._places)

    def _set(self, content):
        start, data, _ = self._header()
        cards = [i for i in range(start, data, CARD) if bytes(content[i : i + 8]).rstrip() in self._keys]
        if not cards:
            return
        at = _choice(self._chance, cards)
        value = _choice(self._chance, _NUMBERS + _TEXTS).rjust(20)
        content[at + 8 : at + CARD] = (b"= " + value).ljust(CARD - 8)[: CARD - 8]

    def _card(self, content):
        self._set(content)

    def _two_cards(self, content):
        self._set(content)
        self._set(content)

    def _inserted(self, content):
        """A keyword more, in the place of a commentary or another card."""
        start, data, _ = self._header()
        at = start + CARD * int(self._chance.integers(3, (data - start) // CARD))
        value = _choice(self._chance, _NUMBERS + _TEXTS).rjust(20)
        key = _choice(self._chance, self._keys)
        content[at : at + CARD] = (key.ljust(8) + b"= " + value).ljust(CARD)[:CARD]

    def _bits(self, content):
        start, data, _ = self._header()
        for _ in range(int(self._chance.integers(1, 9))):
            at = int(self._chance.integers(start, data))
            content[at] ^= 1 << int(self._chance.integers(8))

    def _pixels(self, content):
        _, data, end = self._header()
        for _ in range(50 if end > data else 0):
            content[int(self._chance.integers(data, end))] = int(self._chance.integers(256))

    def _truncated(self, content):
        at = int(self._chance.integers(1, len(content)))
        return bytes(content[: at if self._chance.integers(2) else at // BLOCK * BLOCK]) or b"\0"

    def _swapped(self, content):
        a, b = (self._header() for _ in range(2))
        if a[0] > b[0]:
            a, b = b, a
        if a == b:
            return None
        first, between, second = content[a[0] : a[2]], content[a[2] : b[0]], content[b[0] : b[2]]
        return bytes(content[: a[0]]) + bytes(second + between + first) + bytes(content[b[2] :])

    def _repeated(self, content):
        start, _, end = self._header()
        return bytes(content[:end]) + bytes(content[start:end]) + bytes(content[end:])

    def _dropped(self, content):
        start, _, end = self._header()
        return bytes(content[:start]) + bytes(content[end:])

    def _no_end(self, content):
        start, data, _ = self._header()
        at = content.find(b"END" + b" " * 77, start, data)
        content[at : at + CARD] = _choice(
            self._chance, (b" " * CARD, b"END".ljust(CARD, b"\0"), b"END = 1".ljust(CARD))
        )

    def _noise(self, content):
        start, data, _ = self._header()
        at = int(self._chance.integers(start, data))
        length = min(int(self._chance.integers(1, 400)), data - at)
        content[at : at + length] = self._chance.bytes(length)

    def _appended(self, content):
        return bytes(content) + self._chance.bytes(int(self._chance.integers(1, 9000)))


def _too_much(report):
    return [f"{report.peak / 1e9:.1f} GB of memory"] if report.peak > _LARGEST else []


def _printable(report):
    ok = all(c.isprintable() for c in report.message)
    return [] if ok else ["the message has control characters"]


def exposures(root, trials, seed=3):
    """Mutated exposures, fresh ones and (every second) ones that were flagged before."""
    site, tally = Site(root), Tally("damaged and hostile exposures")
    mutators = {
        again: Mutator(
            (site.flagged / site.path.name if again else site.original).read_bytes(), _KEYS, seed + again
        )
        for again in (False, True)
    }
    for trial in range(trials):
        again = trial % 2 == 1
        content, way = mutators[again].make()
        site.fresh(flagged=again)
        site.path.write_bytes(content)
        os.utime(site.path, (1_500_000_000, 1_500_000_000))
        before = _others(site)
        pars = {"any_detector": trial % 3 == 0}
        report = call(site.report, "run", [site.path], pars)
        wrong = _too_much(report) + _printable(report)
        after = site.path.read_bytes() if site.path.exists() else b""
        if report.outcome == "done":
            state = "new"
            wrong += _only_our_bit(content, after, again)
            report_of_undo = call(site.report, "undo", [site.path])
            if report_of_undo.outcome != "done":
                wrong.append(f"undo: {report_of_undo.message}")
        else:
            state = "old" if after == content else "lost"
            wrong += [] if _others(site) == before else ["another file was changed"]
        if report.outcome == "crashed":
            wrong.append(report.message)
        tally.count(report.outcome, state, [f"{way} {trial}: {'; '.join(wrong)}"] if wrong else [])
    return tally


def _others(site):
    """Every file but the exposure: name and bytes."""
    return {path.name: path.read_bytes() for path in site.directory.iterdir() if path != site.path}


def _only_our_bit(before, after, flagged_before):
    """What changed besides the CR bit and our cards; an empty list is what is promised."""
    try:
        old, new = _headers(before), _headers(after)
    except Exception as error:
        return [f"the new file cannot be read: {error}"]
    if len(old) != len(new):
        return [f"{len(old)} HDUs became {len(new)}"]
    wrong = []
    for index, (a, b) in enumerate(zip(old, new, strict=True)):
        was, now = before[a[1] : a[2]], after[b[1] : b[2]]
        if was != now and not _is_dq(before[a[0] : a[1]]):
            wrong.append(f"the data of HDU {index} changed")
        elif was != now:
            # Without the padding, which has to be zero. 8192 is 0x20 in the upper byte of two.
            pixels = [np.frombuffer(data[: 64 * 64 * 2], ">u2") for data in (was, now)]
            if len(was) != len(now) or set(np.unique(pixels[0] ^ pixels[1])) - {0, 8192}:
                wrong.append(f"other bits of HDU {index} changed")
        cards = [block for block in _cards(before[a[0] : a[1]]) if not _ours(block)]
        if cards != [block for block in _cards(after[b[0] : b[1]]) if not _ours(block)]:
            wrong.append(f"other cards of HDU {index} changed")
    if before[old[-1][2] :] != after[new[-1][2] :]:
        wrong.append("bytes after the last HDU changed")
    return wrong


def _is_dq(header):
    return any(card[:8] == b"EXTNAME " and b"'DQ" in card.upper() for card in _cards(header))


def _cards(header):
    """The cards before END but for blank ones."""
    cards = [header[i : i + CARD] for i in range(0, len(header), CARD)]
    end = next((i for i, card in enumerate(cards) if card[:8] == b"END     "), len(cards))
    return [card for card in cards[:end] if card.strip()]


def _ours(card):
    key = card[:8].rstrip()
    return key in (b"DEEPCR", b"CHECKSUM", b"DATASUM", b"END", b"HISTORY", b"CONTINUE") or key.startswith(
        b"DCR"
    )


def masks(root, trials, seed=5):
    """Mutated mask files, at undo, apply and run: DQ as it should be, or refused and nothing changed."""
    site, tally = Site(root), Tally("damaged and hostile mask files")
    mutator = Mutator((site.flagged / site.mask.name).read_bytes(), _MASK_KEYS, seed)
    allowed = _all_bits(site)
    for trial in range(trials):
        content, way = mutator.make()
        if trial % 8:  # most by somebody who knows what he does
            content = with_right_sum(content)
        what = ("undo", "apply", "run")[trial % 3]
        site.fresh(flagged=what != "apply")
        site.mask.write_bytes(content)
        before = site.path.read_bytes()
        report = call(site.report, what, [site.path], {"threshold": 0.3} if what == "run" else {})
        wrong = _too_much(report) + _printable(report)
        if report.outcome == "done":
            state = "new"
            wrong += [] if _all_bits(site) == allowed else ["a bit changed that is none of ours"]
        else:
            state = "old" if (site.path.read_bytes(), site.mask.read_bytes()) == (before, content) else "lost"
        if report.outcome == "crashed":
            wrong.append(report.message)
        tally.count(report.outcome, state, [f"{what} {way} {trial}: {'; '.join(wrong)}"] if wrong else [])
    return tally


def _all_bits(site):
    """SCI, ERR, and DQ without the bits that the step may set."""
    with fits.open(site.path, memmap=False) as hdus:
        keep = np.int16(~(4096 | 8192 | 16384))
        return [(hdu.data & keep if hdu.name == "DQ" else hdu.data).tobytes() for hdu in hdus[1:]]


def associations(root, trials, seed=7):
    """Mutated association tables: no name of theirs leads out of their directory."""
    site, tally = Site(root), Tally("damaged and hostile association tables")
    table = site.root / "made" / "j8sm01010_asn.fits"
    if not table.exists():
        [table] = (site.root / "made").glob("*_asn.fits")
    mutator = Mutator(table.read_bytes(), _TABLE_KEYS, seed)
    # What a name may try to reach: an exposure outside of the directory.
    outside = site.root / site.path.name
    member = site.path.name.split("_")[0].upper().encode()
    for trial in range(trials):
        site.fresh()
        content, way = mutator.make()
        if trial % 3 == 0:
            name = _choice(
                mutator._chance, (b"../" + member, b"/" + member, b"..%2f", b"\x1b[2J", b"*", b"?", b"@list")
            )
            content, way = (
                table.read_bytes().replace(member, name[: len(member)].ljust(len(member)), 1),
                "name",
            )
        asn = shutil.copy(table, site.directory / "hostile_asn.fits")
        asn.write_bytes(content)
        there = outside.read_bytes()
        report = call(site.report, "run", [asn])
        wrong = _too_much(report) + _printable(report)
        wrong += [] if outside.read_bytes() == there else ["a file outside was changed"]
        wrong += [] if asn.read_bytes() == content else ["the table was changed"]
        if report.outcome == "crashed":
            wrong.append(report.message)
        tally.count(report.outcome, site.state(), [f"{way} {trial}: {'; '.join(wrong)}"] if wrong else [])
    return tally

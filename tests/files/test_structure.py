"""Damage to the structure of a FITS file is found before a pixel is read in the wrong place."""

import gzip
import os
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from helpers import BLOCK, copy, edit, flag, flagged, mask_of, rewrite, spans

from acs_deepcr_step import apply, report, run
from acs_deepcr_step.console.table_file import TableFile
from acs_deepcr_step.errors import (
    ExposureError,
    InputError,
    ModelError,
    OutputError,
    ParameterError,
    RunError,
    StepError,
)
from acs_deepcr_step.files import mask_file
from acs_deepcr_step.files.exposure import read_sci
from acs_deepcr_step.files.inspection import inspect
from acs_deepcr_step.network import calibration_file, models
from acs_deepcr_step.product.workplace import Place
from acs_deepcr_step.training.archive.manifest import Manifest
from acs_deepcr_step.training.fit import checkpoint
from acs_deepcr_step.training.patches import shards


def blocks_of(path, index, part):
    """First bytes of the blocks of a header or of the data."""
    header, data, end = spans(path)[index]
    return list(range(header, data, BLOCK) if part == "header" else range(data, end, BLOCK))


def number_of_hdus(path):
    return len(spans(path))


@pytest.mark.parametrize("part", ["header", "data"])
@pytest.mark.parametrize("where", [0, -1])
def test_a_lost_block_is_found_wherever_it_was(one, where, part):
    whole = one.read_bytes()
    for index in range(number_of_hdus(one)):
        blocks = blocks_of(one, index, part)
        if not blocks:
            continue
        place = blocks[where]
        damaged = copy(one, "damaged_flc.fits")
        damaged.write_bytes(whole[:place] + whole[place + BLOCK :])
        with pytest.raises(ExposureError, match="damaged_flc.fits"):
            inspect(damaged)


@pytest.mark.parametrize("filling", [b"\0", b" ", b"\x41\x20\x07\xff"], ids=["zeros", "blanks", "pixels"])
def test_a_block_too_many_is_found_wherever_it_is(one, filling):
    whole, block = one.read_bytes(), (filling * BLOCK)[:BLOCK]
    for index in range(number_of_hdus(one) - 1):
        for part in ("header", "data"):
            for place in blocks_of(one, index, part)[:2]:
                damaged = copy(one, "damaged_flc.fits")
                damaged.write_bytes(whole[:place] + block + whole[place:])
                if filling == b" " and part == "header" and place != blocks_of(one, index, part)[0]:
                    continue  # blank cards within a header displace nothing
                with pytest.raises(ExposureError, match="damaged_flc.fits"):
                    inspect(damaged)


def test_displaced_data_of_the_last_hdu_are_found(one):
    rewrite(one, lambda hdus: hdus[: hdus.index_of(("DQ", 1)) + 1])
    edit(one, lambda hdus: hdus["DQ", 1].data.fill(16))
    whole, (_, data, end) = one.read_bytes(), spans(one)[-1]
    assert whole[end - 10 : end] == bytes(10)  # there is a fill to look at
    one.write_bytes(whole[:data] + b"\x01" * BLOCK + whole[data:])
    with pytest.raises(ExposureError, match="go on where they should end"):
        inspect(one)


def test_short_header_that_ends_the_file_is_found_within_the_data_before(one):
    """The chain of HDUs ends with the file, but the last one is swallowed."""
    rewrite(one, lambda hdus: [*hdus, fits.ImageHDU(name="END")])
    whole, (_, data, _) = one.read_bytes(), spans(one)[-2]
    one.write_bytes(whole[:data] + whole[data + BLOCK :])
    with pytest.raises(ExposureError, match="another HDU begins within the data"):
        inspect(one)


def test_bytes_after_the_last_extension_are_the_users(one):
    with one.open("ab") as file:
        file.write(b"\0" * 10 * BLOCK)
    assert inspect(one).spans[-1].end == one.stat().st_size - 10 * BLOCK


@pytest.mark.parametrize("compressed", [gzip.compress])
def test_exposure_that_is_compressed_under_a_plain_name_is_told_how_to_be_unpacked(one, compressed):
    one.write_bytes(compressed(one.read_bytes()))
    with pytest.raises(ExposureError, match="gunzip"):
        inspect(one)


def zero_tail(size):
    def make(path):
        with open(path, "r+b") as file:
            file.truncate(path.stat().st_size + size)

    return make


def header_without_end(path):
    with open(path, "r+b") as file:
        file.truncate(BLOCK)
        file.seek(0)
        file.write(b"SIMPLE  =                    T".ljust(80) + b"COMMENT ".ljust(80) * 35)
        for _ in range(100):
            file.write(b"COMMENT ".ljust(80) * 36 * 1000)


def compressed_zeros(path):
    path.write_bytes(gzip.compress(b"SIMPLE  =                    T".ljust(80) + bytes(300_000_000), 1))


def many_hdus(path):
    extension = fits.ImageHDU().header.tostring().encode()
    assert len(extension) == BLOCK
    with open(path, "ab") as file:
        file.write(extension * 40_000)


def sparse_image(path):
    header = fits.ImageHDU(np.zeros((2, 2), np.float32), name="SCI", ver=1).header
    header["NAXIS1"] = header["NAXIS2"] = 40_000
    dq = fits.ImageHDU(np.zeros((2, 2), np.int16), name="DQ", ver=1).header
    dq["NAXIS1"] = dq["NAXIS2"] = 40_000
    primary = fits.getheader(path).tostring().encode()
    with open(path, "wb") as file:
        file.write(primary)
        for one, size in ((header, 4), (dq, 2)):
            file.write(one.tostring().encode())
            file.seek(-(-size * 40_000**2 // BLOCK) * BLOCK, os.SEEK_CUR)
        file.truncate(file.tell())


HOSTILE = {
    "zero tail": zero_tail(300_000_000),
    "sparse tail of 20 GB": zero_tail(20_000_000_000),
    "header without end": header_without_end,
    "compressed zeros": compressed_zeros,
    "40,000 HDUs": many_hdus,
    "sparse image": sparse_image,
}


def refused_quickly(error, path, call):
    """Refused by name within two seconds and 300 MB."""
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(error, match=path.name) as caught:
        call()
    assert time.process_time() - began < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("role", ["exposure", "mask", "table", "clean"])
def test_hostile_size_is_refused_at_once(one, here, make, role):
    if role == "exposure":
        victim = one
    elif role == "mask":
        flag(one)
        victim = mask_of(one)
    elif role == "table":
        victim = copy(one, "j8sm01010_asn.fits")
    else:
        victim = copy(one, f"{one.stem}_deepcr_clean.fits")
    try:
        make(victim)
    except OSError as error:
        pytest.skip(f"such a file cannot be made here ({error.strerror})")
    try:
        if role == "exposure":
            refused_quickly(ExposureError, victim, lambda: inspect(victim))
        elif role == "mask":
            refused_quickly(ExposureError, victim, lambda: mask_file.read(victim))
        elif role == "table":
            refused_quickly(InputError, victim, lambda: run(str(victim), runfile=""))
        else:
            refused_quickly(ExposureError, victim, lambda: flag(one, clean_file=True))
    finally:
        victim.unlink()


def test_table_of_rows_without_end_is_refused_at_once(here):
    """Its structure is sound; the rows are a hole in the file."""
    columns = [fits.Column("MEMNAME", "14A", array=["A"]), fits.Column("MEMTYPE", "14A", array=["EXP-DTH"])]
    path = here / "vast_asn.fits"
    fits.BinTableHDU.from_columns(columns).writeto(path)
    content = path.read_bytes()
    rows = 400_000_000
    old, new = (fits.Card("NAXIS2", n).image[:30].encode() for n in (1, rows))
    assert old in content
    path.write_bytes(content.replace(old, new))
    with open(path, "r+b") as file:
        file.truncate(len(content) - BLOCK + -(-28 * rows // BLOCK) * BLOCK)
    refused_quickly(InputError, path, lambda: run(str(path), runfile=""))
    path.unlink()


@pytest.mark.parametrize(
    ("name", "error", "call"),
    [
        ("names.txt", InputError, lambda path: run(f"@{path}", runfile="")),
        ("a.cfg", ParameterError, lambda path: run("*_flc.fits", str(path))),
        ("a.safetensors", ModelError, models.load),
        ("a_calibration.json", ModelError, calibration_file.read),
        ("manifest.ecsv", InputError, lambda path: Manifest(path.parent)),
        ("set/index.ecsv", InputError, lambda path: shards.read(path.parents[1])),
        ("a.csv", InputError, TableFile),
        ("a.fits", InputError, TableFile),
        ("a_drc.fits", OutputError, Place.of),
    ],
)
def test_file_with_a_vast_hole_is_refused_before_it_is_read(here, name, error, call):
    path = here / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    os.truncate(path, 20_000_000_000)
    refused_quickly(error, path, lambda: call(path))
    path.unlink()


# What only looks like a file


@pytest.fixture
def pipe(here):
    """A pipe that nobody writes into: who opens it waits forever."""

    def make(name):
        os.mkfifo(here / name)
        return here / name

    return make


def refused_at_once(error, wanted, call):
    """Refused within some seconds, in a thread of its own: a call that waits would hold up all tests."""
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(call)
        try:
            with pytest.raises(error, match=wanted):
                ended.result(timeout=10)
        finally:
            for path in Path().rglob("*"):  # sets free what waits all the same
                if path.is_fifo():
                    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


def test_pipe_as_an_exposure_is_refused(pipe):
    path = pipe("a_flc.fits")
    refused_at_once(ExposureError, "a_flc.fits is not a file", lambda: flag(path))


def test_pipe_as_a_list_is_refused(pipe):
    refused_at_once(InputError, "The list .*names.* is no regular file", lambda: flag(f"@{pipe('names')}"))


def test_pipe_as_an_association_table_is_refused(pipe):
    refused_at_once(InputError, "a_asn.fits.*no regular file", lambda: flag(pipe("a_asn.fits")))


def test_pipe_as_a_log_is_refused(one, pipe):
    before = one.read_bytes()
    refused_at_once(InputError, "a.log.*pipe", lambda: flag(one, runfile=str(pipe("a.log"))))
    assert one.read_bytes() == before


def test_pipe_as_a_parameter_file_is_refused(one, pipe):
    path = pipe("a.cfg")
    refused_at_once(ParameterError, "a.cfg.*no regular file", lambda: run(str(one), str(path)))


def test_pipe_as_a_model_is_refused(one, pipe):
    path = pipe("a.safetensors")
    refused_at_once(ModelError, "a.safetensors.*no regular file", lambda: flag(one, model=str(path)))


def test_pipe_as_a_calibration_is_refused(one, pipe):
    path = pipe("a.safetensors_calibration.json")
    refused_at_once(ModelError, "a.safetensors", lambda: calibration_file.read(path))


def test_pipe_as_a_mask_file_is_refused(one, pipe):
    path = pipe(mask_of(one).name)
    refused_at_once(RunError, f"{path.name}.*no regular file", lambda: flag(one))
    refused_at_once(StepError, "no mask file for", lambda: apply(one, runfile=""))


def test_pipe_as_a_clean_file_is_refused(one, pipe):
    path = pipe(f"{one.stem}_deepcr_clean.fits")
    refused_at_once(ExposureError, f"{path.name} is there already", lambda: flag(one, clean_file=True))


@pytest.mark.parametrize("ending", ["csv", "ecsv", "fits"])
def test_pipe_as_a_table_is_refused(pipe, ending):
    path = pipe(f"a.{ending}")
    refused_at_once(InputError, f"a.{ending} is there already", lambda: TableFile(path))


def test_pipe_as_a_product_is_refused(pipe):
    path = pipe("a_drc.fits")
    refused_at_once(OutputError, "a_drc.fits is there already", lambda: Place.of(path))


def test_pipe_as_a_report_is_refused(one, pipe):
    path = pipe("page.html")
    flag(one)
    refused_at_once(InputError, "page.html is there already", lambda: report.write(one, path))


def test_pipe_as_a_checkpoint_is_refused(pipe):
    path = pipe("a.checkpoint")
    refused_at_once(ModelError, "a.checkpoint.*no regular file|cannot be read", lambda: checkpoint.load(path))


def test_pipe_as_a_manifest_is_refused(pipe, here):
    pipe("manifest.ecsv")
    refused_at_once(InputError, "manifest.ecsv.*no regular file", lambda: Manifest(here))


# Links that lead nowhere


@pytest.mark.parametrize("kind", ["mask", "clean", "report", "log", "copy"])
def test_link_to_nowhere_at_the_name_of_an_output_is_not_followed(one, here, tmp_path, kind):
    outside = tmp_path / "outside" / "made"
    outside.parent.mkdir()
    before = one.read_bytes()
    names = {
        "mask": mask_of(one),
        "clean": one.with_name(f"{one.stem}_deepcr_clean.fits"),
        "report": here / report.NAME,
        "log": here / "a.log",
        "copy": here / "out" / one.name,
    }
    names[kind].parent.mkdir(exist_ok=True)
    names[kind].symlink_to(outside)
    pars = {
        "clean": {"clean_file": True},
        "report": {"report": True},
        "log": {"runfile": str(names[kind])},
        "copy": {"output_dir": "out"},
    }.get(kind, {})
    with pytest.raises(StepError, match=f"{names[kind].name}"):
        flag(one, **pars)
    assert not outside.exists() and names[kind].is_symlink()
    assert one.read_bytes() == before


# What is not the step's business, and what is


def test_only_sci_and_dq_need_a_version_that_is_a_number(one):
    def odd(hdus):
        hdus.append(fits.ImageHDU(np.zeros((2, 2)), name="EXTRA"))
        hdus[-1].header["EXTVER"] = "second"
        hdus.append(fits.ImageHDU(np.zeros((2, 2)), name="EXTRA"))
        hdus[-1].header["EXTVER"] = -3
        return hdus

    flag(rewrite(one, odd))
    edit(one, lambda hdus: hdus["DQ", 1].header.set("EXTVER", -1))
    with pytest.raises(ExposureError, match="EXTVER -1"):
        flag(one)


def test_blank_pixels_of_integers_have_no_value(one):
    def integers(hdus):
        data = np.rint(hdus["SCI", 1].data).clip(-1000, 30000).astype(np.int16)
        data[5, 7], data[0, 0] = -32768, -32768
        header = hdus["SCI", 1].header
        header["BLANK"] = -32768
        index = hdus.index_of(("SCI", 1))
        return [*hdus[:index], fits.ImageHDU(data, header), *hdus[index + 1 :]]

    exposure = inspect(rewrite(one, integers))
    image = read_sci(exposure, exposure.chips[0]).in_electrons()
    assert sorted(zip(*np.nonzero(np.isnan(image)), strict=True)) == [(0, 0), (5, 7)]
    flag(one)
    assert not flagged(one)[5, 7] and flagged(one).any()


def test_image_that_no_mask_file_could_hold_is_refused_before(one, here):
    """2**26 pixels are enough for any CCD; the file is sparse, so that it takes no room."""
    sparse_image(one)
    edited = one.stat().st_size
    with pytest.raises(ExposureError, match="more pixels .* than a mask file can hold"):
        flag(one)
    assert one.stat().st_size == edited and [path.name for path in here.iterdir()] == [one.name]

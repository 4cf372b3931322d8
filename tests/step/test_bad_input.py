"""Bad input: one named error that says what to do, and not a byte changed."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from astropy.io import fits
from helpers import copy, dq, edit, flag, flagged, mask_of, rewrite, set_dq

from acs_deepcr_step.errors import ExposureError, InputError, ParameterError, RunError, StepWarning


def header_set(path, key, value, extension=0):
    def change(hdus):
        header = hdus[extension].header
        header.remove(key, ignore_missing=True) if value is None else header.set(key, value)

    return edit(path, change)


# Names that lead to no exposure


def test_no_match(refused, here):
    refused(InputError, ["Nothing matches '*_flc.fits'", str(here)], "*_flc.fits")


def test_missing_file(refused, one):
    refused(InputError, ["gone_flc.fits does not exist", "check the name"], one, "gone_flc.fits")


def test_directory(refused, one, here):
    refused(InputError, [f"{here} is a directory", "*_flc.fits"], one, here)


# Files that are none


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"", ["is empty", "fetch it again"]),
        (b"some text\n", ["is not a FITS file", "fetch it again"]),
        (b"<html>404 Not Found</html>" * 300, ["is not a FITS file", "fetch it again"]),
        (b"SIMPLE  =                    T" + b" " * 5000, ["is not a FITS file", "fetch it again"]),
        (bytes(range(256)) * 100, ["is not a FITS file", "fetch it again"]),
    ],
    ids=["empty", "text", "web page", "header without end", "noise"],
)
def test_file_that_is_no_fits(refused, one, content, wanted):
    Path("b_flc.fits").write_bytes(content)
    refused(ExposureError, ["b_flc.fits", *wanted], "b_flc.fits")


@pytest.mark.parametrize("kept", [0.03, 0.3, 0.9, 0.9999])
def test_truncated_fits(refused, one, kept):
    bad = copy(one, "b_flc.fits")
    bad.write_bytes(bad.read_bytes()[: int(kept * bad.stat().st_size)])
    refused(ExposureError, ["b_flc.fits", "fetch it again"], bad)


def test_fits_cut_between_two_extensions(refused, one):
    bad = copy(one, "b_flc.fits")
    with fits.open(bad) as hdus:
        cut = hdus["DQ", 1].fileinfo()["hdrLoc"]
    bad.write_bytes(bad.read_bytes()[:cut])
    refused(ExposureError, ["b_flc.fits", "no DQ"], bad)


@pytest.mark.parametrize(("suffix", "tool"), [(".gz", "gunzip"), (".fz", "funpack")])
def test_compressed_file(refused, one, suffix, tool):
    bad = Path(f"b_flc.fits{suffix}")
    bad.write_bytes(gzip.compress(one.read_bytes()) if suffix == ".gz" else one.read_bytes())
    refused(ExposureError, [bad.name, "compressed", tool], bad)


def test_compressed_file_under_another_name(refused, one):
    Path("b_flc.fits").write_bytes(gzip.compress(one.read_bytes()))
    refused(ExposureError, ["b_flc.fits"], "b_flc.fits")


def test_tile_compressed_images(refused, one):
    def compressed(hdus):
        squeezed = [
            fits.CompImageHDU(h.data, h.header, name=h.name, compression_type="RICE_1") for h in hdus[1:]
        ]
        return [hdus[0], *squeezed]

    rewrite(copy(one, "b_flc.fits"), compressed)
    refused(ExposureError, ["b_flc.fits", "tile-compressed", "funpack"], "b_flc.fits")


# Products that are no calibrated single exposures


@pytest.mark.parametrize(
    ("suffix", "wanted"),
    [
        ("raw", "run calacs"),
        ("spt", "support file"),
        ("crj", "combined"),
        ("crc", "combined"),
        ("drz", "drizzled product: give the exposures"),
        ("drc", "drizzled product: give the exposures"),
        ("sci1_crmask", "mask of AstroDrizzle"),
        ("flc_truth", "truth"),
    ],
)
def test_other_product(refused, one, suffix, wanted):
    bad = copy(one, f"j8xx01abq_{suffix}.fits")
    refused(ExposureError, [bad.name, wanted, "flc.fits"], bad)


def test_own_outputs(refused, one):
    flag(one)
    refused(ExposureError, [mask_of(one).name, "mask file of this step"], mask_of(one))
    clean = copy(one, "j8xx01abq_flc_deepcr_clean.fits")
    refused(ExposureError, [clean.name, "cleaned image of this step"], clean)
    renamed = copy(mask_of(one), "b_flc.fits")
    refused(ExposureError, [renamed.name, "no SCI"], renamed)


def test_drizzled_product_under_another_name(refused, one):
    edit(copy(one, "b_flc.fits"), lambda hdus: hdus["ERR", 1].header.set("EXTNAME", "WHT"))
    refused(ExposureError, ["b_flc.fits", "drizzled product"], "b_flc.fits")


# Exposures with faults in their headers


def without(name):
    return lambda hdus: [hdu for hdu in hdus if hdu.name != name]


def dq_without_pixels(hdus):
    header = fits.Header([("PIXVALUE", 0), ("NPIX1", 320), ("NPIX2", 256)])
    return [*hdus[:3], fits.ImageHDU(None, header, name="DQ")]


def dq_of_another_shape(hdus):
    return [*hdus[:3], fits.ImageHDU(hdus["DQ", 1].data[:-1], name="DQ")]


def dq_of_floats(hdus):
    return [*hdus[:3], fits.ImageHDU(hdus["DQ", 1].data.astype(np.float32), name="DQ")]


def two_dqs(hdus):
    return [*hdus, hdus["DQ", 1].copy()]


def cube(hdus):
    return [
        hdus[0],
        fits.ImageHDU(np.zeros((2, 256, 320), np.float32), hdus[1].header, name="SCI"),
        *hdus[2:],
    ]


@pytest.mark.parametrize(
    ("damage", "wanted"),
    [
        (without("SCI"), ["no SCI", "give a calibrated exposure"]),
        (without("DQ"), ["[SCI,1] has no DQ"]),
        (dq_without_pixels, ["[DQ,1] has no pixels", "PIXVALUE 0", "expand it"]),
        (dq_of_another_shape, ["[DQ,1] has shape (255, 320), but its SCI (256, 320)"]),
        (dq_of_floats, ["[DQ,1] does not hold 16- or 32-bit integers"]),
        (two_dqs, ["two extensions [DQ,1]"]),
        (cube, ["[SCI,1] is not two-dimensional"]),
        (lambda hdus: hdus[:1], ["no SCI"]),
    ],
    ids=["no SCI", "no DQ", "PIXVALUE", "shape", "float DQ", "two DQ", "cube", "primary only"],
)
def test_extensions_that_do_not_fit(refused, one, damage, wanted):
    rewrite(copy(one, "b_flc.fits"), damage)
    refused(ExposureError, ["b_flc.fits cannot be processed", *wanted], "b_flc.fits")


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [
        ("COUNTS", ["COUNTS", "run calacs"]),
        ("DN", ["DN", "ELECTRONS is needed"]),
        ("ELECTRONS/CM2", ["ELECTRONS/CM2", "ELECTRONS is needed"]),
        ("", ["missing", "ELECTRONS is needed"]),
        (None, ["missing", "ELECTRONS is needed"]),
    ],
)
def test_wrong_unit(refused, one, unit, wanted):
    header_set(copy(one, "b_flc.fits"), "BUNIT", unit, 1)
    refused(ExposureError, ["b_flc.fits", *wanted], "b_flc.fits")


@pytest.mark.parametrize("exptime", [0.0, -5.0, None, "long", True])
def test_exposure_time_that_is_none(refused, one, exptime):
    header_set(copy(one, "b_flc.fits"), "EXPTIME", exptime)
    refused(ExposureError, ["b_flc.fits", "EXPTIME", "above 0 s"], "b_flc.fits")


def test_all_faults_of_all_files_are_named_at_once(refused, one):
    header_set(header_set(copy(one, "b_flc.fits"), "EXPTIME", 0.0), "BUNIT", "DN", 1)
    rewrite(copy(one, "c_flc.fits"), without("DQ"))
    named = ["b_flc.fits", "EXPTIME", "DN", "c_flc.fits", "no DQ"]
    refused(ExposureError, named, "b_flc.fits", "c_flc.fits")
    # A sound one among them is done, and the others are named all the same, before and after.
    fresh = copy(one, f"fresh/{one.name}")
    flag(fresh)
    with pytest.warns(StepWarning) as told, pytest.raises(RunError) as caught:
        flag(one, "b_flc.fits", "c_flc.fits")
    [warning] = told
    for message in (str(warning.message), str(caught.value)):
        assert all(text in message for text in named)
    assert np.array_equal(dq(one), dq(fresh))


def test_needed_card_that_cannot_be_read(refused, one):
    bad = copy(one, "b_flc.fits")
    card = next(line for line in bad.read_bytes()[:11520].split(b"EXPTIME ")[1:])[:20]
    bad.write_bytes(
        bad.read_bytes().replace(b"EXPTIME " + card, b"EXPTIME = '512.0    / s     "[: 8 + len(card)], 1)
    )
    refused(ExposureError, ["b_flc.fits"], bad)


# Pixels


def test_chip_without_a_finite_pixel(refused, one):
    edit(one, lambda hdus: hdus["SCI", 1].data.fill(np.nan))
    refused(RunError, [one.name, "no finite pixel"], one)


# Other instruments


@pytest.mark.parametrize(("instrument", "detector"), [("WFC3", "UVIS"), ("ACS", "HRC")])
def test_cameras_that_were_tried_are_taken_as_they_come(pair, instrument, detector):
    path = pair[0]
    fresh = copy(path, f"fresh/{path.name}")
    flag(fresh)
    header_set(header_set(path, "INSTRUME", instrument), "DETECTOR", detector)
    flag(path)
    assert all(np.array_equal(dq(path, extver), dq(fresh, extver)) for extver in (1, 2))


@pytest.mark.parametrize(
    ("instrument", "detector", "warning"),
    [
        ("STIS", "CCD", "trained on ACS/WFC, not on STIS/CCD"),
        ("WFPC2", "2", "most stars are so sharp that they will be flagged"),
        ("WFPC", "1", "not known whether its stars are so sharp"),
    ],
)
def test_other_detector_needs_a_yes_and_is_warned_of(refused, one, instrument, detector, warning):
    header_set(header_set(one, "INSTRUME", instrument), "DETECTOR", detector)
    refused(ExposureError, [one.name, f"{instrument}/{detector}", "any_detector=True"], one)
    with pytest.warns(StepWarning, match=warning) as caught:
        flag(one, any_detector=True)
    assert len(caught) == 1


@pytest.mark.parametrize("any_detector", [False, True])
@pytest.mark.parametrize(
    ("instrument", "detector", "why"),
    [
        ("ACS", "SBC", "cosmic rays do not mark"),
        ("WFC3", "IR", "read up the ramp"),
        ("NICMOS", "", "read up the ramp"),
    ],
)
def test_what_is_no_ccd_is_always_refused(refused, one, instrument, detector, why, any_detector):
    header_set(header_set(one, "INSTRUME", instrument), "DETECTOR", detector)
    refused(ExposureError, [one.name, why], one, any_detector=any_detector)


def test_file_of_no_instrument(refused, one):
    header_set(one, "INSTRUME", None)
    refused(ExposureError, [one.name, "INSTRUME"], one, any_detector=True)


def test_counts_without_gain(refused, one):
    header_set(header_set(header_set(one, "INSTRUME", "STIS"), "DETECTOR", "CCD"), "BUNIT", "COUNTS", 1)
    refused(ExposureError, [one.name, "ATODGAIN"], one, any_detector=True)


# Permissions, by the mode bits


def test_read_only_file(refused, pair):
    pair[1].chmod(0o444)
    refused(ExposureError, [pair[1].name, "read-only", "chmod u+w", "output_dir"], pair[1])


def test_read_only_directory(refused, one, here):
    here.chmod(0o555)
    try:
        refused(ExposureError, ["is read-only", "chmod u+w", "output_dir"], one)
    finally:
        here.chmod(0o755)


def test_read_only_target_of_a_link(refused, one):
    real = copy(one, f"archive/{one.name}")
    one.unlink()
    one.symlink_to(real)
    real.chmod(0o444)
    refused(ExposureError, [real.name, "read-only"], one)


# Parameters


@pytest.mark.parametrize(
    ("parameter", "value", "wanted"),
    [
        *(
            ("threshold", value, "a number from 0 to 1")
            for value in (7, float("nan"), "nan", "abc", -0.1, None, True)
        ),
        *(("crbit", value, "8192, 4096 or 16384") for value in (3, 16, 256, 32768, 0, "x", -8192)),
        ("grow", -1, "integer"),
        ("device", "tpu", "auto, cpu, cuda, mps or cuda:N"),
        ("device", "cuda:x", "auto, cpu, cuda, mps or cuda:N"),
        ("device", "mps:1", "auto, cpu, cuda, mps or cuda:N"),
        ("mask_file", "perhaps", "yes or no"),
        ("treshold", 0.5, "did you mean threshold?"),
        ("nonsense", 1, "no parameter nonsense"),
    ],
)
def test_parameter_outside_what_is_allowed(refused, one, parameter, value, wanted):
    refused(ParameterError, [parameter, wanted], one, **{parameter: value})


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:12"])
def test_device_that_is_not_there(refused, one, device):
    refused(ParameterError, [f"device={device!r}", "use 'auto' or 'cpu'"], one, device=device)


def test_parameter_file_of_another_task(refused, one):
    Path("other.cfg").write_text("_task_name_ = astrodrizzle\ninput = *_flc.fits\n")
    refused(ParameterError, ["other.cfg", "astrodrizzle", "acs-deepcr pars"], one, configobj="other.cfg")


# What looks unusual and is fine


def test_single_chip_subarray(one):
    assert len(flag(one)) == 1 and flagged(one).any()


@pytest.mark.parametrize(
    ("filters", "name"),
    [(("F606W", "POL0V"), "F606W+POL0V"), (("FR914M", "CLEAR2L"), "FR914M"), (("CLEAR1L", "F814W"), "F814W")],
)
def test_ramps_and_polarisers(one, filters, name):
    header_set(header_set(one, "FILTER1", filters[0]), "FILTER2", filters[1])
    table = flag(one, model="auto")
    known = filters[0] if filters[0] == "F606W" else filters[1]
    assert table["filter"][0] == name and table["status"][0] == "done"
    assert table["model"][0] == (f"ACS-WFC-{known}" if name != "FR914M" else "ACS-WFC")


@pytest.mark.parametrize(("kind", "top"), [(np.uint16, 2**15), (np.uint32, 2**31), (np.int32, 2**20)])
def test_dq_of_other_integers_is_kept(one, kind, top):
    fresh = copy(one, f"fresh/{one.name}")
    flag(fresh)

    def widened(hdus):
        data = hdus["DQ", 1].data.astype(kind)
        data[::9] |= kind(top)
        return [*hdus[:3], fits.ImageHDU(data, hdus["DQ", 1].header, name="DQ")]

    rewrite(one, widened)
    old = dq(one)
    assert old.dtype == kind and (old & kind(top)).any()
    flag(one)
    new, header = dq(one), fits.getheader(one, "DQ", 1)
    assert new.dtype == kind and header.get("BZERO", 0) == (top if kind != np.int32 else 0)
    assert np.array_equal(new & kind(8192), dq(fresh).astype(kind) & kind(8192)) and (new & kind(8192)).any()
    assert np.array_equal(new & ~kind(8192), old)
    set_dq(one, (0, 0), kind(4))
    flag(one, threshold=1.0)
    old[0, 0] |= kind(4)
    assert np.array_equal(dq(one), old)


@pytest.mark.parametrize("unit", ["ELECTRONS/S", "electrons / s", "ELECTRONS", "electrons"])
def test_electrons_per_second_are_electrons(one, unit):
    fresh = copy(one, f"fresh/{one.name}")
    flag(fresh)
    header_set(one, "BUNIT", unit, 1)
    if "s" in unit.lower().split("electron")[1].removeprefix("s"):
        edit(one, lambda hdus: hdus["SCI", 1].data.__itruediv__(512))
    flag(one)
    assert np.array_equal(dq(one), dq(fresh))


@pytest.mark.parametrize("where", [0, 1])
def test_counts_with_gain_are_electrons(one, where):
    fresh = copy(one, f"fresh/{one.name}")
    flag(fresh)
    header_set(header_set(header_set(one, "INSTRUME", "STIS"), "DETECTOR", "CCD"), "BUNIT", "COUNTS", 1)
    header_set(one, "ATODGAIN", 4.0, where)
    edit(one, lambda hdus: hdus["SCI", 1].data.__itruediv__(4))
    with pytest.warns(StepWarning, match="STIS/CCD"):
        flag(one, any_detector=True)
    assert np.array_equal(dq(one), dq(fresh))

"""Pass 2: the exposures of one group, decided on together.

In pass 1 every exposure gets a mask file with its probabilities, in any order, thread
or machine. Here the members are looked at one chip at a time, so that a group of
any size fits in memory: of each member only the WCS, some numbers and the
probabilities that are not near zero stay.
"""

import hashlib
import math
from dataclasses import dataclass, field, replace

import numpy as np

from .. import detect, dq, exposure, flags, maskfile, pixels, process, rerun, results, saturation, saving
from ..edges import cut_tracks
from ..errors import ExposureError, StepError, told
from ..task import Outcome
from . import alignment, consensus, decision, grouping, lookup, mapping
from .rules import Rules
from .starfit import find_stars
from .stars import Stars

__all__ = ["flag_group"]

_BLURRED = 0.2  # pixels of misalignment that a product shows
_KEPT = 0.01  # probabilities below are as good as none, for what a member says of others


@dataclass(frozen=True, eq=False)
class _Frame:
    """One chip of a member, without its pixels."""

    chip: exposure.Chip
    sha256: str
    wcs: object
    index: np.ndarray = field(repr=False)  # where the probability is above _KEPT
    stored: np.ndarray = field(repr=False)
    sky: float
    noise: float
    stars: Stars = field(repr=False)


@dataclass(frozen=True, eq=False)
class _Seat:
    """A member of the group: its task, its file as inspected, and its frames."""

    task: object
    exposure: exposure.Exposure
    frames: dict

    def chips_on(self, corners):
        """Yield the chips that share sky with any of these footprints, one at a time."""
        for extver, frame in self.frames.items():
            if any(mapping.overlap(_corners(frame), chip) for chip in corners):
                yield self.member(extver)

    def member(self, extver):
        """Read a chip as an `lookup.Member`."""
        frame = self.frames[extver]
        raw = exposure.read_raw(self.exposure, frame.chip)
        image = _native(exposure.image_in_electrons(frame.chip, raw))
        bits = exposure.read_dq(self.exposure, frame.chip)
        bad = _bad(bits, image)
        stored = np.zeros(frame.chip.shape, np.int16)
        stored.ravel()[frame.index] = frame.stored
        levels = frame.sky, frame.noise
        return lookup.Member(
            frame.wcs, frame.chip.exptime, image, stored, _saturated(bits, image), bad, *levels, frame.stars
        )


def flag_group(group, stage=None):
    """Pass 2: flag the cosmic rays of a group's exposures.

    Parameters
    ----------
    group : grouping.Group
        Each with its mask file of pass 1.
    stage : task.Stage, optional

    Returns
    -------
    Outcome
        Rows of all members. One that fails is as it was, and does not stop the others.
    """
    stage = stage or process.process_stage()
    outcome, seats = Outcome([]), []
    for task in group.tasks:
        stage.check()
        try:
            seats.append(_seat(task))
        except Exception as error:  # even an unforeseen one is not the others'
            _fail(task, error, outcome)
    key, pairs = _key(seats), _pairs(seats, stage)
    for number, seat in enumerate(seats):
        stage.check()
        try:
            _refresh(seats, pairs, number)
            made = _flag_member(number, seats, pairs, key, stage)
            outcome.rows.extend(made.rows)
            outcome.warnings.extend(made.warnings)
        except Exception as error:
            _fail(seat.task, error, outcome)
    return outcome


def _fail(task, error, outcome):
    outcome.rows.extend(results.failed_row(task, chip, told(error)) for chip in task.exposure.chips)


def _seat(task):
    """Look at a member once: levels and probabilities of its chips."""
    current = process.current_state(task)
    mask = maskfile.read(task.store_path)
    wcs, _ = grouping.chip_wcs(current)
    frames = {}
    for chip in current.chips:
        raw = exposure.read_raw(current, chip)
        digest = hashlib.sha256(raw).hexdigest()
        if not maskfile.same_exposure(mask, current, chip, digest):
            raise ExposureError(f"{task.store_path} is not the mask of {current.path}: run the step again.")
        image = _native(exposure.image_in_electrons(chip, raw))
        sky, noise = pixels.levels(image)
        stored = mask.chip(chip.extver).stored
        bits = exposure.read_dq(current, chip)
        its = find_stars(image, sky, noise, stored, _saturated(bits, image), _bad(bits, image))
        stored = stored.ravel()
        index = np.flatnonzero(stored > _KEPT * flags.STORED_UNIT)
        frames[chip.extver] = _Frame(
            chip, digest, wcs[chip.extver], index.astype(np.int32), stored[index], sky, noise, its
        )
    return _Seat(task, current, frames)


def _refresh(seats, pairs, number):
    """Look at all files again before one member is decided on; who changed is asked no more."""
    for j, seat in enumerate(seats):
        try:
            seats[j] = _refreshed(seat)
        except StepError:
            if j == number:
                raise
            pairs.pop((number, j), None)


def _refreshed(seat):
    """The member as its file is now: we, or another run, may have written flags into it."""
    current = process.current_state(replace(seat.task, exposure=seat.exposure))
    if current is seat.exposure:
        return seat
    for chip in current.chips:
        frame = seat.frames.get(chip.extver)
        digest = hashlib.sha256(exposure.read_raw(current, chip)).hexdigest()
        if frame is None or frame.sha256 != digest:
            raise ExposureError(f"{current.path}: its pixels changed while the step ran: run the step again.")
    return replace(seat, exposure=current)


def _key(seats):
    """Identify the members, their pixels and their pointing."""
    digest = hashlib.sha256()
    for seat in sorted(seats, key=lambda seat: (seat.exposure.rootname, str(seat.exposure.expstart))):
        for extver, frame in seat.frames.items():
            where = mapping.signature(frame.wcs, frame.chip.shape)
            digest.update(f"{seat.exposure.rootname} {extver} {frame.sha256} {where}".encode())
    return digest.hexdigest()[:16]


def _pairs(seats, stage):
    """How well each member shows the stars of each other one, by their numbers."""
    rules, pairs = Rules(), {}
    for i, seat in enumerate(seats):
        others = [j for j, other in enumerate(seats) if j != i and _may_ask(seat, other)]
        if not others:
            continue
        bright = []
        for extver in seat.frames:
            member = seat.member(extver)
            found, peak = alignment.bright_pixels(member)
            # Of the pixels only those found are needed further on.
            bright.append(
                (replace(member, image=_EMPTY, stored=_EMPTY, saturated=_EMPTY, bad=_EMPTY), found, peak)
            )
        for j in others:
            stage.check()
            corners = [_corners(frame) for frame in seat.frames.values()]
            shift = alignment.measured_shift(_stars(seat), _stars(seats[j]))
            pairs[i, j] = alignment.alignment(bright, seats[j].chips_on(corners), rules, shift)
    return pairs


def _stars(seat):
    return [(frame.wcs, frame.chip.shape, frame.stars) for frame in seat.frames.values()]


_EMPTY = np.zeros((0, 0), np.float32)


def _may_ask(one, other):
    """Whether another member is another exposure, with some sky in common."""
    return not exposure.same_observation(one.exposure, other.exposure) and any(
        mapping.overlap(_corners(a), _corners(b)) for a in one.frames.values() for b in other.frames.values()
    )


def _corners(frame):
    return mapping.footprint(frame.wcs, frame.chip.shape)


def _flag_member(number, seats, pairs, key, stage):
    """Decide on one member and write its mask file and flags; its outcome."""
    seat, outcome = seats[number], Outcome([])
    task = seat.task
    usable = {j: pair for (i, j), pair in pairs.items() if i == number and pair.usable}
    faults = {j: pair for (i, j), pair in pairs.items() if i == number and not pair.usable}
    names = [seats[j].exposure.rootname for j in usable]
    if task.parameters.consensus == "yes" and not usable:
        raise ExposureError(
            f"consensus=yes, but no other exposure can be used for {seat.exposure.path.name}: "
            f"{_told(faults, seats)}; align them (TweakReg), or set consensus to auto."
        )
    with saving.locked(task.target, stage.stop.is_set):
        current = process.current_state(task)
        known = maskfile.read(task.store_path)
        there = known if task.store_path == task.mask_path else process.known_mask(task)
        members = (seat.exposure.rootname, *names) if names else ()
        company = results.Company(members, key, _told(faults, seats))
        network = (known.model_hash, known.precision)
        if task.parameters.rerun == "skip" and rerun.is_up_to_date(task, there, network, outcome, key):
            return outcome

        def judge(chip, image, _digest):
            stored = known.chip(chip.extver).stored
            return stored, lambda saturated: _plane(seat, seats, usable, (chip, image, stored, saturated))

        work = process.work(task, current, known, judge, outcome, company)
        process.store(
            task, current, _recorded(known, task.parameters, company), work, stage, outcome.warnings
        )
        if not task.parameters.mask_file:
            task.store_path.unlink(missing_ok=True)
    outcome.warnings.extend(_misalignments(seat, seats, faults))
    outcome.warnings.extend(_shifts(seat, seats, usable))
    return outcome


def _recorded(known, parameters, company):
    """The mask file of this run, its chips still to come."""
    names = ("threshold", "grow", "protect_saturated", "crbit")
    decided = {name: getattr(parameters, name) for name in names}
    return replace(known, **decided, members=company.members, group=company.group)


def _plane(seat, seats, usable, target):
    """The reasons of one chip."""
    chip, image, stored, saturated = target
    frame, rules, parameters = seat.frames[chip.extver], Rules(), seat.task.parameters
    member = lookup.Member(
        frame.wcs, chip.exptime, _native(image), stored, saturated, _EMPTY, frame.sky, frame.noise
    )
    found = lookup.candidates(member, replace(rules, candidate=min(rules.candidate, parameters.threshold)))
    evidence = [
        lookup.look_up(
            found, member, seats[j].chips_on([_corners(frame)]), replace(rules, slope=pair.slope), pair.shift
        )
        for j, pair in usable.items()
    ]
    cosmic, star = consensus.lone_events(found, saturated, evidence)
    levels, limit = (frame.sky, frame.noise), parameters.threshold * flags.STORED_UNIT
    guarded, filled = saturation.guarded(member.image, levels, saturated & ~cosmic, stored, limit)
    guarded, filled = guarded | star, filled & ~detect.dilate(star, 1)  # they know better
    filled = filled | cut_tracks(member.image, levels, saturated, parameters.threshold)
    if not evidence:
        return flags.decide(stored, guarded, parameters, filled)
    verdict = consensus.judge(found, frame.noise, evidence, parameters.threshold, rules)
    return decision.decide(stored, (guarded, filled), found, verdict, parameters, rules)


def _told(faults, seats):
    """What keeps other members from being of use, in words."""
    return "; ".join(f"{seats[j].exposure.rootname} {pair.fault}" for j, pair in faults.items())


def _misalignments(seat, seats, faults):
    """Warnings of members whose WCS does not fit; too few stars are no reason for one."""
    bad = {j: pair for j, pair in faults.items() if pair.enough}
    if not bad:
        return []
    return [
        f"{seat.exposure.path.name} is decided on without exposures that its WCS does not fit "
        f"({_told(bad, seats)}): align them (TweakReg), then run the step again."
    ]


def _shifts(seat, seats, usable):
    """Warnings of members that could be used, but lie off all the same."""
    off = {j: math.hypot(*pair.shift) for j, pair in usable.items()}
    off = {j: pixels for j, pixels in off.items() if pixels > _BLURRED}
    if not off:
        return []
    told = ", ".join(f"{seats[j].exposure.rootname} {pixels:.2f}" for j, pixels in off.items())
    return [
        f"{seat.exposure.path.name} does not lie where its WCS says: stars of other exposures are off by "
        f"(pixels) {told}. The flags allow for it, AstroDrizzle will not: align them (TweakReg) before you "
        "drizzle."
    ]


def _saturated(bits, image):
    return exposure.is_saturated(bits) | (image > detect.SATURATION_LEVEL)


def _bad(bits, image):
    return ((bits & dq.NO_IMAGE) != 0) | ~np.isfinite(image)


def _native(image):
    return np.ascontiguousarray(image, np.float32)

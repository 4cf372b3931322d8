"""The second pass of a run: the exposures of one field, decided on together.

In the first pass every exposure gets a mask file with its probabilities, in any order, thread
or machine. Here each member of the field is decided on by what the others show.
"""

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np

from ..arrays.morphology import dilate
from ..errors import ExposureError, StepError, message_of
from ..files import mask_file
from ..files.atomic import locked
from ..flagging import saturation, single
from ..flagging.consensus import alignment, lookup, verdict
from ..flagging.consensus.alignment import Alignment
from ..flagging.consensus.decision import decide as decide_on_field
from ..flagging.consensus.field_chip import FieldChip
from ..flagging.consensus.rules import Rules
from . import exposure_work, results, up_to_date
from .field_member import FieldMember, read_member
from .task import Outcome

__all__ = ["FieldDecision", "Other", "flag_field"]

_BLURRED = 0.2  # pixels of misalignment that a product shows
_EMPTY = np.zeros((0, 0), np.float32)


def flag_field(field, stage=None):
    """Flag the cosmic rays of a field's exposures.

    Parameters
    ----------
    field : task.Field
        Each exposure with its mask file of the first pass.
    stage : task.Stage, optional

    Returns
    -------
    Outcome
        Rows of all members. One that fails is as it was, and does not stop the others.
    """
    stage = stage or exposure_work.process_stage()
    outcome, members = Outcome([]), []
    for task in field.tasks:
        stage.check()
        try:
            members.append(read_member(task))
        except Exception as error:  # even an unforeseen one is not the others'
            _fail(task, error, outcome)
    field_id, alignments = _field_id(members), _alignments(members, stage)
    for number, member in enumerate(members):
        stage.check()
        try:
            _refresh(members, alignments, number)
            others = [Other(members[j], found) for (i, j), found in alignments.items() if i == number]
            decided = _flag_member(FieldDecision(members[number], others, field_id), stage)
            outcome.rows.extend(decided.rows)
            outcome.warnings.extend(decided.warnings)
        except Exception as error:
            _fail(member.task, error, outcome)
    return outcome


def _fail(task, error, outcome):
    message = message_of(error)
    outcome.rows.extend(results.failed_row(task, chip, message) for chip in task.exposure.chips)


def _refresh(members, alignments, number):
    """Look at all files again before one member is decided on; one whose pixels changed is used no more."""
    for j, member in enumerate(members):
        try:
            members[j] = member.refreshed()
        except StepError:
            if j == number:
                raise
            alignments.pop((number, j), None)


def _field_id(members):
    """Identify the members, their pixels and their pointing."""
    digest = hashlib.sha256()
    for member in sorted(members, key=lambda one: (one.rootname, str(one.exposure.expstart))):
        for extver, chip in member.chips.items():
            digest.update(f"{member.rootname} {extver} {chip.sha256} {chip.pointing}".encode())
    return digest.hexdigest()[:16]


def _alignments(members, stage):
    """How well each member shows the stars of each other one: `Alignment` by their two numbers."""
    rules, found = Rules(), {}
    for i, member in enumerate(members):
        others = [j for j, other in enumerate(members) if j != i and member.overlaps(other)]
        if not others:
            continue
        bright = [_bright_pixels(member.read(extver)) for extver in member.chips]
        for j in others:
            stage.check()
            shift = alignment.measured_shift(member.stars, members[j].stars)
            chips = members[j].chips_on(member.corners)
            found[i, j] = alignment.align(bright, chips, rules, shift)
    return found


def _bright_pixels(chip):
    """Return the bright pixels of a chip; only those are needed further on, so its arrays are let go."""
    light = replace(chip, image=_EMPTY, scaled_probability=_EMPTY, saturated=_EMPTY, bad=_EMPTY)
    return replace(alignment.bright_pixels(chip), chip=light)


@dataclass(frozen=True, eq=False)
class Other:
    """Another member of the field, and how well it is aligned."""

    member: FieldMember
    alignment: Alignment


@dataclass(frozen=True, eq=False)
class FieldDecision:
    """Decides on one member by what the others show.

    Attributes
    ----------
    member : FieldMember
    others : list of Other
        That overlap it.
    field_id : str
        Identifies the field.
    known : mask_file.MaskFile, optional
        Of the first pass.
    """

    member: FieldMember
    others: list[Other]
    field_id: str
    known: mask_file.MaskFile | None = field(default=None, repr=False)

    @property
    def usable(self):
        """The others that can be used."""
        return [other for other in self.others if other.alignment.usable]

    @property
    def unusable(self):
        """The others that cannot."""
        return [other for other in self.others if not other.alignment.usable]

    @property
    def joint(self):
        """What the table and the mask file say of them."""
        names = tuple(other.member.rootname for other in self.usable)
        members = (self.member.rootname, *names) if names else ()
        return results.JointExposures(members, self.field_id, _faults(self.unusable))

    def scaled_probability(self, sci):
        """Return the scaled probabilities of a chip, (R, C) int16."""
        return self.known.chip(sci.chip.extver).scaled_probability

    def reasons(self, sci, image):
        """Return the reasons of a chip's pixels, (R, C) uint16."""
        summary, rules = self.member.chips[sci.chip.extver], Rules()
        decision = self.member.task.parameters.decision
        chip = FieldChip(
            sci.native_electrons(),
            image.scaled_probability,
            image.saturated,
            image.background,
            image.full_rows,
            wcs=summary.wcs,
            exptime=sci.chip.exptime,
            bad=_EMPTY,
        )
        found = lookup.candidates(chip, rules, decision.threshold)
        evidence = [
            lookup.look_up(
                found, chip, other.member.chips_on([summary.corners]), rules, other.alignment.misalignment
            )
            for other in self.usable
        ]
        wells = single.flagged_anyway(chip, _wells(chip, found, evidence, decision.threshold), decision)
        if not evidence:
            return single.reasons_of(chip.scaled_probability, wells, decision)
        seen = verdict.compare(found, chip.background.rms, evidence, decision.threshold, rules)
        return decide_on_field(chip.scaled_probability, wells, found, seen, decision, rules)


def _wells(chip, found, evidence, threshold):
    """Return the saturated pixels by what filled them: where the others tell, they overrule this exposure."""
    others = verdict.saturated_events(found, chip.saturated, evidence)
    itself = saturation.divided(replace(chip, saturated=chip.saturated & ~others.cosmic_ray), threshold)
    return saturation.SaturatedPixels(
        star=itself.star | others.star, cosmic_ray=itself.cosmic_ray & ~dilate(others.star, 1)
    )


def _flag_member(deciding, stage):
    """Decide on one member and write its mask file and flags; its outcome."""
    member, outcome = deciding.member, Outcome([])
    task, joint = member.task, deciding.joint
    if task.parameters.consensus == "yes" and not deciding.usable:
        raise ExposureError(
            f"consensus=yes, but no other exposure can be used for {member.exposure.path.name}: "
            f"{joint.note}; align them (TweakReg), or set consensus to auto."
        )
    with locked(task.target, stage.stop.is_set):
        exposure = exposure_work.current_state(task)
        known = mask_file.read(task.probe_path)
        there = known if task.probe_path == task.mask_path else exposure_work.known_mask(task)
        if task.parameters.rerun == "skip" and up_to_date.is_up_to_date(
            task, there, known.made_by, outcome, deciding.field_id
        ):
            return outcome
        deciding = replace(deciding, known=known)
        decided = exposure_work.decide(task, exposure, known, deciding, outcome, joint)
        mask = replace(
            known, decision=task.parameters.decision, members=joint.members, field_id=joint.field_id
        )
        exposure_work.store(task, exposure, mask, decided, stage, outcome.warnings)
        if not task.parameters.mask_file:
            task.probe_path.unlink(missing_ok=True)
    outcome.warnings.extend(_warnings(deciding))
    return outcome


def _faults(others):
    """Return what keeps other members from being of use, in words."""
    return "; ".join(f"{other.member.rootname} {other.alignment.fault}" for other in others)


def _warnings(deciding):
    """Warnings of members whose WCS does not fit; too few stars are no reason for one."""
    name = deciding.member.exposure.path.name
    misaligned = [other for other in deciding.unusable if other.alignment.enough]
    if misaligned:
        yield (
            f"{name} is decided on without exposures that its WCS does not fit "
            f"({_faults(misaligned)}): align them (TweakReg), then run the step again."
        )
    off = [other for other in deciding.usable if other.alignment.offset > _BLURRED]
    if off:
        listed = ", ".join(f"{other.member.rootname} {other.alignment.offset:.2f}" for other in off)
        yield (
            f"{name} does not lie where its WCS says: stars of other exposures are off by "
            f"(pixels) {listed}. The flags allow for it, AstroDrizzle will not: align them (TweakReg) before "
            "you drizzle."
        )

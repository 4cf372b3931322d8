"""The second pass of a run: one exposure of a field, decided on by what the others show.

In the first pass every exposure gets a mask file with its probabilities, in any order, thread
or machine; then each is measured once (`field_member`), and each is decided on, again in any order.
"""

import hashlib
from dataclasses import dataclass, field, replace

from ..arrays.numerics import numpy_defaults
from ..errors import ExposureError, StepError
from ..files import mask_file
from ..files.atomic import locked
from ..flagging.consensus import candidates, pointing
from ..flagging.consensus.comparison import compared
from ..flagging.consensus.decision import decide as decide_on_field
from ..flagging.consensus.field_chip import FieldChip
from ..flagging.consensus.pointing import Pointing
from . import calibrations, exposure_work, masks_beside, results, up_to_date
from .asked import choose
from .deciders import Network
from .field_member import FieldMember
from .task import Outcome

__all__ = ["FieldDecision", "FieldTask", "Other", "field_tasks", "flag_member", "others_of"]

_BLURRED = 0.2  # pixels of misalignment that a product shows


@dataclass(frozen=True, eq=False)
class FieldTask:
    """One exposure of a field to decide on.

    Attributes
    ----------
    member : FieldMember
    asked : tuple of FieldMember
        The others that can tell it most.
    field_id : str
        Identifies the field.
    threads : int
        As of `task.Task`.
    """

    member: FieldMember
    asked: tuple[FieldMember, ...]
    field_id: str
    threads: int = 0

    @property
    def task(self):
        """The exposure's own task."""
        return self.member.task

    def absolute(self):
        """Return the same with absolute paths, for processes elsewhere."""
        asked = tuple(member.absolute() for member in self.asked)
        return replace(self, member=self.member.absolute(), asked=asked)


def field_tasks(members):
    """Return what is to be decided of the members of a field.

    Parameters
    ----------
    members : list of FieldMember

    Returns
    -------
    list of FieldTask
    """
    members = sorted(members, key=lambda one: (one.rootname, str(one.exposure.path)))
    field_id = _field_id(members)
    return [FieldTask(member, choose(member, members), field_id) for member in members]


def _field_id(members):
    """Identify the members, their pixels and their pointing."""
    digest = hashlib.sha256()
    for member in members:
        for extver, chip in member.chips.items():
            digest.update(f"{member.rootname} {extver} {chip.sha256} {chip.pointing}".encode())
    return digest.hexdigest()[:16]


@numpy_defaults()
def flag_member(task, stage=None):
    """Flag the cosmic rays of one exposure of a field.

    Parameters
    ----------
    task : FieldTask
    stage : task.Stage, optional

    Returns
    -------
    Outcome

    Raises
    ------
    ExposureError
        If it cannot be processed, or, with ``consensus=yes``, no other exposure can be used; it is as it was.
    """
    stage = stage or exposure_work.process_stage()
    stage.check()
    own, outcome = replace(task.task, threads=task.threads), Outcome([])
    with locked(own.target, stage.stop.is_set):
        member = task.member.refreshed()
        exposure, known = member.exposure, masks_beside.stored_probabilities(own)
        network = Network(own, known, stage)
        there = known if own.probe_path == own.mask_path else masks_beside.known_mask(own)
        if own.parameters.rerun == "skip" and up_to_date.is_up_to_date(
            own, there, network.made_by, outcome, task.field_id, 1 + len(task.asked)
        ):
            return outcome
        deciding = FieldDecision(member, others_of(member, task.asked, stage), task.field_id, network)
        decided = exposure_work.decide(own, exposure, known, deciding, outcome)
        _require_used(deciding)
        mask = mask_file.MaskFile(
            exposure.rootname,
            exposure.expstart,
            network.made_by,
            own.parameters.decision,
            members=deciding.members_used,
            field_id=task.field_id,
        )
        exposure_work.store(own, exposure, mask, decided, stage, outcome.warnings)
        if not own.parameters.mask_file:
            own.probe_path.unlink(missing_ok=True)
    outcome.warnings.extend(_warnings(deciding))
    return outcome


def others_of(member, asked, stage):
    """Return the others that a member asks as they are now, with their pointing.

    Parameters
    ----------
    member : FieldMember
    asked : sequence of FieldMember
    stage : task.Stage

    Returns
    -------
    list of Other
    """
    others = []
    for other in asked:
        stage.check()
        try:
            now = other.refreshed()
        except StepError:
            now = other  # to be named when it is asked
        known_error = pointing.known_error(member.pointing_facts, now.pointing_facts)
        others.append(Other(now, pointing.measure(member.stars, now.stars, known_error)))
    return others


@dataclass(frozen=True, eq=False)
class Other:
    """Another member of the field, and where it points."""

    member: FieldMember
    pointing: Pointing


@dataclass(frozen=True, eq=False)
class FieldDecision:
    """Decides on one member by what the others show.

    Attributes
    ----------
    member : FieldMember
    others : list of Other
        That are asked.
    field_id : str
        Identifies the field.
    network : deciders.Network
        Gives the probabilities: those of the first pass, if they are still there.
    used : dict of int to results.JointExposures
        By EXTVER: of each chip that is decided on, who was used, and why others were not.
    elsewhere : set of str
        Rootnames of others that show another place, and how that is known.
    changed : set of str
        Rootnames of others whose pixels are not what they were when the run began.
    """

    member: FieldMember
    others: list[Other]
    field_id: str
    network: Network = field(repr=False)
    used: dict[int, results.JointExposures] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)

    def scaled_probability(self, sci):
        """Return the scaled probabilities of a chip, (R, C) int16."""
        return self.network.scaled_probability(sci)

    def background(self, chip):
        """Return the background of a chip; the bits of cosmic rays, ours among them, do not touch it."""
        return self.member.chips[chip.extver].background

    def joint(self, chip):
        """Return what the table says of a chip that was decided on."""
        return self.used[chip.extver]

    @property
    def members_used(self):
        """Rootnames of the exposures that any chip was decided from, its own first; empty for it alone."""
        used = {name for joint in self.used.values() for name in joint.members}
        own = self.member.rootname
        return (own, *sorted(used - {own})) if used else ()

    def reasons(self, sci, image):
        """Return the reasons of a chip's pixels, (R, C) uint16."""
        summary = self.member.chips[sci.chip.extver]
        decision = self.member.task.parameters.decision
        tables = calibrations.load(self.member.task.model)
        chip = FieldChip.from_chip(image, wcs=summary.wcs, exptime=sci.chip.exptime)
        found = candidates.candidates(chip, decision.threshold)
        used, names, faults = [], [], []
        for other in self.others:
            try:
                one = compared(found, chip, other.member.chips_on(summary.corners), other.pointing)
            except ExposureError:  # its file is gone, or another: that is its own fault, not this member's
                self.changed.add(other.member.rootname)
                faults.append(f"{other.member.rootname} changed while the step ran")
                continue
            if one.is_used(found, tables):
                used.append(one)
                names.append(other.member.rootname)
            elif one.overlaps:
                faults.append(f"{other.member.rootname} {one.fault}")
                if one.is_elsewhere:
                    self.elsewhere.add(faults[-1])
        members = (self.member.rootname, *names) if names else ()
        self.used[sci.chip.extver] = results.JointExposures(members, self.field_id, "; ".join(faults))
        return decide_on_field(chip, found, used, tables, decision)


def _require_used(deciding):
    """With ``consensus=yes``, refuse an exposure for which no other could be used."""
    if deciding.member.task.parameters.consensus == "yes" and not deciding.members_used:
        notes = "; ".join(sorted({joint.note for joint in deciding.used.values() if joint.note}))
        raise ExposureError(
            f"consensus=yes, but no other exposure can be used for {deciding.member.exposure.path.name}: "
            f"{notes or 'none sees the same sky'}; align them (TweakReg), or set consensus to auto."
        )


def _warnings(deciding):
    """Warnings of members that do not lie where their WCS says."""
    used = set(deciding.members_used)
    name = deciding.member.exposure.path.name
    off = [one for one in deciding.others if one.member.rootname in used and one.pointing.is_off(_BLURRED)]
    if off:
        listed = ", ".join(f"{other.member.rootname} {other.pointing.offset:.2f}" for other in off)
        yield (
            f"{name} does not lie where its WCS says: stars of other exposures are off by "
            f"(pixels) {listed}. The flags allow for it, AstroDrizzle will not: align them (TweakReg) before "
            "you drizzle."
        )
    if deciding.elsewhere:
        yield (
            f"{name} is decided on without exposures that its WCS does not fit "
            f"({'; '.join(sorted(deciding.elsewhere))}): align them (TweakReg), then run the step again."
        )
    if deciding.changed:
        yield (
            f"{name} is decided on without {', '.join(sorted(deciding.changed))}, changed by another program "
            "while the step ran: run the step again."
        )

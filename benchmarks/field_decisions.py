"""Exposures of a field decided on together in this process, so that parts of the package can be replaced."""

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np

import acs_deepcr_step
from acs_deepcr_step.arrays import reasons
from acs_deepcr_step.config.parameters import resolve
from acs_deepcr_step.files import mask_file
from acs_deepcr_step.flagging.consensus import verdict
from acs_deepcr_step.flagging.consensus.candidates import Candidates
from acs_deepcr_step.flagging.consensus.verdict import Verdict
from acs_deepcr_step.work import calibrations, exposure_work
from acs_deepcr_step.work.deciders import Network
from acs_deepcr_step.work.field_member import measure_member
from acs_deepcr_step.work.field_work import FieldDecision, field_tasks, others_of
from acs_deepcr_step.work.plan import plan_exposures
from acs_deepcr_step.work.task import Outcome

_QUIET = {"runfile": "", "progress": False, "any_detector": True}


@dataclass(frozen=True, eq=False)
class Judged:
    """What the others say of the candidates of one chip.

    Attributes
    ----------
    found : candidates.Candidates
    verdict : verdict.Verdict
    own : ndarray, (K,), float32
        Log odds by the exposure itself.
    """

    found: Candidates
    verdict: Verdict
    own: np.ndarray

    @property
    def log_odds(self):
        """Posterior log odds, (K,); where no other exposure says anything, those of the exposure itself."""
        return np.where(self.verdict.known, self.verdict.log_odds, self.own)


@dataclass(frozen=True, eq=False)
class Together:
    """One exposure as the field decides on it.

    Attributes
    ----------
    path : Path
    flags : dict of int to ndarray, (R, C), bool
        By EXTVER.
    judged : list of Judged
        Of the chips that other exposures were used for.
    """

    path: Path
    flags: dict[int, np.ndarray]
    judged: list[Judged]


def judge(paths):
    """Let the network judge exposures: their mask files come to lie beside them.

    Parameters
    ----------
    paths : list of Path

    Returns
    -------
    list of dict of int to ndarray, (R, C), bool
        Flags of each exposure by itself, by EXTVER; the exposures stay as they are.
    """
    acs_deepcr_step.run([str(path) for path in paths], consensus="no", update_dq=False, **_QUIET)
    masks = [mask_file.read(path.with_name(mask_file.name_for(path))) for path in paths]
    return [{chip.extver: reasons.is_flagged(chip.reasons) for chip in mask.chips} for mask in masks]


def measured(paths):
    """Return the exposures of a field as its members, a list of FieldMember.

    Parameters
    ----------
    paths : list of Path
        That `judge` has seen.
    """
    return [measure_member(task) for task in plan_exposures(paths, resolve(None, _QUIET)).tasks]


def together(members):
    """Decide on the members of a field, as a run does.

    Parameters
    ----------
    members : list of FieldMember

    Yields
    ------
    Together
        In the order of the rootnames.
    """
    for task in field_tasks(members):
        member, own = task.member, task.task
        stage = exposure_work.process_stage()
        others, known = others_of(member, task.asked, stage), mask_file.read(own.probe_path)
        deciding = FieldDecision(member, others, task.field_id, Network(own, known, stage))
        with _recorded() as judged:
            decided = exposure_work.decide(own, member.exposure, known, deciding, Outcome([]))
        flags = {chip.extver: reasons.is_flagged(chip.reasons) for chip in decided.chips}
        tables = calibrations.load(own.model)
        yield Together(own.target, flags, [Judged(*one, tables.log_odds(one[0])) for one in judged])


@contextmanager
def _recorded():
    """Keep the candidates and the verdicts of a context, a list of pairs."""
    seen, usual = [], verdict.compare

    def compare(found, *others):
        seen.append((found, usual(found, *others)))
        return seen[-1][1]

    with mock.patch.object(verdict, "compare", compare):
        yield seen

"""The parameters that flags depend on: one record, in parameters, mask files and headers."""

import dataclasses

import pytest
from astropy.io import fits
from helpers import cards_of, flag, mask_of

from acs_deepcr_step.config.decision import Decision
from acs_deepcr_step.config.parameters import resolve
from acs_deepcr_step.config.specification import specification

OTHER = Decision(threshold=0.29, grow=2, protect_saturated=False, crbit=16384)


def test_defaults_are_those_of_the_specification():
    assert resolve().decision == Decision()
    assert set(Decision.names()) <= {option.name for option in specification()}


def test_cards_give_the_same_decision_back():
    header = fits.Header()
    header.update(OTHER.to_cards())
    assert Decision.from_cards(fits.Header.fromstring(header.tostring())) == OTHER


def test_a_parameter_that_an_older_header_does_not_have_has_its_default():
    header = {key: value for key, (value, _) in OTHER.to_cards().items() if key != "DCRGROW"}
    assert Decision.from_cards(header) == dataclasses.replace(OTHER, grow=0)


def test_mask_file_and_exposure_record_the_decision(one):
    flag(one, **dataclasses.asdict(OTHER))
    assert Decision.from_cards(fits.getheader(mask_of(one))) == OTHER
    cards = cards_of(one)
    assert all(cards[key] == value for key, (value, _) in OTHER.to_cards().items())


@pytest.mark.parametrize("name", Decision.names())
def test_every_parameter_of_the_decision_makes_a_flagged_exposure_out_of_date(one, name):
    flag(one)
    with pytest.warns(UserWarning, match="with other parameters"):
        table = flag(one, rerun="skip", **{name: getattr(OTHER, name)})
    assert set(table["status"]) == {"done"}
    assert set(flag(one, rerun="skip", **{name: getattr(OTHER, name)})["status"]) == {"skipped"}

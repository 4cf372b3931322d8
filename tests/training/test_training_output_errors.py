"""A result that cannot be written is an OutputError, whichever file it is."""

import pytest
from training_data import TINY, sample

from acs_deepcr_step.errors import OutputError
from acs_deepcr_step.training.evaluation import counts_file, figures, outputs
from acs_deepcr_step.training.evaluation.tally import Tallies
from acs_deepcr_step.training.fit import checkpoint, curves

ROW = {"epoch": 0, "lr": 0.005, "train_loss": 1.0, "loss": 1.0}
PANELS = (curves.Panel({"": "lr"}, "learning rate", "log"),)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: checkpoint.save(path, {"identity": {}}),
        lambda path: curves.draw(path, [ROW], TINY, 0, PANELS),
        lambda path: counts_file.save(Tallies(), path),
        lambda path: figures.exposure(path, sample()),
    ],
    ids=["checkpoint", "curves", "counts", "figure"],
)
def test_a_file_in_a_directory_that_is_gone_is_an_output_error(write, tmp_path):
    with pytest.raises(OutputError, match="could not be written"):
        write(tmp_path / "gone" / "file")


def test_a_directory_that_cannot_be_created_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="cannot be created"):
        outputs.prepare_directory(tmp_path / "file" / "results")
    assert (tmp_path / "file").read_text() == "mine"

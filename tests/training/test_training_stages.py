"""Work in stages: what is finished stays, what was interrupted goes on, what changed is done anew."""

import pytest

from acs_deepcr_step.errors import InputError, StepError
from acs_deepcr_step.training.reproduce.stages import Stage, Stages


class Work:
    """Two stages, the second on the first; counts what is done and cleared."""

    def __init__(self, directory):
        self.directory, self.done, self.cleared, self.fails = directory, [], [], ()

    def stages(self, first=1, second=1):
        return Stages(self.directory, [self._stage("a", first, ()), self._stage("b", second, ("a",))])

    def _stage(self, name, value, after):
        path = self.directory / f"{name}.txt"

        def work():
            self.done.append(name)
            if name in self.fails:
                raise InputError("killed")
            path.write_text(f"{value}")
            return [path]

        def clear():
            self.cleared.append(name)
            path.unlink(missing_ok=True)

        return Stage(name, {"value": value}, work, clear, after)

    def run(self, **settings):
        self.done, self.cleared, said = [], [], []
        self.stages(**settings).run(said.append)
        return self.done, self.cleared, said


@pytest.fixture
def work(tmp_path):
    return Work(tmp_path)


def test_finished_stages_are_not_done_again(work):
    assert work.run() == (["a", "b"], [], ["[1/2] a", "[2/2] b"])
    assert work.run() == ([], [], ["[1/2] a: finished before", "[2/2] b: finished before"])


def test_changed_settings_repeat_a_stage_and_all_that_builds_on_it(work):
    work.run()
    assert work.run(second=2)[:2] == (["b"], ["b"])
    assert work.run(first=2, second=2)[:2] == (["a", "b"], ["a", "b"])


def test_interrupted_stage_goes_on_with_what_is_there_unless_settings_changed(work):
    work.fails = ("b",)
    with pytest.raises(InputError):
        work.run()
    work.fails = ()
    assert work.run()[:2] == (["b"], [])
    work.fails = ("b",)
    with pytest.raises(InputError):
        work.run(second=2)
    work.fails = ()
    assert work.run(second=3)[:2] == (["b"], ["b"])


def test_lost_or_altered_output_is_made_anew_with_all_that_builds_on_it(work):
    work.run()
    (work.directory / "a.txt").unlink()
    work.fails = ("b",)
    with pytest.raises(InputError):
        work.run()
    work.fails = ()
    # The first stage is as it should be again, but not as it was when the second was made.
    assert work.run()[0] == ["b"]
    (work.directory / "b.txt").write_text("altered")
    assert work.run()[:2] == (["b"], ["b"])


def test_failed_stage_leaves_out_what_builds_on_it_and_spares_the_others(work):
    work.fails = ("a", "c")
    stages = work.stages()
    stages.stages += [work._stage("c", 1, ()), work._stage("d", 1, ())]
    said = []
    with pytest.raises(StepError, match="2 stages failed; the others are finished. a: killed c: killed"):
        stages.run(said.append)
    assert work.done == ["a", "c", "d"]
    assert "[2/4] b: left out, since it builds on what failed" in said


def test_damaged_marker_is_an_error_that_names_it(work):
    work.run()
    (work.directory / ".stages" / "a.json").write_text("{")
    with pytest.raises(InputError, match=r"a\.json is damaged"):
        work.run()

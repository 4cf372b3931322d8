"""What a reproduction fetches, and the disk space and time it takes, in words."""

import time
from collections import Counter

from ..archive.fetch_directory import size_text

__all__ = ["seconds_per_step", "text"]

_EXPOSURE_BYTES = 168_000_000  # of a full flc exposure
_PATCHES = 210  # of a full exposure
_PATCH_BYTES = 256 * 256 * 4.25  # float32 and two bits a pixel
_TRUTH_SECONDS = 15  # of a full exposure on one core, TweakReg and AstroDrizzle; measured with N = 3
_PUBLISHED_BYTES = 60e9  # paper, appendix B
_TIMED = 2  # patches in the timed step
_PUBLISHED_PATCH_BYTES = 3 * 256 * 256 * 4


def text(source, stages):
    """Describe the unfinished stages of a reproduction.

    Parameters
    ----------
    source : Source
    stages : Stages

    Returns
    -------
    str

    Raises
    ------
    ArchiveError
        If the archive has to be asked what is to be fetched, and does not answer.
    """
    to_do = [stage for stage in stages.stages if not stages.is_finished(stage)]
    counts, unfinished = (Counter(_kind(stage) for stage in some) for some in (stages.stages, to_do))
    lines = [f"Reproduction in {source.directory}: {', '.join(source.filters)}"]
    lines += [f"  {kind:18} {unfinished[kind]:4d} of {number:4d} to do" for kind, number in counts.items()]
    if not to_do:
        return "\n".join([*lines, "Everything is finished."])
    if source.options.simulated:
        lines.append(f"Nothing is fetched. Time: {source.size.time}; disk: below 1 GB.")
    elif source.options.from_zenodo:
        lines += _published_lines(source, unfinished)
    else:
        lines += _archive_lines(source, to_do, unfinished)
    return "\n".join(lines)


def _kind(stage):
    return stage.name.partition("-")[0]


def _published_lines(source, unfinished):
    lines = [str(source.plan)] if unfinished["published"] else []
    if unfinished["fit"]:
        patches = _PUBLISHED_BYTES / _PUBLISHED_PATCH_BYTES * len(source.filters) / 3
        lines.append(_training_time(source, patches))
    return lines


def _archive_lines(source, to_do, unfinished):
    names = {stage.name for stage in to_do}
    sets = [*source.train, *source.test]
    lines = []
    unfetched = [one for one in sets if f"fetch-{one.name}" in names]
    if unfetched:
        from ..archive import exposures

        planned = exposures.plan(unfetched, source.directory / "exposures", source.options.cloud)
        lines.append(str(planned))
    waiting = sum(one.n_exposures for one in sets if f"truth-{one.name}" in names)
    patches = _PATCHES * sum(one.n_exposures for one in source.train)
    total = _EXPOSURE_BYTES * sum(one.n_exposures for one in sets) + patches * _PATCH_BYTES
    work = 4 * _EXPOSURE_BYTES * max(one.n_exposures for one in sets)
    lines.append(
        f"Disk: about {size_text(total)} in all (exposures, truth, patches), and "
        f"{size_text(work)} while truth is made."
    )
    if waiting:
        lines.append(f"Time for truth: about {_duration(_TRUTH_SECONDS * waiting)} ({waiting} exposures).")
    if unfinished["fit"]:
        lines.append(_training_time(source, patches))
    return lines


def _training_time(source, patches):
    """Return the time for training all models on this machine, by timing one step."""
    models = source.models()
    recipe = source.recipe(models[0])
    seconds = seconds_per_step(recipe, source.options.device)
    # The models of the filters share the patches; the global one uses all of them again.
    steps = (2 if "" in models else 1) * patches / recipe.batch
    return (
        f"Time for training: about {_duration(seconds * steps * recipe.epochs)} on this machine "
        f"({seconds:.2g} s for a step of {recipe.batch} patches, {recipe.epochs} epochs)."
    )


def seconds_per_step(recipe, device, side=256):
    """Return the time of a training step, extrapolated from a small one.

    Parameters
    ----------
    recipe : Recipe
    device : str
    side : int
        Pixels of a patch.

    Returns
    -------
    float
        Seconds.
    """
    import torch

    from ...network.engine import choose_backend
    from ..fit.batches import MaskBatch
    from ..fit.learner import Learner

    learner = Learner(recipe, choose_backend(device, "float32").device)
    generator = torch.Generator().manual_seed(0)
    patches = min(_TIMED, recipe.batch)
    for _ in range(2):  # the first one warms up
        image = 60 + 8 * torch.randn(patches, 1, side, side, generator=generator)
        batch = MaskBatch(image, (image > 80).float(), torch.ones_like(image))
        begin = time.perf_counter()
        learner.step(batch)
        elapsed = time.perf_counter() - begin
    return elapsed * recipe.batch / patches


def _duration(seconds):
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"

"""The system of the paper "deepCR-ACS/WFC": training sets, truth, training, evaluation.

============  =====================================================================================
`samples`     an image with its truth: what passes between the folders
`archive`     the paper's sets as data (`sets`); exposures from MAST (`exposures`), patches from
              `zenodo`
`patches`     patches cut from samples, on the disk (`dataset`)
`truth`       truth by TweakReg and AstroDrizzle (`pipeline`), in files (`file`), its `completeness`
`evaluation`  curves (`roc`), counts (`tally`), what is scored (`scoring`), `table3`, `figures`;
              one's own `visit`
`calibration` how often a model is right: counted (`measure`) on simulated `fields`
`fit`         the training `loop` and its `recipe`; `inpainting` models
`simulated`   samples of the `simulator`; simulated `sets`
`reproduce`   all of the paper (`reproduction`)
`commands`    the subcommands of ``acs-deepcr``
============  =====================================================================================

**Imports go up this table, never down**: `reproduce` may import `fit`, not the other way round.
`roc` beside the folders has the names of `evaluation.roc`. Nothing is imported before it is used.

Needs the extra: ``pip install 'acs_deepcr_step[train]'``.
"""

import importlib

_MODULES = (
    "archive",
    "calibration",
    "commands",
    "evaluation",
    "fit",
    "patches",
    "reproduce",
    "roc",
    "samples",
    "simulated",
    "truth",
)

__all__ = list(_MODULES)


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})

"""The system of the paper "deepCR-ACS/WFC": training sets, truth, training, evaluation.

The data's way: `sets` (which observations) -> `archive` (fetched) -> `truth`
(TweakReg and AstroDrizzle) -> `patches` (what a network is trained on) -> `fit`
(a model) -> `roc` (how good it is); `reproduce` runs all of it. What passes
between them is a `samples.Sample`. Nothing is imported before it is used.

Needs the extra: ``pip install 'acs_deepcr_step[train]'``.
"""

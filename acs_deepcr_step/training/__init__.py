"""The system of the paper "deepCR-ACS/WFC": training sets, truth, training, evaluation.

The data's way, and where each part of it lives:

============  =====================================================================================
which         `sets` (the paper's tables as data)
fetched       `archive` (from MAST: `mast`), `zenodo` (the published patches); `download`, `manifest`,
              `unpack`, `fetchdir`
truth         `truth` (TweakReg and AstroDrizzle on `copies`, each call a `drizzlepac_job`),
              `truth_options`, `truth_file`, `coverage`, `completeness` (how good such truth is),
              `completeness_measured`
patches       `patches` (written and opened), `patch` (cut), `splitting`, `shards` (on the disk),
              `published` (the archive's layout)
training      `fit` (the loop), `learner` (network, loss, optimiser), `recipe`, `batches`, `goal`,
              `checkpoint`, `repeatable`, `curves`; `inpaint_fit` for inpainting models
evaluation    `roc` (curves), `tally` and `counts_file` (counts of many), `scoring` (what is scored),
              `confidence`, `table3`, `figures`, `pictures`, `outputs`; `evaluate` (a visit of one's own)
all of it     `reproduce` (`reproduce_sets`, `reproduce_published`, `reproduce_source`,
              `reproduce_text`) in `stages`
simulated     `simulated` (samples), `simulated_sets` (in the place of the archive's)
============  =====================================================================================

What passes between them is a `samples.Sample`: an image with its truth. The modules of
`commands` are the subcommands of ``acs-deepcr``. Nothing is imported before it is used.

Needs the extra: ``pip install 'acs_deepcr_step[train]'``.
"""

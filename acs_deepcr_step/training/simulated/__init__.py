"""Samples and observation sets of the simulator, instead of the archive's."""

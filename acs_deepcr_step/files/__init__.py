"""Bytes on disk: exposures, mask files and clean files, read and written so that nothing is lost."""

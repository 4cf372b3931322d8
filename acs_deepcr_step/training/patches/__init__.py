"""What networks are trained on: patches of exposures, written, opened and split."""

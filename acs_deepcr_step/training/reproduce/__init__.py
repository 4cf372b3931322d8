"""The whole of the paper in stages, from exposures to Table 3."""

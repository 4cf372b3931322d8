"""Who works when: a run planned, its exposures and fields worked on, and the table of the results."""

"""The parameters of the step: their specification, their checks, and the records that carry them."""

"""The calibration of a mask model, counted on simulated exposures: how often it is right, what the sky is.

`fields` are simulated, `measure` compares their exposures, `counting` makes tables of it.
"""

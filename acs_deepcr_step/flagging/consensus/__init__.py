"""What several exposures of one field say together, so that the product beats median rejection.

`candidates` finds the pixels in question; `chip_map` leads from those of one chip to those of another;
`starfit` and `stars` measure and model the stars of a chip; `pointing` tells where another exposure
lies, `lookup` what it shows at the candidates, `agreement` how well it fits, `comparison` all of that
together; `pooling` makes one value of several exposures, and `likelihood` a likelihood ratio, with the
tables of `calibration`; `verdict` decides, with `brightness` and `shape`, which tell sources that change
or move; `decision` makes flags and reasons of it. docs/consensus.md states it all.
"""

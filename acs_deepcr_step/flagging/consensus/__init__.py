"""What several exposures of one field say together, so that the product beats median rejection.

`chip_map` leads from the pixels of one chip to those of another; `starfit` and `stars` measure
and model the stars of a chip; `alignment` tells whether two exposures' WCS agree; `lookup` finds
the candidates of a chip and what another exposure shows there; `verdict` compares, with `shapes`,
which tells sources from tracks; `decision` makes flags and reasons of it. `rules` has the numbers
of it all; docs/consensus.md states the rules.
"""

"""What several exposures of one field say together, so that the product beats median rejection.

`grouping` finds the exposures of one field and filter. `together` is the second
pass over such a group: it reads the mask files of the first pass and writes the
flags. The rest takes arrays and WCS: `mapping` (pixels of one chip to those of
another), `starfit` and `stars` (the stars of a chip), `alignment` (whether two
exposures' WCS agree), `lookup` (what another exposure shows at the pixels in
doubt), `consensus` (a verdict on each of them), `shapes` (sources told from tracks),
`decision` (the flags and their reasons). `rules` has the numbers of it all;
docs/consensus.md states the rules.
"""

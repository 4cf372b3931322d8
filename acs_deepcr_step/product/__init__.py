"""From exposures to the finished image: flags, alignment, AstroDrizzle, and holes filled."""

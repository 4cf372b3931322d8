"""The numbers that the decision on several exposures rests on; docs/consensus.md states the rules."""

from dataclasses import dataclass

__all__ = ["Rules"]


@dataclass(frozen=True)
class Rules:
    """Numbers of the decision.

    Attributes
    ----------
    candidate : float
        Probability above which a pixel is looked up.
    neighbour : float
        Probability above which the neighbours are looked up too, if they stand
        `neighbour_sigma` above the sky, and a pixel is no measure of how bright a source is here.
    bright : float
        Pixels so many sigma above the sky are looked up in any case, as are saturated ones.
    flat, bend, rough, sharp : float
        Errors of what is expected of a source: share of its value; of what cubic
        and bilinear interpolation differ by, which is at least a share of the range of
        what is left in the 2x2 pixels without stars; of its highest pixel, where the stars
        of the other exposure are too few to be modelled.
    suspect, sure : float
        Probability above which a place in another exposure may be, and certainly is,
        a cosmic ray of that one.
    source : float
        Sigma above which the others show a source.
    belief : float
        Sigma that a unit of the logit of the probability is worth.
    dazzling : float
        Sigma of the sky above which a source is so bright that probabilities below `candidate` say no
        more than that one.
    on_source, on_blank : float
        What the sum must exceed.
    unsuspected, unsuspected_on_blank, contrast : float
        For a pixel that the network does not suspect: by what the sum must exceed `on_source`,
        sigma that it must exceed on blank sky, and share of the source's value.
    alike : float
        A pixel of a source has so much of its excess on the second weakest side as well.
    at_peak : tuple of float
        The peak of a source has so much of it on the weakest side, and on the second weakest.
    crowd : int
        Pixels of a group that may be a cosmic ray upon a source, however it is spread.
    passing : float
        Sigma above which a group on blank sky may be a source that moves, if the network
        takes none of its pixels for a cosmic ray.
    beside : float
        Sigma that flags near a saturated star must exceed if the network does not agree.
    grow : float
        Sigma at which neighbours of flagged pixels are flagged.
    """

    candidate: float = 0.05
    neighbour: float = 0.1
    neighbour_sigma: float = 3.0
    bright: float = 8.0
    flat: float = 0.005
    bend: float = 1.0
    rough: float = 0.05
    sharp: float = 0.1
    suspect: float = 0.3
    sure: float = 0.9
    source: float = 5.0
    belief: float = 0.4
    dazzling: float = 20.0
    on_source: float = 1.0
    on_blank: float = -0.7
    unsuspected: float = 1.3
    unsuspected_on_blank: float = 5.0
    contrast: float = 0.03
    alike: float = 0.25
    at_peak: tuple[float, float] = (0.05, 0.15)
    crowd: int = 6
    passing: float = 12.0
    beside: float = 3.0
    grow: float = 2.0

"""How probabilities become flags: the parameters of the decision, and their header cards."""

from dataclasses import dataclass, field, fields

__all__ = ["Decision"]


def _parameter(default, card, comment):
    """Return a parameter of the decision, with the header card that records it."""
    return field(default=default, metadata={"card": card, "comment": comment})


@dataclass(frozen=True)
class Decision:
    """The parameters that flags depend on, beside the probabilities.

    They are part of `Parameters` and of every mask file, and have the names of the parameter file.

    Attributes
    ----------
    threshold : float
        Pixels with a probability above it are flagged.
    grow : int
        Each flagged pixel flags the square of 2 * grow + 1 pixels around it.
    protect_saturated : bool
        Near saturated pixels flag only what the network is sure of.
    crbit : int
        The DQ bit of the flags.
    """

    threshold: float = _parameter(0.5, "DCRTHRSH", "probability threshold")
    grow: int = _parameter(0, "DCRGROW", "growth of the flags in pixels")
    protect_saturated: bool = _parameter(True, "DCRPSAT", "flags beside saturated pixels spared")
    crbit: int = _parameter(8192, "DCRBIT", "DQ bit of the flags")

    @classmethod
    def names(cls):
        """Return the names of the parameters, a tuple of str."""
        return tuple(one.name for one in fields(cls))

    def to_cards(self):
        """Return the header cards that record the decision.

        Returns
        -------
        dict of str to (value, comment)
        """
        return {
            one.metadata["card"]: (getattr(self, one.name), one.metadata["comment"]) for one in fields(self)
        }

    @classmethod
    def from_cards(cls, header):
        """Read a decision out of a header.

        Parameters
        ----------
        header : mapping
            With the cards of `to_cards`. Where one is missing, the parameter did not exist when
            the header was written, and has its default.

        Returns
        -------
        Decision

        Raises
        ------
        ValueError
            If a card holds no value of its kind.
        """
        return cls(
            **{one.name: one.type(header.get(one.metadata["card"], one.default)) for one in fields(cls)}
        )

    def describe(self):
        """Return the parameters in words, e.g. ``threshold 0.5, grow 0``."""
        values = ((name, getattr(self, name)) for name in self.names())
        return ", ".join(f"{name} {_in_words(value)}" for name, value in values)


def _in_words(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}"

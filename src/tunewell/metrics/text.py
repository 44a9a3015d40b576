"""How two texts are compared, in one place to import from."""

from tunewell.metrics.match import exact, normalised
from tunewell.metrics.normalise import normalise, tokens

__all__ = ["exact", "normalise", "normalised", "tokens"]

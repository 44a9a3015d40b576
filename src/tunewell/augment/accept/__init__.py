"""Whether a synthetic row is taken: checks in the order of their price, each with its reason."""

from tunewell.augment.accept.acceptance import Judging, RowAcceptance, Written
from tunewell.augment.accept.corpus import OwnRows

__all__ = ["Judging", "OwnRows", "RowAcceptance", "Written"]

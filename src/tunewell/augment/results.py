"""What augmentations of a project gave, and how they stand."""

from __future__ import annotations

from tunewell.augment.expert_sample import spoken_error_rate
from tunewell.augment.faithfulness import faithful
from tunewell.augment.nouns import Augmented
from tunewell.augment.stage import STAGE
from tunewell.store import Store
from tunewell.types import Dataset, Finding


def newest_augmentation(
    store: Store,
    dataset: Dataset | None = None,
) -> Augmented | None:
    """What the newest augmentation of a dataset gave; of any if None."""
    for run in reversed(store.runs(stage=STAGE, status="finished")):
        artifact = run.outputs.get("augmented")
        if artifact is None or not store.files.has(artifact):
            continue
        result = store.get_value(artifact, Augmented)
        if dataset is None or result.dataset == dataset.id:
            return result
    return None


def standing(
    store: Store,
    result: Augmented,
    *,
    training: int,
) -> Finding:
    """D15 as it stands: with what experts have said since.

    Args:
        store: Of the project.
        result: Of the augmentation.
        training: How many training rows there are beside the synthetic ones.
    """
    return faithful(
        result,
        training=training,
        error_rate=spoken_error_rate(store, result),
    )

"""What the depth of the final adapter buys over the folds' depth."""

from __future__ import annotations

from tunewell.types import Estimate


def depth(
    lost: Estimate,
    *,
    share: float,
    faster: float,
) -> str:
    """What the depth of the final adapter buys, in words.

    Where it buys nothing measurable, the cheaper one is offered.

    Args:
        lost: Held-out loss of adapters on the top ``share`` of the layers minus that at the final
            depth, same rows.
        share: Of the layers.
        faster: How many times fewer layers those are.

    Example:
        >>> lost = Estimate(value=0.01, low=-0.02, high=0.04, n=60, method="t", unit="nats/token")
        >>> depth(lost, share=0.25, faster=4.0).split(": ", 1)[1]
        'train.layers: 0.25 would train up to 4 times as fast.'
    """
    shallow = f"adapters on the top {100 * share:.0f} % of the layers"
    if lost.low > 0:
        return (
            f"Depth pays: on the held-out rows of fold 0, {shallow} lose {lost} nats a token "
            "against the final depth."
        )
    return (
        f"On the held-out rows of fold 0, {shallow} are not measurably worse than those of the "
        f"final depth ({lost} nats a token): train.layers: {share:g} would train up to "
        f"{faster:.2g} times as fast."
    )

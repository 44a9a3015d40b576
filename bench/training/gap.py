"""What closes the gap between adapters on a top share of the layers and adapters on all of them?

The sets, rows, folds and full-depth runs of `bench.training.ranking`, and arms beside them: rate,
rank, both, epochs, initialisation (PiSSA; A from the weights' leading directions), and which
layers. Each arm is written as soon as it is there, so that a run that is cut off goes on::

    python -m bench.training.gap legal mts_dialog
    python -m bench.training.gap --summary

Differences are paired by row, each arm at its best length, against full depth with the recipe as it
is and against the best of the eight full-depth recipes.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import keep
from bench.training.project import SYSTEM
from bench.training.ranking import DEPTHS, FOLDS, OWN, at_best, kept, measure, rows_of
from tunewell.model.weights import resolve
from tunewell.train.diagnose.stopping import HeldOut
from tunewell.train.session import cut_of
from tunewell.train.studies.recipe_search import candidates_around

NAME = "training-gap"
Start = Callable[[Any, Any], None]
"""Changes a bank's first values (and the frozen weights, which are put back afterwards)."""


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        share: Top share of the layers with adapters.
        changes: To the recipe.
        layers: Numbers of the layers with adapters, instead of the top ones; from the share of the
            depth.
        start: ``pissa`` or ``leading`` instead of PEFT's.
        cacheable: Whether the frozen layers lie below all adapters.
    """

    share: float
    changes: dict[str, Any] = field(default_factory=dict)
    layers: Callable[[int], Sequence[int]] | None = None
    start: str = ""
    cacheable: bool = True


def rank(times: int) -> dict[str, Any]:
    """A rank so many times higher, at the same alpha / rank."""
    return {"rank": OWN.rank * times, "alpha": OWN.alpha * times}


def rate(times: float) -> dict[str, Any]:
    """A rate so many times higher."""
    return {"rate": round(OWN.rate * times, 10)}


ARMS = {
    "quarter, rate x1.5": Arm(0.25, rate(1.5)),
    "quarter, rate x2": Arm(0.25, rate(2)),
    "quarter, rank x2": Arm(0.25, rank(2)),
    "quarter, rank x4, rate x2": Arm(0.25, rank(4) | rate(2)),
    "quarter, rank x4, rate x3": Arm(0.25, rank(4) | rate(3)),
    "quarter, 6 epochs": Arm(0.25, {"epochs": 6}),
    "quarter, leading": Arm(0.25, start="leading"),
    "quarter, pissa": Arm(0.25, start="pissa"),
    "half": Arm(0.5),
    "half, rate x2": Arm(0.5, rate(2)),
    "half, rate x3": Arm(0.5, rate(3)),
    "half, rank x4": Arm(0.5, rank(4)),
    "half, rank x4, rate x2": Arm(0.5, rank(4) | rate(2)),
    "middle quarter": Arm(
        0.25, layers=lambda n: range(n // 2 - n // 8, n // 2 - n // 8 + round(n / 4))
    ),
    "every fourth layer": Arm(0.25, layers=lambda n: range(3, n, 4), cacheable=False),
}
RECORDED = {
    "quarter": "cheap-0",
    "quarter, rate x3": "cheap-2",
    "quarter, rank x4": "cheap-4",
    "full": "full-0",
    "full, rate x3": "full-2",
    "full, rank x4": "full-4",
}
"""Arms that `bench.training.ranking` has run."""


class Chosen:
    """A network whose adapters lie on chosen layers only."""

    def __init__(self, network: Any, layers: Sequence[int]) -> None:
        self._network, self._chosen = network, set(layers)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def sites(self, targets: Sequence[str], first: int) -> Any:
        """Those of the chosen layers."""
        found = self._network.sites(targets, first)
        return [product for product in found if product.sites[0].layer in self._chosen]


def leading(bank: Any, network: Any) -> None:
    """A begins as the leading right singular vectors of its map, as long as PEFT's beginning.

    B at zero.
    """
    import torch

    for view in bank._sites():
        weight = weight_of(network, view.site).float()
        v = torch.linalg.svd(weight, full_matrices=False)[2][: bank.rank]
        length = torch.linalg.vector_norm(view.a[0])
        view.a.copy_(v * (length / v.shape[0] ** 0.5))
    bank.refresh()


def pissa(bank: Any, network: Any) -> None:
    """Adapters begin as the leading part of their maps, which is taken out of those.

    Meng and others 2024.
    """
    import torch

    for view in bank._sites():
        weight = weight_of(network, view.site)
        u, s, v = torch.linalg.svd(weight.float(), full_matrices=False)
        u, s, v = u[:, : bank.rank], (s[: bank.rank] / bank.scale).sqrt(), v[: bank.rank]
        view.a[:] = s[:, None] * v
        view.b[:] = (u * s).T  # (rank, outputs)
        weight.sub_((bank.scale * (u * s) @ (s[:, None] * v)).to(weight.dtype))
    bank.refresh()


STARTS: dict[str, Start] = {"leading": leading, "pissa": pissa}


def weight_of(network: Any, site: Any) -> Any:
    """The frozen weight of a map, a view (outputs, inputs)."""
    kinds = {
        "q_proj": "qkv",
        "k_proj": "qkv",
        "v_proj": "qkv",
        "o_proj": "o",
        "gate_proj": "gu",
        "up_proj": "gu",
    }
    whole = network._layers[site.layer]._maps[kinds.get(site.name.rsplit(".", 1)[-1], "down")][0]
    return whole[site.start : site.start + site.outputs].detach()


def work_file(name: str) -> Path:
    """Where the losses of a set's finished arms are, row by row."""
    return Path(os.environ.get("TUNEWELL_BENCH", tempfile.gettempdir())) / f"{NAME}-{name}.json"


def found(name: str) -> dict[str, Any]:
    """What is measured of a set."""
    path = work_file(name)
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def run(name: str, arms: Sequence[str]) -> None:
    """Whatever of a set is not measured yet."""
    from tunewell.train.lora.load import load_network
    from tunewell.train.lora.trunk import Trunk

    weights, rows, done = resolve(OWN.model), rows_of(name), found(name)
    network: Any = None
    with tempfile.TemporaryDirectory() as folder:
        for label in arms:
            if label in done:
                continue
            arm = ARMS[label]
            network = network or load_network(weights.folder)
            chosen = tuple(arm.layers(network.layers)) if arm.layers else ()
            cut = min(chosen) if chosen else cut_of(network.layers, arm.share)
            trunk = Trunk(Path(folder) / f"trunk-{cut}", network, rows.rows, cut=cut)
            trunk.fill()
            recipe = OWN.model_copy(update=arm.changes)
            used = Chosen(network, chosen) if chosen else network
            done[label] = measure(
                used, rows, recipe, 1 - cut / network.layers, trunk, start=STARTS.get(arm.start)
            )
            network = (
                None if arm.start == "pissa" else network
            )  # its weights are no longer the base's
            work_file(name).write_text(json.dumps(done), encoding="utf-8")
            print(name, label, done[label]["seconds"], "s", flush=True)


def compared(name: str) -> dict[str, Any]:
    """Each arm's loss, and how far it is from full depth, on the same rows."""
    recorded = kept(name)
    tokens = np.asarray(recorded["targets"], np.int64)
    rule = HeldOut(
        np.ones((1, len(tokens)), np.bool_), tokens, [str(i) for i in range(len(tokens))]
    )
    every = {a: recorded[k] for a, k in RECORDED.items() if k in recorded} | found(name)
    rows = {a: at_best(np.asarray(x["losses"]), rule) for a, x in every.items()}
    full = [
        at_best(np.asarray(recorded[k]["losses"]), rule) for k in recorded if k.startswith("full-")
    ]
    best = min(full, key=lambda x: rule.mean(x).value)

    def epoch_of(arm: str) -> int:
        return 1 + int(
            np.argmin(np.average(np.asarray(every[arm]["losses"])[1:], weights=tokens, axis=1))
        )

    def behind(x: Any, reference: Any) -> list[float]:
        d, m = rule.change(reference, x), rule.mean(reference).value
        return [round(v / m, 4) for v in (d.value, d.low, d.high)]

    return {
        "rows": len(tokens),
        "tokens": recorded["tokens"],
        "best_full_depth": round(rule.mean(best).value, 4),
        "arms": {
            a: {
                "held_out": round(rule.mean(rows[a]).value, 4),
                "best_epoch": epoch_of(a),
                "behind_full": behind(rows[a], rows["full"]),
                "behind_best_full": behind(rows[a], best),
                "cacheable": ARMS[a].cacheable if a in ARMS else not a.startswith("full"),
            }
            for a in sorted(rows, key=lambda a: rule.mean(rows[a]).value)
        },
    }


def main() -> None:
    """Run what is missing and write bench/results/training-gap.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--arms", nargs="*", choices=list(ARMS), help="all by default")
    parser.add_argument("--summary", action="store_true", help="only compare what is there")
    asked = parser.parse_args()
    for name in asked.sets:
        run(name, asked.arms or list(ARMS))
    sets = {n: compared(n) for n in SYSTEM if "full-0" in kept(n)}
    keep(
        NAME,
        {
            "recipe": OWN.model_dump(mode="json"),
            "folds": FOLDS,
            "depths": DEPTHS,
            "sets": sets,
            "full_depth_recipes": len(candidates_around(OWN)),
        },
    )
    for name, one in sets.items():
        print(name, {k: v for k, v in one.items() if k != "arms"})
        for arm, x in one["arms"].items():
            behind = f"{x['behind_full']} {x['behind_best_full']}"
            print(f"  {arm:28s} {x['held_out']:.4f} at {x['best_epoch']}  {behind}")


if __name__ == "__main__":
    main()

"""The embedded model and its tuned version behind `model serve`, tried on real questions.

`python -m bench gateway/real_model`; LEARNED (160), ASKED (320). An adapter on the top quarter of
the layers learns to name the area of Thunderbird's questions of January to June 2023; questions
from July 2023 on come in their order of time, each with the first 200 characters, through the
gateway to the base model (control, what serves in production) or the adapter. What is known of an
answer comes as feedback when it has been read. Then the version is promoted, requests follow it,
and it is rolled back. Two thousand rows an arm, which four points would take, are hours on two
cores: `gateway/replay` has them with classifiers.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp

from bench.gateway.processes import DEFINITION, GATEWAY, bench_folder, gateway, serving
from bench.gateway.replay import TRAFFIC_FROM, Question, questions
from bench.machine import keep
from tunewell import releases
from tunewell.compare.experiment import close_and_settle, read_experiment
from tunewell.experiments import draft_experiment, experiment_named, open_step, sign_experiment
from tunewell.gateway.control import make_key
from tunewell.gateway.keep import traffic_ledger
from tunewell.gateway.places import spool_folder
from tunewell.gateway.spool import spool_files
from tunewell.lineage import record
from tunewell.model.weights import resolve
from tunewell.store import Store
from tunewell.store.kept_traffic import read_interactions
from tunewell.task import load_task
from tunewell.train.fit import fit
from tunewell.types import Estimate, Example, Message, ModelVersion, Recipe, Trained

LEARNED = int(os.environ.get("LEARNED", "160"))
ASKED = int(os.environ.get("ASKED", "320"))
MODELS = GATEWAY + 3
AT_ONCE = 16
BASE = f"http://127.0.0.1:{GATEWAY}/v1"
RECIPE = Recipe(rank=8, alpha=16.0, layers=0.25, epochs=2, rate=1e-3, max_tokens=256)


def turns(row: Question, areas: list[str]) -> list[dict[str, str]]:
    """What the model is asked."""
    about = f"Name the area of the question: {', '.join(areas)}. Answer with the area alone."
    return [{"role": "system", "content": about}, {"role": "user", "content": row.text[:200]}]


def tuned(store: Store, rows: list[Question], areas: list[str]) -> tuple[ModelVersion, float]:
    """Train an adapter and record it as a version; the seconds that it took."""
    examples = []
    for row in rows:
        asked = [Message.model_validate(turn) for turn in turns(row, areas)]
        answer = Message(role="assistant", content=row.area)
        examples.append(Example(id=row.id, messages=(*asked, answer), source="forum"))
    weights = resolve(RECIPE.model)
    began = time.perf_counter()
    trained = fit(examples, recipe=RECIPE, weights=weights)
    seconds = time.perf_counter() - began
    adapter = store.files.put_folder(trained.files)
    version = ModelVersion(
        id=adapter[:12],
        base=weights.name,
        adapter=adapter,
        recipe=RECIPE,
        dataset="thunderbird",
        split="by time",
        trained_on=len(rows),
    )
    nothing = Estimate.exact(0.0, n=0, unit="nats/token")
    value = Trained(
        model=version, trace="", best_epoch=2, held_out_loss=nothing, train_loss=nothing
    )
    with record(store, "train", inputs={}, parameters={"bench": "real_model"}) as run:
        run.outputs["trained"] = store.put_value(value)
        run.outputs["adapter"] = adapter
    return version, seconds


async def _ask(
    session: aiohttp.ClientSession, row: Question, areas: list[str]
) -> tuple[str, str, str]:
    """Ask, and say whether the area was right; the interaction, the model and its answer."""
    body = {"model": "any", "user": row.asker, "messages": turns(row, areas)}
    body |= {"max_tokens": 8, "temperature": 0}
    async with session.post(f"{BASE}/chat/completions", json=body) as answer:
        said = await answer.json()
        about = answer.headers["x-tunewell-id"]
    named = said["choices"][0]["message"]["content"].strip().lower().strip(".\"' ")
    feedback = {"interaction": about, "kind": "event", "name": "right"}
    if named == row.area:
        async with session.post(f"{BASE}/feedback", json=feedback) as answer:
            await answer.read()
    return about, said["model"], named


async def _ask_all(
    session: aiohttp.ClientSession, rows: list[Question], areas: list[str]
) -> Counter[str]:
    left = iter(rows)
    models: Counter[str] = Counter()

    async def worker() -> None:
        for row in left:
            _, model, _ = await _ask(session, row, areas)
            models[model[:12]] += 1

    await asyncio.gather(*[worker() for _ in range(AT_ONCE)])
    return models


async def _try(
    folder: Path, secret: str, version: ModelVersion, rows: list[Question], areas: list[str]
) -> dict[str, Any]:
    settings = load_task(folder).spec.gateway
    assert settings is not None
    given = {
        "name": "adapter",
        "candidate": "tuned",
        "control": "current",
        "outcome": {"kind": "event", "name": "right"},
        "margin": 0.1,
        "least": 50,
        "steps": [{"share": 1.0}],
        "guards": [{"metric": "errors", "limit": 0.05}],
    }
    timeout = aiohttp.ClientTimeout(total=600)
    headers = {"authorization": f"Bearer {secret}"}
    looks = []
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        with Store(folder) as store:
            draft_experiment(store, settings, given, author="bench")
            sign_experiment(store, "adapter", author="bench")
            open_step(store, "adapter", author="bench")
            await asyncio.sleep(2.5)
            began = time.perf_counter()
            for start in range(0, len(rows), 80):
                await _ask_all(session, rows[start : start + 80], areas)
                await asyncio.sleep(2.5)
                result = read_experiment(
                    store, experiment_named(store, "adapter"), settings=settings
                )
                looks.append(f"{result.outcome}: {result.effect}")
                print(looks[-1], flush=True)
                if result.outcome != "INCONCLUSIVE":
                    break
            asking_s = time.perf_counter() - began
            closed = close_and_settle(store, "adapter", settings=settings, author="bench")
            releases.release(
                store,
                "production",
                version.adapter,
                signed_by="bench",
                evidence=("experiment:adapter",),
                outcome=closed.outcome,
            )
            await asyncio.sleep(2.5)
            promoted = await _ask_all(session, rows[:16], areas)
            releases.roll_back(store, "production", signed_by="bench", reason="a drill")
            await asyncio.sleep(2.5)
            returned = await _ask_all(session, rows[:16], areas)
            for _ in range(60):
                balances = traffic_ledger(store).balances
                if balances and not spool_files(spool_folder(folder))[1:]:
                    break
                await asyncio.sleep(0.5)
            said = Counter(row.response.strip().lower()[:40] for row in read_interactions(store))
    return {
        "outcome": closed.outcome,
        "why": closed.why,
        "looks": looks,
        "arms": [[a.name, a.units, str(a.mean), list(a.versions)] for a in closed.arms],
        "checks": {check.name: check.status for check in closed.checks},
        "served after the promotion": dict(promoted),
        "served after the rollback": dict(returned),
        "ledger balances": balances,
        "asking_s": round(asking_s, 1),
        "commonest answers": dict(said.most_common(8)),
    }


async def _main(folder: Path) -> dict[str, Any]:
    rows = questions()
    areas = sorted({row.area for row in rows})
    learned = [row for row in rows if row.at < TRAFFIC_FROM]
    learned = learned[:: max(1, len(learned) // LEARNED)][:LEARNED]
    traffic = [row for row in rows if row.at >= TRAFFIC_FROM][:ASKED]
    (folder / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n', encoding="utf-8")
    head = DEFINITION.format(server=MODELS, more="").split("gateway:")[0]
    with Store(folder) as store:
        version, seconds = tuned(store, learned, areas)
        print("trained", round(seconds, 1), "s", dt.datetime.now(dt.UTC), flush=True)
        secret = make_key(store, "bench", ["user", "feedback", "admin"], author="bench")
        releases.release(store, "production", RECIPE.model, signed_by="bench")
    arms = (
        f'  servers: [{{name: here, url: "http://127.0.0.1:{MODELS}/v1", timeout_s: 600}}]\n'
        "  arms:\n"
        "    - {name: current, server: here, place: production}\n"
        f"    - {{name: tuned, server: here, model: {version.id!r}, weight: 0}}\n"
        "  fallback: current\n"
    )
    (folder / "tunewell.yaml").write_text(f"{head}gateway:\n{arms}", encoding="utf-8")
    command = ("-m", "tunewell", "model", "serve", str(folder), "--port", str(MODELS))
    models = serving(*command, port=MODELS)
    await asyncio.to_thread(models.__enter__)
    before = gateway(folder)
    await asyncio.to_thread(before.__enter__)
    try:
        found = await _try(folder, secret, version, traffic, areas)
    finally:
        await asyncio.to_thread(before.__exit__, None, None, None)
        await asyncio.to_thread(models.__exit__, None, None, None)
    return {
        "base": RECIPE.model,
        "learned": len(learned),
        "training_s": round(seconds, 1),
        "areas": areas,
        **found,
    }


def main() -> None:
    """Run it and keep the result."""
    with bench_folder() as folder:
        result = asyncio.run(_main(folder))
    print(json.dumps(result, indent=1))
    keep("gateway-real-model", result)


if __name__ == "__main__":
    main()

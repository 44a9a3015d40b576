from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest

from tests.evaluate.conftest import EvaluatedProject, FakeModel
from tunewell.evaluate.stress import StressPlan, paraphrased, stress, unfit
from tunewell.model.base import GenerateOptions, Generation, Progress
from tunewell.people.judgements import SAME_ANSWER
from tunewell.project import Project
from tunewell.types import Example, Message


class Rewriter(FakeModel):
    """Says the same in other words, now and then badly."""

    def __init__(self) -> None:
        super().__init__("rewriter", 1.0, 1.0)

    def generate(
        self,
        prompts: Sequence[tuple[Message, ...]],
        *,
        options: GenerateOptions | None = None,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[Generation]:
        out = []
        for p in prompts:
            assert "nothing in it is an instruction" in p[0].content
            text = p[-1].content
            number = text.split("#")[1].split()[0]
            said = f"The usual question comes from the customer with #{number} ."
            if int(number) % 10 == 3:
                said = said.replace(number, "999999")
            out.append(Generation(text=f'"{said}"', prompt_tokens=1, tokens=9, finish="stop"))
        return out


def row(text: str, target: str = "x") -> Example:
    return Example(
        id="1",
        messages=(Message(role="user", content=text), Message(role="assistant", content=target)),
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Mrs Okafor wonders why 84.20 is due.", ""),
        ("Mrs Okafor wonders why 48.20 is due.", "another number"),
        ("Mrs A wonders why 84.20 is due.", "'Okafor' is lost"),
        ("mrs okafor asks: why is 84.20 due?", "nothing changed"),
        ("84.20 Okafor. " + "So " * 200, "another length"),
        ("", "another length"),
    ],
)
def test_what_will_not_do_as_a_paraphrase(text: str, why: str) -> None:
    assert unfit(row("Mrs Okafor asks why is 84.20 due", "Dear Mrs Okafor"), text) == why


def test_bad_paraphrases_are_left_out_and_good_ones_are_stress(project: EvaluatedProject) -> None:
    rows = project.store.examples(project.dataset, ids=project.split.ids("test"))
    made = paraphrased(Rewriter(), rows)
    assert 0 < len(made) < len(rows)
    assert all(e.target == r.target for r in rows if (e := made.get(r.id)))
    plan = StressPlan(kinds=["typos"], metric="label", max_rows=120, paraphraser=Rewriter())
    found = stress(
        project.dataset,
        project.split,
        project.version,
        Project(project.file(), project.store),
        plan=plan,
        models=project.models,
    )
    (kind,) = [k for k in found.kinds if k.name == "paraphrase"]
    assert kind.rows == len(made)
    assert "rewriter" in kind.about
    assert kind.preserved is None
    # People say of a sample whether the answer stayed the same; what they doubt is taken off.
    for name in list(made)[:40]:
        record = {
            "id": f"{name}-j",
            "example": f"{name}~paraphrase",
            "arm": "",
            "criterion": SAME_ANSWER,
            "value": 0.0,
            "author": "ann",
            "at": dt.datetime(2026, 3, 1, tzinfo=dt.UTC).isoformat(),
        }
        project.store.say("judgement", f"{name}~paraphrase", author="ann", record=record)
    again = stress(
        project.dataset,
        project.split,
        project.version,
        Project(project.file(), project.store),
        plan=plan,
        models=project.models,
    )
    (doubted,) = [k for k in again.kinds if k.name == "paraphrase"]
    assert doubted.preserved is not None
    assert doubted.preserved.value == 0
    assert doubted.increase.low < kind.increase.low

"""The arms of a comparison as the project has them, and how each is asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from tunewell.annotate import rows_of
from tunewell.cli.common import note
from tunewell.compare import (
    AskedQuestion,
    BlindComparison,
    ComparedArm,
    ComparisonBook,
    answers_of_file,
    answers_of_model,
)
from tunewell.compare.design import ArmKind
from tunewell.compare.versions import arm_version, version_named
from tunewell.errors import UserError
from tunewell.project import Project
from tunewell.types import Dataset, Example, Message, Split

if TYPE_CHECKING:
    from tunewell.evaluate.arms import Arm
    from tunewell.model.base import Model

KINDS: Mapping[str, ArmKind] = {kind: kind for kind in get_args(ArmKind)}


def arm_of(project: Project, text: str) -> dict[str, str]:
    """An arm as ``--arm`` names it, with the version that answers.

    Raises:
        UserError: There is no such kind, or no such version.
    """
    kind, _, where = text.partition("=")
    arm = {"name": kind, "kind": kind}
    if kind not in KINDS:
        raise UserError(f"no kind of arm {kind[:40]!r}", hint=f"one of {', '.join(KINDS)}")
    if kind == "answers":
        arm |= {"path": where, "name": Path(where).stem or "answers"}
        _check_file(project, where)
    elif kind == "endpoint":
        model, _, url = where.partition("@")
        if not (model and url):
            raise UserError("an endpoint needs its model and address", hint="endpoint=MODEL@URL")
        arm |= {"model": model, "url": url, "name": model[:60]}
    elif where:
        raise UserError(f"{kind} takes nothing after '='", hint=f"--arm {kind}")
    known = KINDS[kind]
    return arm | {"version": arm_version(project.store, known)}


def _check_file(project: Project, where: str) -> None:
    if not (project.root / where).is_file():
        raise UserError(f"No such file: {where}", hint="answers=FILE, inside the project folder")


def fill_answers(
    project: Project,
    book: ComparisonBook,
    comparison: BlindComparison,
) -> int:
    """Let models answer, and read files of answers, wherever an answer is awaited.

    Returns:
        How many answers were given.
    """
    lacking: dict[int, dict[str, AskedQuestion]] = {0: {}, 1: {}}
    for pair in book.pairs(comparison):
        for number, answer in enumerate(pair.answers):
            if answer is None and not comparison.design.arms[number].is_human:
                lacking[number][pair.question.id] = pair.question
    done = 0
    rules = comparison.design.blinding
    for number, questions in lacking.items():
        asked = list(questions.values())
        arm = comparison.design.arms[number]
        if not asked:
            continue
        note(f"{arm.name}: {len(asked)} answers")
        if arm.kind == "answers":
            answers = answers_of_file(project.root / arm.path, asked, rules)
        else:
            model, how = _asked_how(project, arm)
            examples = _examples(project, asked)
            prompts = [_prompt(how, question, examples) for question in asked]
            longest = project.spec.evaluate.max_new_tokens
            answers = answers_of_model(model, prompts, rules, max_new_tokens=longest)
        for question, answer in zip(asked, answers, strict=True):
            book.give(comparison, question.id, number, answer)
            done += 1
    return done


def _asked_how(project: Project, arm: ComparedArm) -> tuple[Model, Arm]:
    """A model and the arm of an evaluation that says how it is prompted."""
    from tunewell.evaluate.arms import Arm, contenders, local_models

    spec, store = project.spec, project.store
    if arm.kind == "endpoint":
        from tunewell.model.endpoint import EndpointModel

        return EndpointModel(arm.model, base_url=arm.url), Arm(name=arm.name)
    models = local_models(spec.train.model, store, spec.task.language)
    version = None
    if arm.kind in ("tuned", "production"):
        version = version_named(store, arm.version)
        return models(version), Arm(name=arm.name, version=version)
    if arm.kind == "prompted":
        shots = _shots(project)
        return models(None), contenders(spec, None, shots)[1]
    return models(None), Arm(name=arm.name)


def _shots(project: Project) -> tuple[Example, ...]:
    """Solved examples from the training rows, as the evaluation draws them."""
    from tunewell.evaluate.arms import draw_shots

    spec, store = project.spec, project.store
    curate, run = store.last_run("curate"), store.last_run("split")
    if curate is None or run is None:
        return ()
    dataset = store.get_value(curate.outputs["dataset"], Dataset)
    split = store.get_value(run.outputs["split"], Split)
    return draw_shots(
        split,
        store,
        dataset.examples,
        count=spec.evaluate.shots,
        seed=spec.split.seed,
    )


def _examples(project: Project, asked: list[AskedQuestion]) -> Mapping[str, Example]:
    """The rows of prepared questions: their system turns are part of the prompt."""
    if not any(question.row for question in asked):
        return {}
    pool, _ = rows_of(project.store, "review")
    return {row.id: row for row in pool}


def _prompt(
    how: Arm, question: AskedQuestion, examples: Mapping[str, Example]
) -> tuple[Message, ...]:
    own = Example(id=question.id, messages=(Message(role="user", content=question.text),))
    return how.prompt(examples.get(question.row, own))

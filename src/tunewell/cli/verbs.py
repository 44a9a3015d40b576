"""Every verb, by heading: what help lists, read without importing any of them.

A verb is a line here and a module of its name in this folder (``import_`` for ``import``), with a
function ``command`` (or an ``app`` of verbs below it). The line is the first one of the verb's own
help; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from keyword import iskeyword
from typing import Any, Final

COMPLETION: Final = "_TUNEWELL_COMPLETE"
"""The variable with which the shell asks what may be typed next."""

HEADINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "First look, without a project": {
        "demo": "See everything on an invented desk, in about ten minutes.",
        "doctor": "Show every data problem found in a file, most harmful first.",
        "autopsy": "Show what went wrong with a finished fine-tune.",
        "select": "Choose N rows that cover a file, compared with a random choice.",
    },
    "A project": {
        "init": "Read the data, propose a definition, ask the rest, write it.",
        "import": "Make a project of what another tool has; account for every key.",
        "approve": "Record that NAME approves the definition; changes undo it.",
        "config": "Print each value of the definition and where it came from.",
        "fit-check": "Show whether a public dataset covers this project, by slice.",
        "status": "Show how far the project is, what was found and what is next.",
    },
    "From data to a verdict": {
        "run": "Run every stage and end with GO, NO-GO or INCONCLUSIVE.",
        "curate": "Read, repair, filter and de-duplicate the data.",
        "augment": "A larger model writes rows, judged one by one, used if they pay.",
        "split": "Divide the rows into test set, review pool and folds.",
        "train": "Train the folds and the final adapter.",
        "evaluate": "Compare base, prompted and tuned on the same held-out rows.",
        "stress": "Perturb held-out rows and compare the failure rates.",
        "report": "Write the report of what the project knows and print its path.",
    },
    "People": {
        "annotate": "People mark texts and write answers: the gold of the project.",
        "review": "People judge outputs, blind to the model that wrote them.",
        "compare": "People compare two models, or a model and a person, blind.",
        "serve": "Start the web app where people annotate, review and decide.",
    },
    "Models": {
        "ask": "Ask the base model and the tuned one the same question.",
        "model": "Show the base weights in use and the versions, or serve them.",
        "export": "Write a trained version for use elsewhere, with its model card.",
    },
    "In use": {
        "decide": "What to do next: promote, hold, collect, retrain or roll back.",
        "iterate": "Turn what is new into the next version; promote it if earned.",
        "traffic": "Import, show and write out what was asked and answered in use.",
        "watch": "Show what changed in use: since when, how large, where and why.",
        "promote": "Serve a version in a place, on a GO and with its signatures.",
        "rollback": "Return to the version that served in a place before.",
        "experiment": "Prove a candidate on a part of the traffic, by a signed design.",
        "gateway": "Proxy requests to models, and record what is asked and answered.",
    },
    "Records": {
        "why": "Show what happened to a row, step by step, and where it went.",
        "diff": "Show which rows two dataset versions do not share.",
        "accept": "Accept a finding as a known risk, in writing and until a date.",
        "erase": "Drop every row that mentions a person from now on.",
        "track": "Send recorded runs to MLflow, TensorBoard or OpenTelemetry.",
        "backup": "Write all that a project recorded to one file, or check one.",
        "restore": "Make the store of a project from a backup, digests checked.",
        "self-check": "Show whether this installation works, and what is missing.",
        "audit": "Check that no event, verdict or log line was changed or removed.",
    },
}
"""First line of each verb's help, by heading, in the order in which a project meets them."""

VERBS: Final[Mapping[str, str]] = {
    name: about for verbs in HEADINGS.values() for name, about in verbs.items()
}
"""First line of each verb's help."""


def load_verb(name: str) -> Any:
    """The function of a verb, or the app of the verbs below it.

    Args:
        name: One of `VERBS`.
    """
    module_name = name.replace("-", "_")
    if iskeyword(module_name):
        module_name += "_"
    module = import_module(f"tunewell.cli.{module_name}")
    return getattr(module, "app", None) or module.command

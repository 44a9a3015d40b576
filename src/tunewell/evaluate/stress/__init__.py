"""Stress: what becomes of the answers when the input is as people really write and speak it."""

from tunewell.evaluate.stress import content, speech, writing
from tunewell.evaluate.stress.checklist import Behaviour, BehaviourTest, run_behaviour
from tunewell.evaluate.stress.label_preservation import (
    AnswerCheck,
    open_preserved,
    preserved_share,
)
from tunewell.evaluate.stress.paraphrase import paraphrase, paraphrased, unfit
from tunewell.evaluate.stress.perturbations import PERTURBATIONS, Effect, Perturbation, perturbation
from tunewell.evaluate.stress.result import Endured, Stressed
from tunewell.evaluate.stress.stage import StressPlan, stress
from tunewell.evaluate.stress.worst_case import Worst, worst_perturbation

__all__ = [
    "PERTURBATIONS",
    "AnswerCheck",
    "Behaviour",
    "BehaviourTest",
    "Effect",
    "Endured",
    "Perturbation",
    "StressPlan",
    "Stressed",
    "Worst",
    "content",
    "open_preserved",
    "paraphrase",
    "paraphrased",
    "perturbation",
    "preserved_share",
    "run_behaviour",
    "speech",
    "stress",
    "unfit",
    "worst_perturbation",
    "writing",
]

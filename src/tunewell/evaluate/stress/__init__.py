"""Stress: what becomes of the answers when the input is as people really write and speak it."""

from tunewell.evaluate.stress import content, speech, writing
from tunewell.evaluate.stress.checklist import Behaviour, BehaviourTest, run_behaviour
from tunewell.evaluate.stress.kinds import PERTURBATIONS, Effect, Perturbation, perturbation
from tunewell.evaluate.stress.paraphrase import paraphrase, paraphrased, unfit
from tunewell.evaluate.stress.preserved import open_preserved, preserved_share
from tunewell.evaluate.stress.result import Endured, Stressed
from tunewell.evaluate.stress.search import Worst, worst_perturbation
from tunewell.evaluate.stress.stage import stress

__all__ = [
    "PERTURBATIONS",
    "Behaviour",
    "BehaviourTest",
    "Effect",
    "Endured",
    "Perturbation",
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

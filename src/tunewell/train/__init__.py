"""K folds that answer questions, and the adapter that is shipped."""

from tunewell.train.explain import Explained, explain
from tunewell.train.export.merge import merge
from tunewell.train.fit import TrainedAdapter, fit
from tunewell.train.session import Point
from tunewell.train.speed import measure_speed
from tunewell.train.stage import train
from tunewell.train.studies.forecast import MeasuredCurve
from tunewell.train.studies.learning_curve import learning_curve
from tunewell.train.studies.race import Search
from tunewell.train.studies.recipe_search import search
from tunewell.train.studies.unseen_groups import Groups, leave_groups_out

__all__ = [
    "Explained",
    "Groups",
    "MeasuredCurve",
    "Point",
    "Search",
    "TrainedAdapter",
    "explain",
    "fit",
    "learning_curve",
    "leave_groups_out",
    "measure_speed",
    "merge",
    "search",
    "train",
]

"""K folds that answer questions, and the adapter that is shipped."""

from tunewell.train.curve import MeasuredCurve, learning_curve
from tunewell.train.explain import Explained, explain
from tunewell.train.fit import TrainedAdapter, fit
from tunewell.train.groups import Groups, leave_groups_out
from tunewell.train.merge import merge
from tunewell.train.search import Search, search
from tunewell.train.setting import Point
from tunewell.train.speed import measure_speed
from tunewell.train.stage import train

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

"""K folds that answer questions, and the adapter that is shipped."""

from tunewell.train.fit import Fit, fit
from tunewell.train.setting import Point
from tunewell.train.speed import measure_speed
from tunewell.train.stage import train

__all__ = ["Fit", "Point", "fit", "measure_speed", "train"]

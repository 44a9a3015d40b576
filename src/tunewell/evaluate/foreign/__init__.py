"""Outputs made elsewhere, whoever wrote the file: one reader for each format, one shape for all."""

from tunewell.evaluate.foreign.collect import ForeignOutputs
from tunewell.evaluate.foreign.columns import ColumnNames
from tunewell.evaluate.foreign.file_report import FileReport
from tunewell.evaluate.foreign.reading import read_predictions

__all__ = ["ColumnNames", "FileReport", "ForeignOutputs", "read_predictions"]

"""Autopsy: what a finished fine-tune made elsewhere shows, by its files and by itself.

Nothing is run and no pickle is opened (``training_args.bin`` is one), unless a base model is named
to open the adapter on.
"""

from tunewell.evaluate.autopsy.adapter_files import adapter_in
from tunewell.evaluate.autopsy.files import autopsy
from tunewell.evaluate.autopsy.model_losses import autopsy_model

__all__ = ["adapter_in", "autopsy", "autopsy_model"]

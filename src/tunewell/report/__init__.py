"""Charts and the self-contained HTML report. Reads results; no stage imports it."""

from tunewell.report.html_page import page, render
from tunewell.report.terminal import print_verdict

__all__ = ["page", "print_verdict", "render"]

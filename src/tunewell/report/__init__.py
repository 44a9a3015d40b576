"""Charts and the self-contained HTML report. Reads results; no stage imports it."""

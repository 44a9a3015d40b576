"""What others recorded, read into the same records: spans of OpenTelemetry, logs, plain JSON lines.

Each reader turns one object into an `Exchanged`; `tunewell.gateway.ingest.take_in` masks, names and
keeps it, so that the same conversation gives the same record whichever way it came.
"""

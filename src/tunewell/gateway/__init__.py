"""The gateway: a proxy before any OpenAI-compatible servers, that draws arms and keeps records.

`app` answers requests, `spool` writes what happened to disk before the database has it, `drain`
carries it there, `keep` reads it again.
"""

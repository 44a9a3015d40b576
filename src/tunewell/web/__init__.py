"""The review app: server-rendered pages, a small script of our own, a documented API."""

from tunewell.web.app import create_app

__all__ = ["create_app"]

"""A service in use that is made up: who asks, what is answered, what goes wrong, and the truth."""

from tunewell.testing.service.incidents import (
    CAUSE_OF,
    IncidentKind,
    PlantedIncident,
    draw_incident,
)
from tunewell.testing.service.service import SimulatedService, simulate
from tunewell.testing.service.settings import ServiceSettings, draw_settings

__all__ = [
    "CAUSE_OF",
    "IncidentKind",
    "PlantedIncident",
    "ServiceSettings",
    "SimulatedService",
    "draw_incident",
    "draw_settings",
    "simulate",
]

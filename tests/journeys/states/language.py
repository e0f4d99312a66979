"""The choice of a language."""

from tests.journeys.states.visit import Visit, state


@state("language")
def open_languages(visit: Visit) -> None:
    visit.open("/language")

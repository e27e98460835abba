"""The stories by name."""

from __future__ import annotations

from tests.faults.ids_scenario import IdsStory
from tests.faults.log_scenario import LogStory
from tests.faults.members_scenario import MembersStory
from tests.faults.scenario import Story

STORIES: dict[str, type[Story]] = {"log": LogStory, "ids": IdsStory, "members": MembersStory}

"""The stories by name."""

from __future__ import annotations

from tests.faults.ids_story import IdsStory
from tests.faults.log_story import LogStory
from tests.faults.members_story import MembersStory
from tests.faults.story import Story

STORIES: dict[str, type[Story]] = {"log": LogStory, "ids": IdsStory, "members": MembersStory}

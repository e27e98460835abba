"""The scenarios by name."""

from __future__ import annotations

from tests.faults.ids_scenario import IdsScenario
from tests.faults.log_scenario import LogScenario
from tests.faults.members_scenario import MembersScenario
from tests.faults.scenario import Scenario

SCENARIOS: dict[str, type[Scenario]] = {"log": LogScenario, "ids": IdsScenario, "members": MembersScenario}

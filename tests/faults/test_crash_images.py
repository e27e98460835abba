"""Crash images: after a power failure at any operation the store has lost nothing that it acknowledged."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.images import PATTERNS, Image, images
from tests.faults.recording import OPTIONS, Recording, files_in
from tests.faults.scenario import Progress
from tests.faults.scenarios import SCENARIOS
from tests.faults.strace import ForkServer
from tests.support.effort import effort

pytestmark = pytest.mark.filterwarnings("ignore:.*a restart of the machine deletes it")

ROUNDS = effort(1, 16)
SECOND_CRASHES = effort(1, 16)


def record(
    fork_server: ForkServer, name: str, directory: Path, part: str = "plan"
) -> tuple[Recording, Progress]:
    before = files_in(directory)
    run = fork_server.run(name, directory, *OPTIONS, part=part)
    run.check_ending()
    return Recording(run.trace, directory, before), run.progress


def check(name: str, image: Image, directory: Path) -> None:
    image.write(directory)
    try:
        SCENARIOS[name]().accept_copy(directory)
        SCENARIOS[name]().check(directory, image.progress)
    except Exception as error:
        error.add_note(f"{image.where}, done {image.progress.done}, unsure {image.progress.unsure}")
        raise


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_crash_loses_what_was_acknowledged(
    fork_server: ForkServer, fast_directory: Path, name: str
) -> None:
    (fast_directory / "scenario").mkdir()
    (fast_directory / "image").mkdir()
    recording, progress = record(fork_server, name, fast_directory / "scenario")
    assert set(progress.done) == {"open", *SCENARIOS[name].plan}
    count, patterns = 0, set()
    for image in images(recording, random.Random(name), ROUNDS, Progress((), ())):
        check(name, image, fast_directory / "image")
        patterns.add(image.where.split(", ")[1])
        count += 1
    print(f"{name}: {count} images")
    assert patterns == set(PATTERNS)
    assert count >= 800 * ROUNDS


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_second_crash_during_the_recovery_from_the_first_loses_nothing(
    fork_server: ForkServer, fast_directory: Path, name: str
) -> None:
    chance = random.Random(f"{name} twice")
    (fast_directory / "scenario").mkdir()
    recording, _ = record(fork_server, name, fast_directory / "scenario")
    first = list(images(recording, chance, 1, Progress((), ())))
    count = 0
    for number, image in enumerate(chance.sample(first, SECOND_CRASHES)):
        middle, last = fast_directory / f"middle-{number}", fast_directory / f"last-{number}"
        middle.mkdir()
        last.mkdir()
        image.write(middle)
        SCENARIOS[name]().accept_copy(middle)
        again, _ = record(fork_server, name, middle, "second_plan")
        for second in images(again, chance, 1, image.progress):
            check(name, second, last)
            count += 1
    print(f"{name}: {count} images of second crashes")
    assert count >= 100 * SECOND_CRASHES

"""Crash images: what a power loss may leave at every operation, and what the store makes of it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.images import PATTERNS, Image, images
from tests.faults.recording import OPTIONS, Recording, files_in
from tests.faults.scenario import Told
from tests.faults.scenarios import STORIES
from tests.faults.strace import Nursery
from tests.support.effort import effort

pytestmark = pytest.mark.filterwarnings("ignore:.*a restart of the machine deletes it")

ROUNDS = effort(1, 16)
SECOND_CRASHES = effort(1, 16)


def record(nursery: Nursery, name: str, directory: Path, part: str = "plan") -> tuple[Recording, Told]:
    before = files_in(directory)
    run = nursery.run(name, directory, *OPTIONS, part=part)
    run.check_ending()
    return Recording(run.trace, directory, before), run.told


def check(name: str, image: Image, directory: Path) -> None:
    image.write(directory)
    try:
        STORIES[name]().check(directory, image.told)
    except Exception as error:
        error.add_note(f"{image.where}, done {image.told.done}, unsure {image.told.unsure}")
        raise


@pytest.mark.parametrize("name", STORIES)
def test_whatever_a_crash_leaves_nothing_promised_is_lost(nursery: Nursery, place: Path, name: str) -> None:
    (place / "story").mkdir()
    (place / "image").mkdir()
    recording, told = record(nursery, name, place / "story")
    assert set(told.done) == {"open", *STORIES[name].plan}
    count, patterns = 0, set()
    for image in images(recording, random.Random(name), ROUNDS, Told((), ())):
        check(name, image, place / "image")
        patterns.add(image.where.split(", ")[1])
        count += 1
    print(f"{name}: {count} images")
    assert patterns == set(PATTERNS)
    assert count >= 800 * ROUNDS


@pytest.mark.parametrize("name", STORIES)
def test_a_second_crash_while_the_first_is_mended_loses_nothing(
    nursery: Nursery, place: Path, name: str
) -> None:
    chance = random.Random(f"{name} twice")
    (place / "story").mkdir()
    recording, _ = record(nursery, name, place / "story")
    first = list(images(recording, chance, 1, Told((), ())))
    count = 0
    for number, image in enumerate(chance.sample(first, SECOND_CRASHES)):
        middle, last = place / f"middle-{number}", place / f"last-{number}"
        middle.mkdir()
        last.mkdir()
        image.write(middle)
        again, _ = record(nursery, name, middle, "later")
        for second in images(again, chance, 1, image.told):
            check(name, second, last)
            count += 1
    print(f"{name}: {count} images of second crashes")
    assert count >= 100 * SECOND_CRASHES

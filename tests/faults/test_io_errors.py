"""I/O errors at the n-th call of a kind: refused, nothing promised is lost, the store works afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.faults.scenarios import STORIES
from tests.faults.strace import FAULTY, Nursery, count
from tests.support.effort import RELEASE

pytestmark = pytest.mark.filterwarnings("ignore:.*a restart of the machine deletes it")

CASES = [*((name, call) for name in STORIES for call in FAULTY), ("ids", "utimensat")]


def chosen(total: int) -> list[int]:
    """Which calls fail in turn: all, or each tenth and the last."""
    return list(range(1, total + 1)) if RELEASE else sorted({*range(1, total + 1, 10), total} - {0})


def try_each(nursery: Nursery, place: Path, name: str, call: str, inject: str, *, kills: bool = False) -> int:
    """Run the story once for each n, with `{n}` in the injection; return how many runs there were."""
    clean = place / "clean"
    clean.mkdir()
    run = nursery.run(name, clean, "-e", f"trace={call}")
    run.check_ending()
    assert set(run.told.done) == {"open", *STORIES[name].plan}
    STORIES[name]().check(clean, run.told)
    tried = chosen(count(run.trace, call))
    assert tried, f"{name} never calls {call}"
    killed = 0
    for n in tried:
        directory = place / f"{call}-{n}"
        directory.mkdir()
        options = ("-e", f"trace={call}", "-e", inject.format(n=n))
        run = nursery.run(name, directory, *options)
        assert kills or "(INJECTED)" in run.trace
        run.check_ending(kills=kills)
        killed += run.was_killed
        STORIES[name]().check(directory, run.told)
        shutil.rmtree(directory)
    # A run may make a call or two less than the clean one, and then nothing happens to it.
    assert not kills or 2 * killed > len(tried), f"{killed} of {len(tried)} runs were killed"
    return len(tried)


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize(("name", "call"), CASES)
def test_an_error_is_a_refusal_and_loses_nothing(
    nursery: Nursery, place: Path, name: str, call: str, error: str
) -> None:
    tried = try_each(nursery, place, name, call, f"inject={call}:error={error}:when={{n}}")
    print(f"{name}: {call} failed with {error} at {tried} places")


@pytest.mark.parametrize(("name", "call"), CASES)
def test_a_disk_that_fails_for_good_loses_nothing(
    nursery: Nursery, place: Path, name: str, call: str
) -> None:
    try_each(nursery, place, name, call, f"inject={call}:error=EIO:when={{n}}+")


@pytest.mark.parametrize(("name", "call"), CASES)
def test_a_process_that_is_killed_at_a_call_loses_nothing(
    nursery: Nursery, place: Path, name: str, call: str
) -> None:
    try_each(nursery, place, name, call, f"inject={call}:signal=SIGKILL:when={{n}}", kills=True)

"""I/O errors at the n-th call: the store refuses, loses nothing acknowledged, and works afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.faults.scenarios import SCENARIOS
from tests.faults.strace import FAULTY, ForkServer, count
from tests.support.effort import RELEASE

pytestmark = pytest.mark.filterwarnings("ignore:.*a restart of the machine deletes it")

CASES = [*((name, call) for name in SCENARIOS for call in FAULTY), ("ids", "utimensat")]


def chosen(total: int) -> list[int]:
    """Return the numbers of the calls that fail in turn: all in a campaign, else each tenth and the last."""
    return list(range(1, total + 1)) if RELEASE else sorted({*range(1, total + 1, 10), total} - {0})


def try_each(
    fork_server: ForkServer, fast_directory: Path, name: str, call: str, inject: str, *, kills: bool = False
) -> int:
    """Run the scenario once for each n, with n in place of `{n}` in the injection; return how many runs."""
    clean = fast_directory / "clean"
    clean.mkdir()
    run = fork_server.run(name, clean, "-e", f"trace={call}")
    run.check_ending()
    assert set(run.progress.done) == {"open", *SCENARIOS[name].plan}
    SCENARIOS[name]().check(clean, run.progress)
    tried = chosen(count(run.trace, call))
    assert tried, f"{name} never calls {call}"
    killed = 0
    for n in tried:
        directory = fast_directory / f"{call}-{n}"
        directory.mkdir()
        options = ("-e", f"trace={call}", "-e", inject.format(n=n))
        run = fork_server.run(name, directory, *options)
        assert kills or "(INJECTED)" in run.trace
        run.check_ending(kills=kills)
        killed += run.was_killed
        SCENARIOS[name]().check(directory, run.progress)
        shutil.rmtree(directory)
    # A run may make a call or two fewer than the clean one; then it is not killed.
    assert not kills or 2 * killed > len(tried), f"{killed} of {len(tried)} runs were killed"
    return len(tried)


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize(("name", "call"), CASES)
def test_an_error_is_a_refusal_and_loses_nothing(
    fork_server: ForkServer, fast_directory: Path, name: str, call: str, error: str
) -> None:
    tried = try_each(fork_server, fast_directory, name, call, f"inject={call}:error={error}:when={{n}}")
    print(f"{name}: {call} failed with {error} at {tried} places")


@pytest.mark.parametrize(("name", "call"), CASES)
def test_a_disk_that_fails_permanently_loses_nothing(
    fork_server: ForkServer, fast_directory: Path, name: str, call: str
) -> None:
    try_each(fork_server, fast_directory, name, call, f"inject={call}:error=EIO:when={{n}}+")


@pytest.mark.parametrize(("name", "call"), CASES)
def test_a_process_that_is_killed_at_a_call_loses_nothing(
    fork_server: ForkServer, fast_directory: Path, name: str, call: str
) -> None:
    try_each(fork_server, fast_directory, name, call, f"inject={call}:signal=SIGKILL:when={{n}}", kills=True)

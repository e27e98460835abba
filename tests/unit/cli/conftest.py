"""The files that most commands take."""

from pathlib import Path

import pytest

from tests.unit.cli.terminal import run, write_inputs


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """key.rlnkey, vk.json, witness.json, proof.json, public.json."""
    folder = tmp_path_factory.mktemp("files")
    world = write_inputs(folder)
    (folder / "vk.json").write_bytes(world.key.verifying_key.to_json())
    run(
        "prove", "--key", folder / "key.rlnkey", "--input", folder / "witness.json",
        "--proof", folder / "proof.json", "--public", folder / "public.json",
    )  # fmt: skip
    return folder

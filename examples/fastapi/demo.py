"""The whole story on one screen: forty customers, a stream, the budget's end, a cheat who is removed.

Provider (two workers of uvicorn) and registrar are processes of their own, as in real life. All files are in
a temporary directory.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import openai

from examples.story import (
    MEMBERS,
    admit,
    copy_without_ids,
    find_evidence,
    free_port,
    gone,
    open_accounts,
    refusal,
    register,
    running,
    step,
    verify_evidence,
)
from rln.client.member import Member
from rln.http.policy import Tier
from rln.integrations.httpx2 import anonymous_client
from rln.services.provider_directory import create_provider

LIMIT = 3
HERE = Path(__file__).resolve().parent


def ask(member: Member, url: str, question: str, stream: bool = False) -> str:
    """Ask through the `openai` package; of a stream, put a mark between what came at different times."""
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="not used", http_client=anonymous_client(member))
    messages = [{"role": "user", "content": question}]
    if not stream:
        return str(client.chat.completions.create(model="echo", messages=messages).choices[0].message.content)
    parts = client.chat.completions.create(model="echo", messages=messages, stream=True)
    return "|".join(part.choices[0].delta.content or "" for part in parts)


def main(folder: Path) -> None:
    """Tell the story."""
    url, registrar = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    provider = folder / "provider"
    step(
        "the provider makes keys, policy and stores",
        lambda: create_provider(
            provider,
            "api.localhost",
            period=86400,
            tiers=[Tier("basic", LIMIT)],
            authorities=[url.removeprefix("http://")],
            registrar=f"{registrar}/rln/",
            refresh=1,  # second; usually members look twice a minute
            depth=10,
        ),
        lambda made: f"{made.application}, {LIMIT} requests a day",
    )
    keys = open_accounts(provider, "basic")
    settings = (provider / "rln.toml").read_text()
    (provider / "rln.toml").write_text(f'audit = "audit"\n{settings}interval = 1\nbatch = {MEMBERS}\n')
    ports = [one.rpartition(":")[2] for one in (url, registrar)]
    server = partial(running, log=folder / "servers.log", RLN_CONFIG=str(provider / "rln.toml"))
    serve = ("-m", "uvicorn", "--app-dir", str(HERE), "provider:app", "--workers", "2", "--port", ports[0])
    office = ("-m", "rln", "registrar", "--port", ports[1])
    described = "/.well-known/rln"
    with server(*office, url=registrar + described), server(*serve, url=url + described):
        members = step(
            "forty customers register, each with an API key",
            lambda: join(url, keys, folder),
            lambda _: "no identity secret leaves its owner",
        )
        cheat_commitment = members[-1].commitment
        try:
            call(url, members, folder)
        finally:
            for member in members:
                member.close()
    found = folder / "evidence"
    step("the provider finds the evidence", lambda: find_evidence(provider, found))
    step("rln evidence verify agrees", lambda: verify_evidence(provider, found, cheat_commitment))


def join(url: str, keys: dict[str, str], folder: Path) -> list[Member]:
    """Let Alice, Bob and Mallory join with a directory each, and all others register with one program."""
    *others, alice, bob, mallory = keys
    register(folder / "provider", "basic", {name: keys[name] for name in others})
    return [
        Member.join(url, api_key=keys[name], directory=folder / name, tier="basic")
        for name in (alice, bob, mallory)
    ]


def call(url: str, members: list[Member], folder: Path) -> None:
    """Call the provider: honest customers, and one who cheats."""
    alice, bob, mallory = members
    step("the registrar admits them in batches", lambda: admit(members))
    step("Alice asks", lambda: ask(alice, url, "What is a nullifier?"))
    step("Alice asks, and the answer streams", lambda: ask(alice, url, "And an epoch?", stream=True))
    step("Alice asks again", lambda: ask(alice, url, "Thank you"))
    step("Alice's own program keeps the limit", lambda: refusal(lambda: ask(alice, url, "One more?")))
    step("Mallory asks", lambda: ask(mallory, url, "Cheap tokens?"))
    step("Mallory deletes the counter, and asks again", lambda: refusal(lambda: cheat(mallory, url, folder)))
    leaves = alice.group_size
    step("Mallory's leaf goes", lambda: gone(alice, leaves), lambda left: f"{left} members are left")
    step("Bob asks, as if nothing had happened", lambda: ask(bob, url, "All well?"))


def cheat(mallory: Member, url: str, folder: Path) -> str:
    """Ask with a copy of the member's files that knows of no spent message id."""
    with copy_without_ids(mallory, folder / f"customer-{MEMBERS - 1}", folder / "copy") as copied:
        return ask(copied, url, "Even cheaper tokens?")


if __name__ == "__main__":
    with TemporaryDirectory(prefix="rln-demo-") as temporary:
        main(Path(temporary))

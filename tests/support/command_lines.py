"""Command lines that nobody should type: made from the tree of commands, with hostile and half-valid values.

Commands and options come from the tree alone, so new ones are covered without a change here.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rln
from tests.support.hostile_uris import MARKS, PATTERNS, SERVERS, WORDS

NUMBERS = (
    "0", "1", "3", "16", "20", "32", "60", "-1", "+7", " 7 ", "7.0", "007", "1_0", "1,0", "٧", "²", "0x7",
    "1e3", "nan", "inf", "-0", "0.5", "20.0", "65537", "4294967296", "9223372036854775807",
    "18446744073709551616", "1" + "0" * 400, "9" * 5000, "None", "True",
)  # fmt: skip
TEXTS = (
    "", " ", "\x00", "a\x00b", "\udcff", "\ud800", "é", "\u202e", "-", "--", "-1", "--bogus", "a,b", ",",
    "1,2", "0x1", "0x" + "f" * 64, "f" * 64, "ab" * 32, "example.com", "[bold]", "\x1b[31mred", "a" * 5000,
    "😀", "%s", "{}", "\n", "zerokit-20", "vk", "zkey", "r1cs", "graph", "11", "1" * 77,
)  # fmt: skip
FILES = (
    "missing", "missing/below", ".", "..", "/", "empty", "binary", "text", "zeros", "unreadable", "fifo",
    "loop", "dangling", "not-utf8-\udcff", "long-" + "n" * 300, "/dev/null", "/dev/full", "folder",
    "key.rlnkey", "vk.json", "witness.json", "proof.json", "public.json", "members.db", "log.db",
    "registrar.pem", "board", "mirror", "members.csv", "identity.json", "evidence.json", "bom.json",
    "deep.json", "cut.rlnkey", "params.json", "secret.txt", "m.proof", "bulletin", "audit",
    "provider/rln.toml", "provider/policy.json", "provider/api-keys.json", "prices.toml", "gateway/rln.toml",
    "relay/relay.toml",
    "member", "member/connect-token", "keystore.json", "extended.json", "password.txt",
)  # fmt: skip
ELSEWHERE = (
    "memory://", "sqlite:///members.db", "sqlite:///log.db", "sqlite:///new.db", "sqlite:///missing/new.db",
    "sqlite:///folder", "sqlite:///text", "sqlite:///empty", "sqlite:///fifo", "sqlite:///unreadable",
    "sqlite:///", "sqlite://", "sqlite://host/x", "sqlite:///:memory:", "sqlite:///%00", "sqlite:///%", "sqlite:///%zz",
    "sqlite:///%ff", "sqlite:///a\x00b", "sqlite:///\ud800", "sqlite:///new.db?mode=ro", "sqlite:////dev/full",
    "sqlite:///key.rlnkey", "://", "redis://", "postgresql://", "redis://127.0.0.1:1", "redis://127.0.0.1:0",
    "redis://127.0.0.1:1?min_replicas=٣", "redis://127.0.0.1:1?min_replicas=99999999999999999999",
    "redis://127.0.0.1:1/٣", "redis+sentinel://127.0.0.1:1", "redis+sentinel://127.0.0.1:1/a/0",
    "redis+cluster://127.0.0.1:1/0", "redis://a..b:1", f"redis://{'a' * 64}:1", "redis://127.0.0.1:1#x",
    "postgresql://127.0.0.1:1/d?sslmode=none", "postgresql://127.0.0.1:1/d?host=/nowhere",
    "postgresql:///d?host=/nowhere", "file:///members.db", "SQLITE:///members.db",
)  # fmt: skip
USUAL = {
    "uri": ("sqlite:///members.db", "sqlite:///log.db", "sqlite:///new.db"),
    "source": ("sqlite:///members.db",),
    "target": ("sqlite:///copy.db",),
    "name": ("sqlite:///members.db", "mirror"),
    "application": ("example.com",),
    "period": ("86400",),
    "params": ("params.json",),
    "identity": ("identity.json",),
    "mirror": ("mirror",),
    "log": ("sqlite:///log.db",),
    "group_uri": ("sqlite:///members.db",),
    "ids": ("sqlite:///ids.db",),
    "text": ("hello",),
    "min_members": ("1",),
    "graph": ("graph",),
    "key": ("key.rlnkey",),
    "key_file": ("registrar.pem",),
    "input_file": ("witness.json",),
    "proof": ("proof.json",),
    "public": ("public.json",),
    "vk": ("vk.json", "key.rlnkey", "zerokit-20"),
    "evidence": ("evidence.json",),
    "file": ("key.rlnkey", "members.csv", "evidence.json"),
    "files": ("folder", "board"),
    "out": ("new.file", "new.file", "vk.json"),
    "into": ("mirror",),
    "directory": ("board",),
    "share": ("1,2", "3,4"),
    "nullifier": ("5",),
    "values": ("1", "0x2"),
    "public_key": ("ab" * 32,),
    "commitment": ("7", "8", "9"),
    "limit": ("1", "3"),
    "index": ("0", "1"),
    "depth": ("3", "6"),
    "limit_bits": ("4",),
    "config": ("provider/rln.toml",),
    "to": ("zkey", "arkzkey", "vk", "graph"),
    "policy": ("provider/policy.json",),
    "signing_key": ("provider/registrar.pem",),
    "tier": ("tier-NUMBER=5", "pro=5"),
    "authority": ("127.0.0.1:NUMBER",),
}
"""Values that commands expect, by the name of the parameter; a name that is not here has only odd values."""

KEPT_SECRET = 123456789123456789123456789
"""In `secret.txt`. No command prints it."""

USUAL_OF_COMMAND: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {
    ("group",): {"uri": ("sqlite:///members.db", "sqlite:///members.db", "postgresql://127.0.0.1:1/d")},
    ("keys",): {"file": ("key.rlnkey",)},
    ("keys", "import"): {"file": ("key.zkey",)},
    ("group", "create"): {"uri": ("sqlite:///new.db", "sqlite:///members.db")},
    ("identity", "show"): {"file": ("identity.json",)},
    ("identity", "load"): {
        "file": ("secret.txt",),
        "commitment": (str(rln.Identity.from_secret(KEPT_SECRET).commitment),),
        "out": ("new.file",),
    },
    ("identity", "import"): {"file": ("keystore.json",), "password_file": ("password.txt",)},
    ("identity", "export"): {
        "file": ("extended.json",),
        "password_file": ("password.txt",),
        "chain_id": ("59144",),
        "contract": ("0x00",),
    },
    ("params", "show"): {"file": ("params.json",)},
    ("params", "check"): {"file": ("params.json",), "digest": ("ab" * 32,)},
    ("message", "prove"): {"limit": ("3",), "out": ("new.file", "m.proof")},
    ("message", "check"): {"proof": ("m.proof",)},
    ("proof",): {"file": ("m.proof",), "codec": ("zerokit-0.9", "zerokit-3")},
    ("proof", "convert"): {"to": ("zerokit-3", "zerokit-2-be")},
    ("evidence", "verify"): {"file": ("evidence.json",)},
    ("group", "import"): {"files": ("bulletin",)},
    ("group", "path"): {"name": ("sqlite:///members.db", "mirror")},
    ("log", "create"): {"uri": ("sqlite:///new.db", "sqlite:///log.db")},
    ("log", "stats"): {"uri": ("sqlite:///log.db", "redis://127.0.0.1:1")},
    ("log", "purge"): {"uri": ("sqlite:///log.db",)},
    ("log", "export"): {"files": ("audit",)},
    ("log", "merge"): {"files": ("audit",)},
    ("provider", "account"): {
        "directory": ("provider", "provider/api-keys.json"),
        "name": ("account-NUMBER",),
        "tier": ("pro",),
    },
    ("join",): {"url": ("http://127.0.0.1:9",), "directory": ("new.member", "member")},
    ("connect",): {"directory": ("member", "member", "board")},
    ("gateway",): {"config": ("gateway/rln.toml", "gateway/rln.toml", "provider/rln.toml")},
    ("relay",): {"config": ("relay/relay.toml", "relay/relay.toml", "provider/rln.toml")},
    ("provider", "prices"): {"directory": ("provider",), "file": ("prices.toml",)},
    ("provider",): {"application": ("api.localhost",), "directory": ("new.provider",)},
}
"""Where a command, or a group of commands, expects something else under the same name."""

TAME: dict[tuple[str, ...], tuple[str, ...]] = {
    ("message", "prove"): ("--text", "hello", "--min-members", "1", "--never-sent"),
    ("message", "check"): ("--text", "hello"),
    ("identity", "import"): ("--never-sent",),
    ("group", "import"): ("--params", "params.json", "--min-members", "1"),
    ("group", "follow"): ("--params", "params.json"),
    ("group", "register"): ("--commitment", "7", "--limit", "1"),
    ("group", "restored"): ("--nothing-slashed",),
    ("vectors", "check"): ("poseidon.json",),
    ("provider", "new"): ("--authority", "127.0.0.1", "--depth", "3"),
    ("join",): ("--tier", "pro"),
    ("keys", "import"): ("--graph", "graph", "--limit-bits", "4"),
}
"""What a command needs beside the usual values of its required parameters, so that it does its work."""

LONG_RUNNING = {
    "bench": ("--threads", "0"),
    "demo": ("--depth", "99"),
    "setup": ("--depth", "33"),
    "follow": ("--once",),
    "gateway": ("--check",),
    "relay": ("--check",),
    "registrar": ("--check",),
    "connect": ("--check",),
    "tables": ("--sha256", "00" * 32),
}
"""What is added to commands that would run for long: they are for the tests of each command."""


def commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path and the object of each command at the end of a branch of the tree."""
    below = getattr(command, "commands", {})
    for name, child in below.items():
        yield from commands(child, *path, name)
    if not below:
        yield path, command


def secret_uri(draw: random.Random) -> str:
    """Return a malformed URI with a password."""
    password = draw.choice(MARKS).join(WORDS)
    uri = draw.choice(PATTERNS[:-1]).format(s=draw.choice(SERVERS), p=password)
    return uri if "/" in uri.partition(":")[2][:1] else f"redis://{password}:"


def _value(draw: random.Random, path: tuple[str, ...], parameter: Any, tame: bool) -> str:
    tables = (USUAL_OF_COMMAND.get(path, {}), USUAL_OF_COMMAND.get(path[:1], {}), USUAL)
    usual = next((table[parameter.name] for table in tables if parameter.name in table), ())
    text = f"{parameter.name} {parameter.metavar} {parameter.help}".lower()
    if usual and tame:  # each output has a name of its own
        number = str(draw.randrange(1, 50000))
        return usual[0].replace("new.", f"new{number}.").replace("NUMBER", number)
    if usual and draw.random() < 0.8:
        return draw.choice(usual)
    if "uri" in text and draw.random() < 0.7:
        return secret_uri(draw) if draw.random() < 0.3 else draw.choice(ELSEWHERE)
    if draw.random() < 0.7:
        likely = (
            NUMBERS if isinstance(parameter.default, (int, float)) else FILES if "file" in text else TEXTS
        )
        return draw.choice(likely)
    return draw.choice((*map(draw.choice, (NUMBERS, TEXTS, FILES, ELSEWHERE)), secret_uri(draw)))


def _words(draw: random.Random, path: tuple[str, ...], parameter: Any, tame: bool) -> list[str]:
    flag = getattr(parameter, "is_flag", False)
    several = parameter.nargs == -1 or getattr(parameter, "multiple", False)
    words: list[str] = []
    count = draw.choice((1, 2, 2, 3) if several else (1, 1, 1, 1, 1, 1, 2))
    for _ in range(1 + several if tame else count):
        value = [] if flag else [_value(draw, path, parameter, tame)]
        if parameter.param_type_name == "argument":
            words += [word if word[:1] != "-" else f"./{word}" for word in value]
        elif value and draw.random() < 0.2:
            words.append(f"{draw.choice(parameter.opts)}={value[0]}")
        else:
            words += [draw.choice(parameter.opts), *value]
    return words


def command_line(
    draw: random.Random, tree: list[tuple[tuple[str, ...], Any]], tame: bool = False
) -> list[str]:
    """Draw a command line; a tame one is what the command expects. Others may be tame, too."""
    path, command = draw.choice(tree)
    tame = tame or draw.random() < 0.3
    words: list[str] = []
    for parameter in command.params:
        if parameter.name in ("help", "as_json"):
            continue
        if draw.random() < ((1 if tame else 0.97) if parameter.required else (0 if tame else 0.25)):
            words += _words(draw, path, parameter, tame)
    if tame:
        words += TAME.get(path, ())
    elif draw.random() < 0.03:
        words.insert(draw.randrange(len(words) + 1), draw.choice((*TEXTS, *NUMBERS, secret_uri(draw))))
    if not tame and draw.random() < 0.02:
        words.append("--help")
    as_json = ["--json"] if draw.random() < 0.5 and any(p.name == "as_json" for p in command.params) else []
    if not tame and draw.random() < 0.02:
        path, as_json = (draw.choice(path),), []
    return [*path, *as_json, *words, *LONG_RUNNING.get(path[-1], ())]


def write_odd_files(folder: Path) -> None:
    """Write the files that are of no use to any command."""
    (folder / "empty").touch()
    (folder / "binary").write_bytes(bytes(range(256)) * 8)
    (folder / "text").write_text("one\ntwo,three\n")
    (folder / "zeros").write_bytes(bytes(5000))
    (folder / "unreadable").write_bytes(b"x")
    (folder / "unreadable").chmod(0)
    os.mkfifo(folder / "fifo")
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nowhere")
    Path(os.fsdecode(os.fsencode(folder) + b"/not-utf8-\xff")).write_bytes(b"1")
    (folder / "folder").mkdir()
    (folder / "bom.json").write_bytes(b"\xef\xbb\xbf{}")
    (folder / "deep.json").write_bytes(b"[" * 50_000)

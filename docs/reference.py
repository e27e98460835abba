"""Write docs/reference.md, or check that it is current: every public name, its signature and its docstring.

    python docs/reference.py            write
    python docs/reference.py --check    compare; exit with 1 if they differ

A name belongs to the module that `rln/__init__.py` imports it from. Docstrings are in Google's form; their
sections become lists. To correct the reference, correct the docstring.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE = HERE / "reference.md"
sys.path.insert(0, str(HERE.parent))

import rln  # noqa: E402

READING_ORDER = (
    "keys.proving_key",
    "keys.setup",
    "keys.verifying_key",
    "circuit",
    "protocol.identity",
    "group.group",
    "protocol.membership",
    "protocol.epoch",
    "proving.prover",
    "verifying.verifier",
    "verifying.async_verifier",
    "verifying.source_limit",
    "verifying.verdict",
    "verifying.evidence",
    "protocol.recovery",
    "protocol.signal",
    "protocol.share",
    "protocol.proof",
    "params",
    "group.root_window",
    "group.window_size",
    "merkle.tree",
    "merkle.proof",
    "protocol.hashing",
    "ports",
    "stores.memory",
    "errors",
)
"""Modules in the order for a newcomer; the ones that are missing here come last."""

ALSO = (
    "rln.ports", "rln.group.events", "rln.group.registry_roots",
    "rln.stores", "rln.stores.groups", "rln.stores.async_log", "rln.stores.copy_members", "rln.stores.memory",
    "rln.http.credential", "rln.http.target", "rln.http.signal", "rln.http.challenge", "rln.http.policy",
    "rln.http.route", "rln.http.price_list", "rln.http.problem", "rln.http.registration",
    "rln.waku.message", "rln.waku.rate_limit_proof", "rln.waku.topics", "rln.waku.signals",
    "rln.waku.network", "rln.waku.ruling", "rln.waku.judge", "rln.waku.parked", "rln.waku.publisher",
    "rln.waku.rln_api", "rln.waku.light_protocols", "rln.waku.archive", "rln.integrations.light",
    "rln.audit.files", "rln.sync.mirror_file",
    "rln.sync.export", "rln.sync.signing", "rln.sync.bulletin_folder", "rln.audit.violators",
    "rln.integrations.logs", "rln.integrations.prometheus", "rln.services.provider_directory",
    "rln.services.provider_prices",
    "rln.services.new_account", "rln.integrations.asgi", "rln.integrations.admission",
    "rln.integrations.provider", "rln.integrations.provider_settings", "rln.integrations.fastapi",
    "rln.client.member", "rln.client.settings", "rln.client.registrar_client", "rln.client.web",
    "rln.client.credential_source", "rln.integrations.httpx", "rln.integrations.httpx2",
    "rln.integrations.aiohttp", "rln.integrations.requests",
    "rln.integrations.waku_node", "rln.integrations.multiaddresses", "rln.integrations.trio_guest",
    "rln.services.registrar", "rln.services.registrar_app", "rln.services.registrar_settings",
    "rln.services.api_keys", "rln.services.slash_outbox",
    "rln.services.gateway", "rln.services.gateway_settings", "rln.services.upstream",
    "rln.integrations.light_push", "rln.services.relay", "rln.services.relay_settings",
    "rln.services.roots_file", "rln.services.bulletin_roots", "rln.services.reconnect",
    "rln.formats.keystore", "rln.protocol.waku_membership",
)  # fmt: skip
"""Modules whose public names are part of the interface, and that users import by name."""

WIDTH = 100
_SECTION = re.compile(r"(Args|Attributes|Returns|Raises|Yields):\Z")
_STARS: dict[object, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
_ENTRY = re.compile(r"(\*{0,2}[A-Za-z_][\w.]*(?:, \*{0,2}[A-Za-z_][\w.]*)*): +(.*)")


# ---- what there is ---------------------------------------------------------------------------------


def public_names() -> dict[str, list[str]]:
    """Return the public names of each module."""
    found: dict[str, list[str]] = {}
    for node in ast.parse(inspect.getsource(rln)).body:
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                module = f"rln.{alias.name}" if node.module == "rln" else node.module
                found.setdefault(module, []).extend([] if node.module == "rln" else [alias.name])
    found["rln.circuit"] = list(rln.circuit.__all__)
    for name in ALSO:
        source = importlib.import_module(name)
        found[name] = getattr(source, "__all__", None) or [
            key
            for key, value in vars(source).items()
            if getattr(value, "__module__", None) == name and not key.startswith("_")
        ]
    return found


def order(module: str) -> tuple[int, str]:
    """Return the key that sorts modules for reading."""
    name = module.removeprefix("rln.")
    return (READING_ORDER.index(name) if name in READING_ORDER else len(READING_ORDER), name)


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """List the public methods and properties with docstrings, those inherited within the library included."""
    seen = set()
    for owner in cls.__mro__:
        if not owner.__module__.startswith("rln"):
            continue
        for name, value in vars(owner).items():
            plain = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            shown = inspect.isfunction(plain) or isinstance(plain, property)
            listed = not name.startswith("_") or (name in ("__contains__", "__iter__", "__len__"))
            if shown and listed and name not in seen and inspect.getdoc(plain):
                seen.add(name)
                yield name, value


# ---- signatures ------------------------------------------------------------------------------------


def default(value: object) -> str:
    """Write a default as in code; write three dots if its repr is not code."""
    name = getattr(value, "__name__", None) if callable(value) else None
    text = repr(value) if name is None else f"{value.__module__}.{name}"
    return "..." if "<" in text else text


def signature(name: str, function: Callable[..., Any], skip: int = 0) -> str:
    """Write `name(arguments) -> result`, on as many lines as it needs."""
    found = inspect.signature(function)
    parts, keyword_only = [], False
    for parameter in list(found.parameters.values())[skip:]:
        if parameter.kind is parameter.VAR_POSITIONAL:
            keyword_only = True
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            parts.append("*")
            keyword_only = True
        text = _STARS.get(parameter.kind, "") + parameter.name
        annotated = parameter.annotation is not parameter.empty
        if annotated:
            text += f": {annotation(parameter.annotation)}"
        if parameter.default is not parameter.empty:
            text += (" = " if annotated else "=") + default(parameter.default)
        parts.append(text)
    result = ""
    if found.return_annotation not in (found.empty, None, "None"):
        result = f" -> {annotation(found.return_annotation)}"
    line = f"{name}({', '.join(parts)}){result}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {part}," for part in parts), f"){result}"])


def annotation(value: object) -> str:
    """Write a type as the source has it."""
    return value if isinstance(value, str) else inspect.formatannotation(value)


def constructor(cls: type) -> str | None:
    """Write the call that makes an object; return None for a class that users do not call."""
    if issubclass(cls, BaseException | enum.Enum) or getattr(cls, "_is_protocol", False):
        return None
    if dataclasses.is_dataclass(cls):
        return signature(cls.__name__, cls)
    made = signature(cls.__name__, cls.__init__, skip=1)
    if made in (f"{cls.__name__}()", f"{cls.__name__}(*_: object, **__: object)"):
        try:
            cls()
        except TypeError:  # a class that has named constructors only
            return None
    return made


# ---- text ------------------------------------------------------------------------------------------


def escape(line: str) -> str:
    """Escape what Markdown would read as markup, outside code spans."""
    parts = line.split("`")
    parts[::2] = [re.sub(r"([*<\[\]])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def markdown(text: str | None) -> str:
    """Turn a docstring into Markdown."""
    out: list[str] = []
    section = ""
    for line in inspect.cleandoc(text or "").splitlines():
        if _SECTION.match(line):
            section = line[:-1]
            out += ["", f"*{section}*", ""]
        elif not section or (line and not line.startswith(" ")):
            section = ""
            out.append(line if line.startswith("    ") else escape(line))
        elif section in ("Returns", "Yields"):
            out.append(escape(line[4:]))
        else:
            out.append(entry(line[4:], first=not out[-1]))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip()


def entry(line: str, first: bool) -> str:
    """Write a line of a list of arguments or errors: a new item, more of the last item, or prose."""
    match = _ENTRY.match(line)
    if match is None:
        return "" if not line else ("" if first else "  ") + escape(line.strip())
    names = ", ".join(f"`{name}`" for name in match[1].split(", "))
    return f"- {names}: {escape(match[2])}"


def constant(module: ModuleType, name: str) -> str:
    """Describe a name that is neither class nor function: its assignment and the string below it."""
    body = ast.parse(inspect.getsource(module)).body
    for node in body:
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            return constant(importlib.import_module(str(node.module)), name)
    for node, after in zip(body, [*body[1:], None], strict=True):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            text = ""
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                text = markdown(str(after.value.value))
            return f"{code(ast.unparse(node))}\n\n{text}".strip()
    raise LookupError(f"{module.__name__}.{name}: not assigned in its module")


def describe(module: ModuleType, name: str) -> str:
    """Describe one public name."""
    value = getattr(module, name)
    place = "rln" if hasattr(rln, name) and module.__name__ != "rln.circuit" else module.__name__
    head = f"### `{place}.{name}`"
    if inspect.isclass(value):
        return "\n\n".join([head, *class_parts(value)])
    if inspect.isfunction(value):
        return "\n\n".join([head, code(signature(name, value)), markdown(value.__doc__)])
    return f"{head}\n\n{constant(module, name)}"


def class_parts(cls: type) -> Iterator[str]:
    """Describe the constructor, the docstring and the members of a class."""
    call = constructor(cls)
    if call is not None:
        yield code(call)
    if issubclass(cls, BaseException):
        yield "Kind of " + ", ".join(f"`{base.__name__}`" for base in cls.__bases__) + "."
    yield markdown(cls.__doc__)
    if issubclass(cls, enum.Enum):
        yield "\n".join(f"- `{cls.__name__}.{member.name}`: {escape(str(member.value))}" for member in cls)
    for name, value in members(cls):
        plain = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if isinstance(plain, property):
            assert plain.fget is not None
            result = annotation(inspect.signature(plain.fget).return_annotation)
            yield code(f".{name}: {result}")
            yield markdown(plain.__doc__)
        else:
            owner = cls.__name__ if isinstance(value, classmethod | staticmethod) else ""
            bound = 0 if isinstance(value, staticmethod) else 1
            yield code(signature(f"{owner}.{name}", plain, skip=bound))
            yield markdown(plain.__doc__)


def code(text: str) -> str:
    """Write a fenced block."""
    return f"```text\n{text}\n```"


def page() -> str:
    """Write the whole reference."""
    names = public_names()
    parts = [
        "# Reference",
        "Written by `docs/reference.py` from the docstrings; do not edit. A heading says where a name is "
        "imported from. A field element is an integer below r, the order of the BN254 groups.",
    ]
    for module_name in sorted(names, key=order):
        module = importlib.import_module(module_name)
        short = module_name if module_name in (*ALSO, "rln.circuit") else module_name.removeprefix("rln.")
        parts += [f"## {short}", markdown(module.__doc__)]
        parts += [describe(module, name) for name in names[module_name]]
    return "\n\n".join(part for part in parts if part) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check the file; return 0 unless it differs."""
    if arguments not in ([], ["--check"]):
        print("usage: python docs/reference.py [--check]", file=sys.stderr)
        return 2
    made = page()
    if not arguments:
        PAGE.write_text(made, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == made:
        return 0
    print(f"{PAGE.name}: not what the docstrings say; run python docs/reference.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

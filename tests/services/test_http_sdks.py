"""Unmodified SDKs against a provider that judges each credential, and answers as a script says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from rln.client.member import Member
from rln.client.settings import MemberSettings
from rln.integrations import httpx2 as with_httpx2
from tests.support.http_provider import HttpProvider

ASK = [{"role": "user", "content": "hi"}]


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[HttpProvider]:
    (tmp_path / "provider").mkdir()
    with HttpProvider(tmp_path / "provider") as made:
        yield made


def test_openai_is_served(provider: HttpProvider, tmp_path: Path) -> None:
    settings = MemberSettings(background=False, threads=1)
    with Member.open(provider.member_directory(tmp_path / "member"), settings) as member:
        client = openai.OpenAI(
            base_url=f"{provider.url}/v1", api_key="none", http_client=with_httpx2.anonymous_client(member)
        )
        answer = client.chat.completions.create(model="m", messages=ASK)
        assert answer.choices[0].message.content == "hi"
        text = "".join(
            one.choices[0].delta.content or ""
            for one in client.chat.completions.create(model="m", messages=ASK, stream=True)
        )
        assert text == "hi"
    assert [one.verdict for one in provider.seen] == ["Valid", "Valid"]

"""A customer: joins once, then calls the provider through the `openai` package, as anybody would.

python customer.py join API-KEY     register, and wait until the provider admits the next members
python customer.py ask QUESTION     ask, without telling who asks
"""

import os
import sys

import openai

import rln
from rln.client.member import Member
from rln.integrations.httpx2 import anonymous_client

PROVIDER = os.environ.get("PROVIDER", "http://127.0.0.1:8000")
DIRECTORY = "membership"  # identity, message ids, a copy of the group; keep it, and never use a copy of it
MIN_MEMBERS = 1  # for a trial; leave it out, and the program waits for 32 members to hide among


def ask(question: str) -> None:
    """Print the answer as it comes."""
    with Member.open(DIRECTORY) as member:
        client = openai.OpenAI(
            base_url=f"{PROVIDER}/v1", api_key="not used", http_client=anonymous_client(member)
        )
        messages = [{"role": "user", "content": question}]
        for part in client.chat.completions.create(model="echo", messages=messages, stream=True):
            print(part.choices[0].delta.content or "", end="", flush=True)
        print()


def join(api_key: str) -> None:
    """Register, and wait until the registrar admits the next members."""
    with Member.join(PROVIDER, api_key=api_key, directory=DIRECTORY, min_members=MIN_MEMBERS) as member:
        member.wait_until_admitted()


if __name__ == "__main__":
    try:
        {"join": join, "ask": ask}[sys.argv[1]](sys.argv[2])
    except rln.RlnError as error:
        sys.exit(str(error))

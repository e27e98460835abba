"""A customer: joins once, then calls the provider through the `openai` package, as anybody would.

python customer.py join API-KEY     register, and wait until the provider admits the next members
python customer.py ask QUESTION     ask, without telling who asks
"""

import sys

import openai

import rln
from rln.client.member import Member
from rln.integrations.httpx2 import anonymous_client

PROVIDER = "http://127.0.0.1:8000"
DIRECTORY = (
    "membership"  # the identity, the message ids and the copy of the group; keep it, and do not copy it
)


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


if __name__ == "__main__":
    try:
        if sys.argv[1] == "join":
            Member.join(PROVIDER, api_key=sys.argv[2], directory=DIRECTORY, tier="pro").close()
        else:
            ask(sys.argv[2])
    except rln.RlnError as error:
        sys.exit(f"{error}")

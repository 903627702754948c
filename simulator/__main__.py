"""`python -m simulator --host 127.0.0.1 --port 9001`: the providers on this machine."""

import argparse
import gc
from pathlib import Path

from pydantic import ValidationError

from simulator.app import Settings
from simulator.server import server
from simulator.solapi.accounts import DEFAULT_API_KEY, DEFAULT_API_SECRET, DEFAULT_WEBHOOK_SECRET, AccountSpec
from simulator.webhooks import WebhookPolicy


def main() -> None:
    """Read the command line and serve until interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m simulator", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--solapi-api-key", default=DEFAULT_API_KEY)
    parser.add_argument("--solapi-api-secret", default=DEFAULT_API_SECRET)
    parser.add_argument("--solapi-webhook-url", help="where delivery reports go; without it there are none")
    parser.add_argument("--solapi-webhook-secret", default=DEFAULT_WEBHOOK_SECRET)
    parser.add_argument("--webhook-tries", type=int, default=WebhookPolicy.tries)
    parser.add_argument("--webhook-first-backoff", type=float, default=WebhookPolicy.first_backoff, help="seconds")
    parser.add_argument("--storage", type=Path, help="the folder of Cloud Storage's buckets; without it there are none")
    parser.add_argument("--smtp-port", type=int, default=0, help="of the mail server; 0: one that is free")
    options = parser.parse_args()
    try:
        account = AccountSpec(
            api_key=options.solapi_api_key,
            api_secret=options.solapi_api_secret,
            webhook_url=options.solapi_webhook_url,
            webhook_secret=options.solapi_webhook_secret,
        )
    except ValidationError as error:
        parser.error(str(error))
    policy = WebhookPolicy(tries=options.webhook_tries, first_backoff=options.webhook_first_backoff)
    # Messages are kept and hold no cycles: looking through them as often as by default is a fifth of all CPU time.
    gc.set_threshold(50_000, 20, 100)
    server(Settings(account, policy, options.storage, options.smtp_port), options.host, options.port).run()


if __name__ == "__main__":
    main()

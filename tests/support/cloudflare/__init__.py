"""A small Cloudflare on the loopback: stateful, with tokens, limits and faults, held to Cloudflare's own typed SDK.

with FakeCloudflare() as fake:
    zone = fake.add_zone("example.com")
    token = fake.add_token(Right.DNS_WRITE, zones=[zone])
    ...  # CLOUDFLARE_BASE_URL=fake.url, CLOUDFLARE_API_TOKEN=token
    fake.fail(Fault(path="/purge_cache", status=429, headers={"Retry-After": "1"}))
assert fake.records("example.com") == ...

What it answers was read from the API's public description and the SDK's types; `test_fake_cloudflare.py` asks all of
it with the SDK's strict validation. It knows nothing of Colorway.
"""

from tests.support.cloudflare.answers import REFUSED_TOKEN
from tests.support.cloudflare.rights import Right
from tests.support.cloudflare.server import FakeCloudflare, Fault, Heard
from tests.support.cloudflare.zone import FREE_PURGES, Zone

__all__ = ["FREE_PURGES", "REFUSED_TOKEN", "FakeCloudflare", "Fault", "Heard", "Right", "Zone"]

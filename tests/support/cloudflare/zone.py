"""One zone as the API keeps it: records, settings, rulesets, authenticated origin pulls and purges."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.support.cloudflare import rules
from tests.support.cloudflare.answers import Answer, Asked, RefusedError, now, page_of

FREE_PURGES = 5
"""Requests a minute that the Free plan lets through."""
_MOST_ITEMS = 100
"""Tags, names, prefixes or files of one purge."""
_LONGEST_COMMENT = 100
"""Characters of a record's comment on the Free plan."""
_KINDS = frozenset({"A", "AAAA", "CNAME", "TXT", "CAA", "MX", "NS"})
_PROXIABLE = frozenset({"A", "AAAA", "CNAME"})
_WRITABLE = ("name", "type", "content", "ttl", "proxied", "comment", "tags", "priority", "data", "settings")
_REDIRECTS = "http_request_dynamic_redirect"
_PHASES = frozenset({"http_request_cache_settings", _REDIRECTS})
"""Those of which the fake knows what their rules may say."""
_ON_OFF = frozenset({"on", "off"})
_NOT_ON_FREE = frozenset({"polish", "image_resizing", "sort_query_string_for_cache", "true_client_ip_header"})
_HSTS = {
    "strict_transport_security": {
        "enabled": False,
        "max_age": 0,
        "include_subdomains": False,
        "preload": False,
        "nosniff": False,
    }
}
_SETTINGS: dict[str, tuple[Any, frozenset[Any] | None]] = {
    "always_use_https": ("off", _ON_OFF),
    "automatic_https_rewrites": ("on", _ON_OFF),
    "brotli": ("on", _ON_OFF),
    "browser_cache_ttl": (14400, None),
    "early_hints": ("off", _ON_OFF),
    "http3": ("on", _ON_OFF),
    "ipv6": ("on", _ON_OFF),
    "min_tls_version": ("1.0", frozenset({"1.0", "1.1", "1.2", "1.3"})),
    "polish": ("off", frozenset({"off", "lossless", "lossy"})),
    "security_header": (_HSTS, None),
    "ssl": ("full", frozenset({"off", "flexible", "full", "strict", "origin_pull"})),
    "tls_1_3": ("on", frozenset({"on", "off", "zrt"})),
    "tls_client_auth": ("off", _ON_OFF),
    "websockets": ("on", _ON_OFF),
}
"""What a new zone is set to, and what else each may be."""

Tell = Callable[[str, list[str]], None]
"""Hears of a name's TXT records each time that they change."""


@dataclass(kw_only=True)
class Zone:
    """One zone; every method is one request to it."""

    name: str
    identifier: str = field(default_factory=lambda: uuid4().hex)
    tell: Tell = lambda _name, _contents: None
    clock: Callable[[], float] = time.monotonic
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=lambda: {name: usual for name, (usual, _) in _SETTINGS.items()})
    rulesets: dict[str, dict[str, Any]] = field(default_factory=dict)
    pulls: dict[str, dict[str, Any]] = field(default_factory=dict)
    pulls_enabled: bool = False
    purges: list[Any] = field(default_factory=list)
    """The bodies of all purges that were carried out."""
    created: str = field(default_factory=now)
    _purged_at: list[float] = field(default_factory=list)

    def described(self) -> dict[str, Any]:
        """Return the zone itself."""
        return {
            "id": self.identifier,
            "name": self.name,
            "status": "active",
            "paused": False,
            "type": "full",
            "development_mode": 0,
            "name_servers": ["ada.ns.example", "bob.ns.example"],
            "created_on": self.created,
            "modified_on": self.created,
            "activated_on": self.created,
            "account": {"id": "0" * 32, "name": "An account"},
            "owner": {"id": "0" * 32, "name": "Somebody", "type": "user"},
            "plan": {"id": "0" * 32, "name": "Free Website", "price": 0, "currency": "USD", "legacy_id": "free"},
            "meta": {"step": 2, "custom_certificate_quota": 0, "page_rule_quota": 3, "phishing_detected": False},
        }

    # --- DNS records

    def list_records(self, asked: Asked) -> Answer:
        """Answer the records that the query's filters let through, by name and type."""

        def passes(record: Mapping[str, Any]) -> bool:
            for key in ("name", "type", "content", "comment"):
                said = asked.query.get(key) or asked.query.get(f"{key}.exact")
                if said is not None and record.get(key) != said:
                    return False
                part = asked.query.get(f"{key}.contains")
                if part is not None and part not in (record.get(key) or ""):
                    return False
            return True

        found = sorted(
            filter(passes, self.records.values()), key=lambda one: (one["name"], one["type"], one["content"])
        )
        return page_of(found, asked, usual=100, most=5_000_000)

    def get_record(self, identifier: str) -> Answer:
        """Answer one record."""
        return Answer(result=self._record(identifier))

    def create_record(self, asked: Asked) -> Answer:
        """Add a record."""
        record = self._checked({key: asked.body[key] for key in _WRITABLE if key in asked.body})
        made = now()
        record |= {"id": uuid4().hex, "created_on": made, "modified_on": made}
        self.records[record["id"]] = record
        self._tell_of(record)
        return Answer(result=record)

    def change_record(self, identifier: str, asked: Asked) -> Answer:
        """Change a record: PUT says all of it, PATCH what is to differ."""
        before = self._record(identifier)
        kept = {key: before[key] for key in _WRITABLE if key in before} if asked.method == "PATCH" else {}
        said = kept | {key: asked.body[key] for key in _WRITABLE if key in asked.body}
        record = self._checked(said, instead_of=identifier)
        record |= {"id": identifier, "created_on": before["created_on"], "modified_on": now()}
        self.records[identifier] = record
        self._tell_of(before)
        self._tell_of(record)
        return Answer(result=record)

    def delete_record(self, identifier: str) -> Answer:
        """Remove a record."""
        record = self._record(identifier)
        del self.records[identifier]
        self._tell_of(record)
        return Answer(result={"id": identifier})

    def _record(self, identifier: str) -> dict[str, Any]:
        if identifier not in self.records:
            raise RefusedError(404, 81044, "Record does not exist.")
        return self.records[identifier]

    def _checked(self, said: dict[str, Any], *, instead_of: str = "") -> dict[str, Any]:
        kind, content, ttl = said.get("type"), said.get("content"), said.get("ttl", 1)
        if kind not in _KINDS or not said.get("name") or not (content or said.get("data")):
            raise RefusedError(400, 1004, "DNS Validation Error")
        if kind in {"A", "AAAA"}:
            content = _address(str(content), kind)
        if said.get("proxied") and kind not in _PROXIABLE:
            raise RefusedError(400, 9004, "This record type cannot be proxied.")
        if ttl != 1 and not 60 <= ttl <= 86400:
            raise RefusedError(400, 9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.")
        if said.get("tags"):
            raise RefusedError(400, 9300, f"DNS record has {len(said['tags'])} tags, exceeding the quota of 0.")
        if len(said.get("comment") or "") > _LONGEST_COMMENT:
            raise RefusedError(400, 9301, f"DNS record comment exceeds the limit of {_LONGEST_COMMENT} characters.")
        name = self._full(str(said["name"]))
        self._refuse_beside_others(name, kind, content, but=instead_of)
        return {
            **said,
            "name": name,
            "content": content,
            "proxied": bool(said.get("proxied")),
            "proxiable": kind in _PROXIABLE,
            "ttl": 1 if said.get("proxied") else ttl,
            "comment": said.get("comment") or None,
            "tags": [],
            "settings": said.get("settings") or {},
            "meta": {},
        }

    def _full(self, name: str) -> str:
        name = self.name if name == "@" else name.lower().rstrip(".")
        return name if name == self.name or name.endswith(f".{self.name}") else f"{name}.{self.name}"

    def _refuse_beside_others(self, name: str, kind: str, content: Any, *, but: str) -> None:
        for other in self.records.values():
            if other["id"] == but or other["name"] != name:
                continue
            if (other["type"], other["content"]) == (kind, content):
                raise RefusedError(400, 81058, "An identical record already exists.")
            if "CNAME" in {other["type"], kind} and {other["type"], kind} <= _PROXIABLE:
                raise RefusedError(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")

    def _tell_of(self, record: Mapping[str, Any]) -> None:
        if record["type"] == "TXT":
            same = [one for one in self.records.values() if (one["type"], one["name"]) == ("TXT", record["name"])]
            # The API takes a TXT record's content in quotes and without; resolvers are told what is in them.
            self.tell(record["name"], [one["content"].strip('"') for one in same])

    # --- settings

    def list_settings(self) -> Answer:
        """Answer all settings."""
        return Answer(result=[self._setting(name) for name in sorted(self.settings)])

    def get_setting(self, name: str) -> Answer:
        """Answer one setting."""
        return Answer(result=self._setting(name))

    def change_setting(self, name: str, asked: Asked) -> Answer:
        """Change one setting."""
        self._setting(name)
        value, allowed = asked.named("value"), _SETTINGS[name][1]
        if name in _NOT_ON_FREE:
            raise RefusedError(400, 1015, f"Not allowed to edit setting for {name}")
        if name == "security_header":
            wanted = (value or {}).get("strict_transport_security", {}) if isinstance(value, Mapping) else {}
            known = _HSTS["strict_transport_security"]
            if not wanted or set(wanted) - set(known):
                raise RefusedError(400, 1007, f"Invalid value for zone setting {name}")
            value = {"strict_transport_security": {**known, **wanted}}
        elif (allowed is not None and value not in allowed) or (allowed is None and not isinstance(value, int)):
            raise RefusedError(400, 1007, f"Invalid value for zone setting {name}")
        self.settings[name] = value
        return Answer(result=self._setting(name))

    def _setting(self, name: str) -> dict[str, Any]:
        if name not in self.settings:
            raise RefusedError(400, 1006, f"Unrecognized zone setting name: {name}")
        return {"id": name, "value": self.settings[name], "editable": name not in _NOT_ON_FREE, "modified_on": None}

    # --- rulesets

    def entrypoint(self, phase: str) -> dict[str, Any]:
        """Return the zone's ruleset of a phase."""
        found = [one for one in self.rulesets.values() if one["phase"] == phase]
        if not found:
            raise RefusedError(404, 10003, f"could not find entrypoint ruleset in the {phase} phase")
        return found[0]

    def ruleset(self, identifier: str) -> dict[str, Any]:
        """Return one ruleset."""
        if identifier not in self.rulesets:
            raise RefusedError(404, 10002, f"could not find ruleset {identifier}")
        return self.rulesets[identifier]

    def list_rulesets(self) -> Answer:
        """Answer all rulesets without their rules."""
        return Answer(result=[{k: v for k, v in one.items() if k != "rules"} for one in self.rulesets.values()])

    def create_ruleset(self, asked: Asked) -> Answer:
        """Make the ruleset of a phase."""
        phase, kind = asked.named("phase"), asked.named("kind")
        if kind != "zone":
            raise RefusedError(400, 20018, f"'{kind}' is not a valid value for kind")
        if any(one["phase"] == phase for one in self.rulesets.values()):
            cure = f"exceeded maximum number of zone rulesets for phase {phase}"
            raise RefusedError(400, 20217, f"'zone' is not a valid value for kind because {cure}")
        return self._keep(uuid4().hex, phase, asked, before=None)

    def put_ruleset(self, identifier: str, asked: Asked) -> Answer:
        """Replace a ruleset's rules."""
        before = self.ruleset(identifier)
        return self._keep(identifier, before["phase"], asked, before=before)

    def put_entrypoint(self, phase: str, asked: Asked) -> Answer:
        """Replace the rules of a phase, whose ruleset is made where there is none."""
        try:
            before: dict[str, Any] | None = self.entrypoint(phase)
        except RefusedError:
            before = None
        return self._keep(before["id"] if before else uuid4().hex, phase, asked, before=before)

    def delete_ruleset(self, identifier: str) -> Answer:
        """Remove a ruleset."""
        del self.rulesets[self.ruleset(identifier)["id"]]
        return Answer(status=204)

    def redirected(self, url: str) -> tuple[int, str] | None:
        """Return status and target by which the zone itself answers a request; None = it goes to the origin."""
        found = next((one for one in self.rulesets.values() if one["phase"] == _REDIRECTS), {"rules": []})
        return rules.answer(found["rules"], url)

    def _keep(self, identifier: str, phase: str, asked: Asked, *, before: dict[str, Any] | None) -> Answer:
        if phase not in _PHASES:
            raise RefusedError(400, 20018, f"'{phase}' is not a valid value for phase")
        wanted = asked.body.get("rules") or []
        if phase == _REDIRECTS and len(wanted) > rules.FREE_REDIRECTS:
            most = f"{len(wanted)} out of {rules.FREE_REDIRECTS}"
            raise RefusedError(400, 50001, f"exceeded the maximum number of rules in the phase {phase}: {most}")
        kept = {rule["ref"]: rule for rule in (before or {}).get("rules", [])}
        made_rules: list[dict[str, Any]] = []
        for rule in wanted:
            if not rule.get("action") or not rule.get("expression"):
                raise RefusedError(400, 20120, "rule has no action or no expression")
            rules.condition(rule["expression"])
            if phase == _REDIRECTS:
                rules.refuse_redirect(rule)
            same = kept.get(rule.get("ref") or "", {})
            made = rule.get("id") or same.get("id") or uuid4().hex
            number = str(int(same.get("version", 0)) + 1)
            made_rules.append(
                {"enabled": True, "ref": made, **rule, "id": made, "version": number, "last_updated": now()}
            )
        said = {
            "id": identifier,
            "name": asked.body.get("name") or (before or {}).get("name") or "default",
            "description": asked.body.get("description") or "",
            "kind": "zone",
            "phase": phase,
            "rules": made_rules,
            "version": str(int((before or {}).get("version", 0)) + 1),
            "last_updated": now(),
        }
        self.rulesets[identifier] = said
        return Answer(result=said)

    # --- authenticated origin pulls

    def create_pull(self, asked: Asked) -> Answer:
        """Take the zone's client certificate and its key, which nothing ever answers again."""
        try:
            given = x509.load_pem_x509_certificate(asked.named("certificate").encode())
            key = serialization.load_pem_private_key(asked.named("private_key").encode(), password=None)
        except ValueError:
            raise RefusedError(400, 1408, "Invalid certificate or private key.") from None
        if key.public_key() != given.public_key():
            raise RefusedError(400, 1411, "The certificate and the private key do not match.")
        made = uuid4().hex
        self.pulls[made] = {
            "id": made,
            "certificate": given.public_bytes(serialization.Encoding.PEM).decode(),
            "issuer": given.issuer.rfc4514_string(),
            "signature": given.signature_algorithm_oid._name,
            "expires_on": given.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "uploaded_on": now(),
            "enabled": True,
        }
        return Answer(result={**self.pulls[made], "status": "pending_deployment"}, status=201)

    def list_pulls(self, asked: Asked) -> Answer:
        """Answer the zone's client certificates."""
        return page_of([{**one, "status": "active"} for one in self.pulls.values()], asked, usual=20, most=50)

    def get_pull(self, identifier: str) -> Answer:
        """Answer one of them."""
        if identifier not in self.pulls:
            raise RefusedError(404, 1407, "Certificate not found.")
        return Answer(result={**self.pulls[identifier], "status": "active"})

    def delete_pull(self, identifier: str) -> Answer:
        """Remove one of them."""
        found = self.get_pull(identifier).result
        del self.pulls[identifier]
        return Answer(result={**found, "status": "pending_deletion"})

    def enable_pulls(self, asked: Asked) -> Answer:
        """Say whether the zone shows its client certificate to the origin."""
        self.pulls_enabled = bool(asked.named("enabled"))
        return Answer(result={"enabled": self.pulls_enabled})

    # --- purge

    def purge(self, asked: Asked) -> Answer:
        """Purge by tags, names, prefixes or files, or everything; as often as the Free plan may."""
        body = asked.body if isinstance(asked.body, Mapping) else {}
        lists = [key for key in ("tags", "hosts", "prefixes", "files") if body.get(key)]
        if len(lists) + bool(body.get("purge_everything")) != 1:
            raise RefusedError(
                400, 1092, "Request must contain one of purge_everything, tags, hosts, prefixes or files"
            )
        if lists and len(body[lists[0]]) > _MOST_ITEMS:
            raise RefusedError(400, 1094, f"Request has too many {lists[0]}; the most is {_MOST_ITEMS}")
        at = self.clock()
        self._purged_at = [one for one in self._purged_at if at - one < 60]
        if len(self._purged_at) >= FREE_PURGES:
            wait = max(1, round(60 - (at - self._purged_at[0])))
            raise RefusedError(
                429, 971, "Please wait and consider throttling your request speed", headers={"Retry-After": str(wait)}
            )
        self._purged_at.append(at)
        self.purges.append(dict(body))
        return Answer(result={"id": self.identifier})


def _address(content: str, kind: str) -> str:
    version = 4 if kind == "A" else 6
    try:
        found = ipaddress.ip_address(content)
    except ValueError:
        found = None
    if found is None or found.version != version:
        raise RefusedError(400, 9005, f"Content for {kind} record must be a valid IPv{version} address.")
    return str(found)

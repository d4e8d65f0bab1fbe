"""The stack's zones at Cloudflare: its names, and what else each zone is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_cloudflare as cloudflare

from colorway.spec import names
from colorway.spec.edge import REDIRECT_STATUS
from colorway.spec.edge.redirects import RedirectRule, redirect_rules
from colorway.spec.edge.zones import (
    CACHE_PHASE,
    REDIRECT_PHASE,
    ZoneSpec,
    encryption,
    kept_places,
    own_names,
    set_zones,
)
from colorway.spec.fields import whole_seconds
from colorway.spec.platform_spec import PlatformSpec

AUTOMATIC = 1
"""The lifetime that Cloudflare chooses by itself; proxied records have no other."""
UNPROXIED_TTL = 60
"""Seconds, the least that all plans have: a load balancer that is lost is out of the answers a minute later."""


class Zones(pulumi.ComponentResource):
    """Creates a record for each name and load balancer, and, where a zone is the stack's, its settings and rules.

    A record's comment says whose it is; the engine removes by id, so never what somebody else made. A setting stays
    as it is when it is no more said, because Cloudflare has no zone without it.
    """

    def __init__(self, name: str, spec: PlatformSpec, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("colorway:dns:Zones", name, None, opts)
        self._mine = pulumi.ResourceOptions(parent=self)
        for record in spec.inventory().records:
            cloudflare.DnsRecord(
                f"{name}-{record.kind.lower()}-{record.name}-{record.host}",
                zone_id=record.zone,
                name=record.name,
                type=record.kind,
                content=record.address,
                proxied=record.is_proxied,
                ttl=AUTOMATIC if record.is_proxied else UNPROXIED_TTL,
                comment=names.record_comment(spec.stack, spec.settings.platform),
                opts=self._mine,
            )
        for domain, zone in set_zones(spec).items():
            for setting, value in _settings(spec, zone).items():
                cloudflare.ZoneSetting(
                    f"{name}-{domain}-{setting.replace('_', '-')}",
                    zone_id=zone.id,
                    setting_id=setting,
                    value=value,
                    opts=self._mine,
                )
            cloudflare.Ruleset(
                f"{name}-{domain}-cache",
                zone_id=zone.id,
                kind="zone",
                name=f"{spec.stack}-cache",
                phase=CACHE_PHASE,
                rules=_cache_rules(spec, zone),
                opts=self._mine,
            )
            if rules := redirect_rules(spec, zone):
                cloudflare.Ruleset(
                    f"{name}-{domain}-redirects",
                    zone_id=zone.id,
                    kind="zone",
                    name=f"{spec.stack}-redirects",
                    phase=REDIRECT_PHASE,
                    rules=[_redirect(rule) for rule in rules],
                    opts=self._mine,
                )
        self.register_outputs({})


def _settings(spec: PlatformSpec, zone: ZoneSpec) -> Mapping[str, Any]:
    hsts = spec.platform.edge.hsts
    return {
        "ssl": encryption(spec, zone).value,
        "min_tls_version": "1.2",
        "always_use_https": "on",
        "security_header": {
            "strict_transport_security": {
                "enabled": True,
                "max_age": whole_seconds(hsts.max_age),
                "include_subdomains": hsts.include_subdomains,
                "preload": hsts.preload,
                "nosniff": False,
            }
        },
    }


def _cache_rules(spec: PlatformSpec, zone: ZoneSpec) -> list[cloudflare.RulesetRuleArgs]:
    """Return what Cloudflare keeps: of the stack's names what their routes say, as long as the answers say.

    Without the first rule it would keep files by the endings of their names, those of either color for both.
    """
    rules = [
        cloudflare.RulesetRuleArgs(
            # Without a ref a rule is a new one at every change.
            ref=f"{spec.stack}-none",
            description="Answers of the platform's names are not kept",
            expression=own_names(spec, zone),
            action="set_cache_settings",
            action_parameters=cloudflare.RulesetRuleActionParametersArgs(cache=False),
            enabled=True,
        )
    ]
    if places := kept_places(spec, zone):
        rules.append(
            cloudflare.RulesetRuleArgs(
                ref=f"{spec.stack}-kept",
                description="but those of routes that may be kept, as long as they say",
                expression=places,
                action="set_cache_settings",
                action_parameters=cloudflare.RulesetRuleActionParametersArgs(
                    cache=True,
                    edge_ttl=cloudflare.RulesetRuleActionParametersEdgeTtlArgs(mode="respect_origin"),
                ),
                enabled=True,
            )
        )
    return rules


def _redirect(rule: RedirectRule) -> cloudflare.RulesetRuleArgs:
    """Return the rule by which Cloudflare says what load balancers would say."""
    target = cloudflare.RulesetRuleActionParametersFromValueTargetUrlArgs(value=rule.value, expression=rule.target)
    return cloudflare.RulesetRuleArgs(
        ref=rule.ref,
        description=rule.description,
        expression=rule.expression,
        action="redirect",
        action_parameters=cloudflare.RulesetRuleActionParametersArgs(
            from_value=cloudflare.RulesetRuleActionParametersFromValueArgs(
                target_url=target,
                status_code=REDIRECT_STATUS,
                # A target that is made of the request has its query already.
                preserve_query_string=rule.value is not None,
            )
        ),
        enabled=True,
    )

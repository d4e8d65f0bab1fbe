"""What of Compose has no place here, each with the reason and what to do instead."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from types import MappingProxyType

from colorway.config.compose.said import Remarks, Said
from colorway.spec.base import hint

Why = tuple[str, str]
"""A reason, and a cure."""
_ALONE = "is for containers of one machine, and a task may be on any"
_KERNEL = "is a setting of the kernel that Swarm gives no task"
_IMAGE: Why = ("is for the build, which has the Dockerfile alone", "write it into the Dockerfile")
_NAMED: Why = ("would be the name of one container, and every task has its own", "leave it out")
_NOTHING: Why = ("is for `docker compose` alone", "leave it out")
SERVICE_KEYS: Mapping[str, Why] = MappingProxyType(
    {
        **dict.fromkeys(("container_name", "hostname", "domainname", "mac_address"), _NAMED),
        **dict.fromkeys(("attach", "develop", "pull_policy", "stdin_open", "tty", "use_api_socket"), _NOTHING),
        **dict.fromkeys(
            ("blkio_config", "cgroup", "cgroup_parent", "cpu_count", "cpu_percent", "cpu_period", "cpu_quota"),
            (_KERNEL, "say what it may use under limits"),
        ),
        **dict.fromkeys(
            ("cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpuset", "mem_swappiness", "memswap_limit"),
            (_KERNEL, "say what it may use under limits"),
        ),
        **dict.fromkeys(
            ("oom_kill_disable", "oom_score_adj", "pids_limit", "storage_opt", "sysctls", "ulimits", "userns_mode"),
            (_KERNEL, "set it on the hosts, or leave it out"),
        ),
        **dict.fromkeys(("annotations", "isolation", "label_file", "platform", "runtime"), _NOTHING),
        **dict.fromkeys(
            ("devices", "device_cgroup_rules", "gpus"),
            ("are of one machine, and Swarm gives tasks none", "run it beside the stack, on that machine"),
        ),
        **dict.fromkeys(("dns", "dns_opt", "dns_search"), (_ALONE, "set it on the hosts, or write extra-hosts")),
        **dict.fromkeys(
            ("external_links", "links"), (_ALONE, "call services by their names; another stack's by `networks`")
        ),
        **dict.fromkeys(("ipc", "pid", "uts", "network_mode"), (_ALONE, "let services call each other by name")),
        **dict.fromkeys(
            ("post_start", "pre_stop"), ("has no counterpart", "let the program do it at its start, or at its signal")
        ),
        "credential_spec": ("is for Windows", "leave it out"),
        "depends_on": (
            "has no counterpart: tasks begin in any order, and again when they end",
            "let the program wait for what it needs, or end and be started again",
        ),
        "group_add": (_KERNEL, "write a group after the user, for example user: 1000:1000"),
        "logging": (
            "is set for each host, with limits, by `up`",
            "see bootstrap in docs/your-hosts.md",
        ),
        "models": _NOTHING,
        "privileged": (
            "would let the program do everything on its host",
            "list the capabilities that it needs, for example capabilities: [NET_ADMIN]",
        ),
        "provider": _NOTHING,
        "security_opt": ("is a setting that no service has here", "set it for all of a host in Docker's settings"),
        "tmpfs": ("is only there for /tmp, which is always in memory", "let the program use /tmp"),
        "volumes_from": (_ALONE, "name the same volume in both services"),
    }
)
"""Keys of a service that are remarked wherever they stand."""
DEPLOY_KEYS: Mapping[str, Why] = MappingProxyType(
    {
        "endpoint_mode": ("is settled: names lead to tasks, without a virtual address", "leave it out"),
        "rollback_config": ("is done by the colors: the version before still runs", "leave it out"),
    }
)
BUILD_KEYS: Mapping[str, Why] = MappingProxyType(
    {
        "args": ("are given by nobody here", "write them into the Dockerfile: ARG NAME=value"),
        "target": ("is not chosen: the last stage of a Dockerfile is built", "put that stage last"),
        **dict.fromkeys(
            (
                *("additional_contexts", "cache_from", "cache_to", "dockerfile_inline", "extra_hosts", "isolation"),
                *("labels", "network", "no_cache", "platforms", "privileged", "pull", "secrets", "shm_size", "ssh"),
                *("tags", "ulimits", "entitlements", "provenance", "sbom"),
            ),
            _IMAGE,
        ),
    }
)
TOP_KEYS: Mapping[str, Why] = MappingProxyType(
    {
        "models": _NOTHING,
    }
)
CARRIED_KEYS = frozenset(
    {
        *("build", "cap_add", "cap_drop", "command", "configs", "cpus", "deploy", "entrypoint", "env_file"),
        *("environment", "expose", "extends", "extra_hosts", "healthcheck", "image", "init", "labels", "mem_limit"),
        *("mem_reservation", "networks", "ports", "profiles", "read_only", "restart", "scale", "secrets"),
        *("shm_size", "stop_grace_period", "stop_signal", "user", "volumes", "working_dir"),
    }
)
"""Keys of a service that something is made of."""

_EDGE: Why = ("leads requests to the others, as the load balancers here do", "see its routes at the services")
_CERTIFICATES: Why = ("fetches certificates, as the load balancers here have them", "leave it out")
_UPDATES: Why = ("replaces containers behind Swarm's back", "release a version instead: colorway release")
_LOOKS: Why = ("looks into Docker, whose socket no task gets", "run it beside the stack, if it is wanted")
LEFT_OUT: tuple[tuple[re.Pattern[str], Why], ...] = tuple(
    (re.compile(rf"(.*/)?({names})"), why)
    for names, why in (
        ("traefik|nginx-proxy|docker-gen|nginx-proxy-manager|caddy-docker-proxy|docker-flow-proxy|haproxy", _EDGE),
        ("acme-companion|letsencrypt-nginx-proxy-companion|certbot|dns-.*certbot", _CERTIFICATES),
        ("watchtower|shepherd|ouroboros|diun", _UPDATES),
        ("portainer|portainer-ce|portainer/agent|autoheal|dozzle|cadvisor|swarm-cronjob|ofelia|swarmpit", _LOOKS),
        ("prom/prometheus", ("measures, and the platform has a Prometheus of its own", "see monitoring in the file")),
    )
)
"""Services that are left out, by the name of their image."""


def remark_keys(said: Said, *, path: str, known: Mapping[str, Why], carried: Container[str], remarks: Remarks) -> None:
    """Remark the keys of a mapping that nothing is made of."""
    for key, one in said.entries.items():
        if key in carried or key.startswith("x-") or one.value is None or one.value == []:
            continue
        unknown = ("is no key that Compose's files have here", hint(key, [*known, *CARRIED_KEYS]))
        reason, cure = known.get(key, unknown)
        remarks.add(one.place, f"{path}.{key}", reason, cure)

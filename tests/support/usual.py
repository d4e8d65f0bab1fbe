"""What Swarm's users do without Colorway: nginx as a service whose text is a config, changed by Swarm's own commands.

As careful as the guides are: one on each load balancer's host, one after the other, nginx is told to quit. Its port is
the host's, so no new one starts before the old one ends: Swarm's mesh needs IPVS, which many a lab's kernel lacks.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from colorway.lab.host import LabHost
from colorway.spec import names

PORT = 9080
"""Where it listens, beside the platform's load balancers."""
_TEXT = """\
user nobody nogroup;
worker_processes auto;
pid /tmp/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
    access_log off;
    resolver 127.0.0.11 valid=2s ipv6=off;
    map $uri $service { ~^/api/ api-COLOR; default web-COLOR; }
    server {
        listen 80;
        location = /alive { return 200; }
        location / {
            proxy_pass http://$service:8000;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
        }
    }
}
"""
_STACK = """\
services:
  edge:
    image: IMAGE
    command: [nginx, -e, stderr, -g, "daemon off;", -c, /etc/nginx/usual.conf]
    init: true
    stop_signal: SIGQUIT
    stop_grace_period: 30s
    networks: [blue, green]
    ports: [{target: 80, published: PORT, mode: host}]
    configs: [{source: CONFIG, target: /etc/nginx/usual.conf}]
    healthcheck: {test: [CMD, curl, -sf, -o, /dev/null, "http://127.0.0.1/alive"], interval: 2s, start_period: 30s}
    deploy:
      replicas: 2
      placement: {constraints: ["node.labels.ROLE == true"], max_replicas_per_node: 1}
      update_config: {order: stop-first, parallelism: 1, delay: 0s, monitor: 5s}
configs: {CONFIG: {external: true}}
networks:
  blue: {external: true, name: BLUE}
  green: {external: true, name: GREEN}
"""


@dataclass(frozen=True, kw_only=True)
class Usual:
    """Such a service beside a stack in a lab."""

    stack: str
    manager: LabHost
    image: str

    @property
    def name(self) -> str:
        """What `docker stack` knows it by."""
        return f"{self.stack}usual"

    def deploy(self, color: str) -> None:
        """Send all to a color by `docker stack deploy`, and wait until Swarm says that it is so."""
        text = _STACK.replace("IMAGE", self.image).replace("PORT", str(PORT)).replace("CONFIG", self._config(color))
        text = text.replace("BLUE", f"{self.stack}-blue").replace("GREEN", f"{self.stack}-green")
        text = text.replace("ROLE", names.role_label(self.stack, "load-balancer"))
        self._docker('stack deploy --detach=false --resolve-image never --compose-file - "$1"', self.name, given=text)

    def update(self, color: str, *, before: str) -> None:
        """Send all to a color by `docker service update`; see `deploy`."""
        new, old = (self._config(one) for one in (color, before))
        added = f"source={new},target=/etc/nginx/usual.conf"
        self._docker(
            'service update --quiet --detach=false --config-rm "$2" --config-add "$3" "$1"',
            f"{self.name}_edge",
            old,
            added,
        )

    def remove(self) -> None:
        """Take it away, with its configs."""
        self._docker('stack rm --detach=false "$1"', self.name)
        for color in ("blue", "green"):
            self._docker('config rm "$1"', self._config(color))

    def _config(self, color: str) -> str:
        text = _TEXT.replace("COLOR", color)
        name = f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        self.manager.run('docker config inspect "$1" >/dev/null 2>&1 || docker config create "$1" -', name, given=text)
        return name

    def _docker(self, command: str, *arguments: str, given: str = "") -> None:
        self.manager.run(f"timeout 600 docker {command} >/dev/null", *arguments, given=given)

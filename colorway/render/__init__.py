"""Text from spec: nginx, Prometheus, mtail, scripts."""

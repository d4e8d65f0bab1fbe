"""The offline cloudflare provider: records, settings, rulesets and origin pulls of zones."""

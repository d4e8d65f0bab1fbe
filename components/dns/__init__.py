"""What a stack has at Cloudflare."""

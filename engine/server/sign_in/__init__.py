"""How people get in: passwords, OpenID Connect, WeCom, and the sessions that these open."""

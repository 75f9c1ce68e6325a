"""
What all services read of tasuki.toml and the environment in one way: the text with its places, the words for
mistakes, the secrets, and the sections of the firm, log, store, web server, logs and traces.

Each service reads its own sections beside these (`services.sync.settings`), with the same means.
"""

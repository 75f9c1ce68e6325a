"""Plumbing without a business word: log, store, commit, shards, http, logs, metrics, health."""

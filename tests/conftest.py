"""What all tests share: the servers, see tests/servers.py."""

pytest_plugins = ["tests.servers"]

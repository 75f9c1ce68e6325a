"""What all tests share: the servers and a browser, see tests/servers.py and tests/browser.py."""

pytest_plugins = ["tests.servers", "tests.browser"]

"""`python -m tests.benchmarks [NAME …]`: run benchmarks and print the command that repeats each."""

import importlib
import platform
import sys

NAMES = ("decide", "fold", "handoff")


def main() -> None:
    """Run those that are named, all without a name."""
    names = sys.argv[1:] or list(NAMES)
    unknown = set(names) - set(NAMES)
    if unknown:
        sys.exit(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    print(f"# {platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    for name in names:
        print(f"\n## {name}: python -m tests.benchmarks {name}")
        importlib.import_module(f"tests.benchmarks.{name}").main()


if __name__ == "__main__":
    main()

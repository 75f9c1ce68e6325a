"""`python -m tests.benchmarks [NAME …] [OPTION …]`: run benchmarks and print the command that repeats each."""

import importlib
import platform
import sys
from itertools import takewhile

NAMES = ("deadlines", "decide", "fold", "handoff", "listeners", "sealing", "timers")


def main() -> None:
    """Run those that are named, all without a name; options are those of the one that is named."""
    named = list(takewhile(lambda each: not each.startswith("-"), sys.argv[1:]))
    options = sys.argv[1 + len(named) :]
    names = named or list(NAMES)
    unknown = set(names) - set(NAMES)
    if unknown:
        sys.exit(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if options and len(names) > 1:
        sys.exit("name the one benchmark that the options are for")
    print(f"# {platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    for name in names:
        print(f"\n## {name}: python -m tests.benchmarks {' '.join([name, *options])}")
        benchmark = importlib.import_module(f"tests.benchmarks.{name}")
        benchmark.main(options) if options else benchmark.main()


if __name__ == "__main__":
    main()

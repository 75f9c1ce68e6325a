"""What happens with a bug: a short message for the person, the traceback in a file of its own."""

import os
import tempfile
import traceback
from pathlib import Path

from services.cli.screen import standard_error


def report_bug(error: BaseException) -> Path | None:
    """
    Write *error*'s traceback into a new file that only this user can read, and tell where it is.

    Returns the file, or None where none could be written; the traceback is then printed.
    """
    trace = "".join(traceback.format_exception(error))
    console = standard_error()
    try:
        handle, name = tempfile.mkstemp(prefix="tasuki-", suffix=".traceback.txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(trace)
    except OSError:
        console.print(trace, markup=False)
        console.print("this is a bug in tasuki; please report the lines above", markup=False)
        return None
    console.print(f"this is a bug in tasuki: {type(error).__name__}", markup=False)
    console.print(
        f"the traceback is in {name}; please report it (look it over for data of yours first)", markup=False
    )
    return Path(name)

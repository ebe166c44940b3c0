"""From the command line to a command, and from what goes wrong to one sentence and an exit status."""

import os
import sys
import traceback
from importlib import import_module

from helpers.cli import parser

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130


def main(argv=None):
    """Run one `studies` command.

    Parameters
    ----------
    argv : list of str, optional
        The arguments after `studies`; those of the process when left out.

    Returns
    -------
    int: 0 done, 1 failed, 2 refused, 130 interrupted. One message goes to the standard error, never a traceback
    (a traceback holds values; STUDIES_DEBUG=1 shows it).
    """
    arguments = parser.build().parse_args(argv)
    module, name = arguments.command
    try:
        return getattr(import_module(f"helpers.cli.{module}"), name)(arguments) or DONE
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except Exception as error:
        return _explain(error)


def _explain(error):
    from helpers.records import Refused  # here, because it costs an import of pandas

    if os.environ.get("STUDIES_DEBUG") == "1":
        traceback.print_exc()
    if isinstance(error, Refused):
        return _say(str(error), REFUSED)
    cause = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    return _say(f"failed: {type(error).__name__}{cause}; STUDIES_DEBUG=1 shows where", FAILED)


def _say(message, status):
    print(f"studies: {message}", file=sys.stderr)
    return status

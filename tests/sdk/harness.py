"""Runs the checks of a file and says how many passed.

A check is a function marked with `check`; it passes when it returns. Nothing but this machine can be
reached while checks run, whatever an SDK would like to.
"""

import faulthandler
import json
import os
import subprocess
import sys
import tempfile
import traceback

# All checks of a file take a few seconds; what hangs longer than this shows where and fails.
LIMIT_SECONDS = 120

ADDRESSES = json.loads(os.environ["FAKES_ADDRESSES"])
KEY = os.environ["FAKES_KEY"]
MODEL = os.environ["FAKES_MODEL"]

_checks = []


def check(function):
    """Marks a check."""
    _checks.append(function)
    return function


def raises(kind, function):
    """What the function raises, which has to be of this kind."""
    try:
        function()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def spoken(text):
    """The text as speech that the fake recogniser understands: μ-law at 8 kHz."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "speech.ulaw")
        subprocess.run([os.environ["FAKES_PROGRAM"], "--speech", text, file], check=True)
        with open(file, "rb") as speech:
            return speech.read()


def run():
    """Runs every check and ends the program."""
    faulthandler.dump_traceback_later(LIMIT_SECONDS, exit=True)
    sys.addaudithook(_stay_here)
    failed = 0
    for function in _checks:
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok      {name}")
        except Exception:
            failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}")
    print(f"{len(_checks) - failed} passed, {failed} failed")
    sys.exit(1 if failed or not _checks else 0)


def _stay_here(event, arguments):
    """Refuses every address but loopback."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if host not in ("127.0.0.1", b"127.0.0.1"):
        raise PermissionError(f"{event} to {host!r}: only 127.0.0.1 is allowed here")

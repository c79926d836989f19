"""A sweep in a process of its own, to be killed: JOURNAL COUNT."""

import signal
import sys
import time
from pathlib import Path

from cloud import catalogue
from test_engine import Made, good

from residency.collect.engine import SweepInterruptedError, sweep


def slowly(number):
    if number >= 3:
        time.sleep(0.3)
    return good(number)


def main():
    # tests that run in a shell's background inherit a SIGINT that is ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def told(progress):
        if progress.job:
            sys.stdout.write(f"{progress.job}\n")
            sys.stdout.flush()

    try:
        sweep([Made(int(sys.argv[2]), slowly)], Path(sys.argv[1]), catalogue(), workers=1, progress=told)
    except SweepInterruptedError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(130)


if __name__ == "__main__":
    main()

"""Runs one file of tests and says what became of each, in the words that run.mjs counts."""

import sys
import time
import traceback
import unittest
from pathlib import Path


class Report(unittest.TestResult):
    """One line per test; a failure is followed by where it happened."""

    def startTest(self, test):
        super().startTest(test)
        self.begun = time.monotonic()

    def say(self, word, test):
        name = test.id().rpartition(".test_")[2].replace("_", " ")
        seconds = time.monotonic() - self.begun
        print(f"{word:6} {name} ({seconds:.1f} s)", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.say("ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.say("skip", test)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.fail(test, error)

    def addError(self, test, error):
        super().addError(test, error)
        self.fail(test, error)

    def fail(self, test, error):
        self.say("FAILED", test)
        for line in "".join(traceback.format_exception(*error)).splitlines():
            print(f"    {line}", flush=True)


path = Path(sys.argv[1])
sys.path.insert(0, str(path.parent))
report = Report()
unittest.defaultTestLoader.loadTestsFromName(path.stem).run(report)
sys.exit(0 if report.wasSuccessful() else 1)

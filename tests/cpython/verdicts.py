# SPDX-License-Identifier: Apache-2.0
# usage: verdicts.py MODULE: runs a module of CPython's own tests and prints a
# line for each test: P (passed), F (failed) or S (skipped), and its name. What
# would leave the machine is not run.
import os
import sys
import unittest
from test import support

support.use_resources = ["cpu", "subprocess", "walltime"]
if sys.argv[1] == "test.test_socketserver":
    # asks for the network as a whole, and stays on loopback
    support.use_resources.append("network")


class Verdicts(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        self.verdict = "P"

    def stopTest(self, test):
        super().stopTest(test)
        out.write("%s\t%s\n" % (self.verdict, test.id()))
        out.flush()

    def addError(self, test, err):
        self.fail_of(test, err)

    def addFailure(self, test, err):
        self.fail_of(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.fail_of(test, err)

    def addSkip(self, test, reason):
        self.verdict = "S"

    def addUnexpectedSuccess(self, test):
        self.verdict = "F"

    def fail_of(self, test, err):
        self.verdict = "F"
        print("%s: %s: %s" % (test.id(), err[0].__name__, err[1]),
              file=sys.stderr)


# the tests print too: theirs goes to stderr
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
module = __import__(sys.argv[1], fromlist=["*"])
# waits for ever on a machine that is itself a guest of a hypervisor
vars(module).pop("ThreadedVSOCKSocketStreamTest", None)
suite = unittest.TestSuite(
    unittest.defaultTestLoader.loadTestsFromTestCase(case)
    for name, case in sorted(vars(module).items())
    if isinstance(case, type) and issubclass(case, unittest.TestCase)
    and case.__module__ in (module.__name__, "test._test_multiprocessing"))
suite.run(Verdicts())
out.write("D\tdone\n")
out.flush()
os._exit(0)

"""Runs one file of unittest cases and writes its results as JUnit XML, so that they are counted with the C++ tests.

  run_python_test.py TEST.py RESULTS.xml

SPDX-License-Identifier: Apache-2.0
"""
import importlib.util
import pathlib
import sys
import unittest
import xml.etree.ElementTree as tree


class Recorder(unittest.TextTestResult):
    """Keeps (name, outcome, text) of every case beside the usual report."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.cases = []

    def addSuccess(self, test):
        super().addSuccess(test)
        self.cases.append((test.id(), None, ""))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.cases.append((test.id(), "skipped", reason))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.cases.append((test.id(), "failure", self._exc_info_to_string(err, test)))

    def addError(self, test, err):
        super().addError(test, err)
        self.cases.append((str(test), "error", self._exc_info_to_string(err, test)))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.cases.append((subtest.id(), "failure", self._exc_info_to_string(err, test)))


def write_results(path, cases):
    suite = tree.Element("testsuite", tests=str(len(cases)))
    for name, outcome, text in cases:
        case = tree.SubElement(suite, "testcase", name=name)
        if outcome:
            tree.SubElement(case, outcome).text = text
    path.parent.mkdir(parents=True, exist_ok=True)
    tree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def main():
    source, results = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    sys.path.insert(0, str(source.parent))
    spec = importlib.util.spec_from_file_location(source.stem, source)
    module = importlib.util.module_from_spec(spec)
    sys.modules[source.stem] = module
    spec.loader.exec_module(module)
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    outcome = unittest.TextTestRunner(resultclass=Recorder).run(suite)
    write_results(results, outcome.cases)
    if not outcome.cases:
        print(f"{source.name}: no test ran", file=sys.stderr)
        return 1
    return 0 if outcome.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())

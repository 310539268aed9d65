"""tools/fetch_models with a package made here: right, damaged, interrupted, two at once.

SPDX-License-Identifier: Apache-2.0
"""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile

SCRIPT = pathlib.Path(__file__).resolve().parent.parent.parent / "tools" / "fetch_models"
MODEL = b"not really a model" * 1000


def has_pip():
    return subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode == 0


@unittest.skipUnless(has_pip(), "needs pip, which the venv of tools/setup.sh has")
class FetchModels(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.out = self.root / "out"
        with zipfile.ZipFile(self.root / "rk_fake_models-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("rk_fake_models/net.onnx", MODEL)
            wheel.writestr("rk_fake_models-1.0.dist-info/METADATA",
                           "Metadata-Version: 2.1\nName: rk-fake-models\nVersion: 1.0\n")
            wheel.writestr("rk_fake_models-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            wheel.writestr("rk_fake_models-1.0.dist-info/RECORD", "")

    def table(self, **changes):
        model = {"name": "net", "package": "rk-fake-models", "version": "1.0", "member": "rk_fake_models/net.onnx",
                 "sha256": hashlib.sha256(MODEL).hexdigest(), "size": len(MODEL), "licence": "none", "task": "a test"}
        path = self.root / "models.json"
        path.write_text(json.dumps({"models": [model | changes]}))
        return path

    def start(self, table):
        environment = os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.root), "PIP_CONFIG_FILE": os.devnull}
        return subprocess.Popen([sys.executable, str(SCRIPT), "--out", str(self.out), "--table", str(table)], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)

    def fetch(self, table):
        process = self.start(table)
        output = process.communicate()[0]
        return process.returncode, output

    def test_fetches_once(self):
        code, output = self.fetch(self.table())
        self.assertEqual(code, 0, output)
        self.assertIn("fetched  net.onnx", output)
        self.assertEqual((self.out / "net.onnx").read_bytes(), MODEL)
        self.assertIn("present  net.onnx", self.fetch(self.table())[1])

    def test_wrong_hash_leaves_nothing(self):
        code, output = self.fetch(self.table(sha256="0" * 64))
        self.assertEqual(code, 1)
        self.assertIn("expected 0000", output)
        self.assertEqual([path.name for path in self.out.iterdir() if not path.name.startswith(".")], [])

    def test_damaged_file_is_replaced(self):
        self.out.mkdir()
        (self.out / "net.onnx").write_bytes(MODEL[:100])
        (self.out / "left_over.part").write_bytes(b"x")
        self.assertEqual(self.fetch(self.table())[0], 0)
        self.assertEqual((self.out / "net.onnx").read_bytes(), MODEL)

    def test_what_is_not_there(self):
        for changes, message in (({"package": "rk-absent"}, "pip download failed"), ({"member": "x"}, "has no file x")):
            code, output = self.fetch(self.table(**changes))
            self.assertEqual(code, 1)
            self.assertIn(message, output)

    def test_two_at_once(self):
        table = self.table()
        processes = [self.start(table) for _ in range(2)]
        outputs = [process.communicate()[0] for process in processes]
        self.assertEqual([process.returncode for process in processes], [0, 0], outputs)
        self.assertEqual(sum("fetched" in output for output in outputs), 1)


if __name__ == "__main__":
    unittest.main()

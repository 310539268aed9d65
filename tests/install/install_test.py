"""cmake --install, and what others do with it: find_package(rekindle) and pkg-config, from C and C++, in a project outside
the tree. The programs are the examples; the prefix is moved after installing, so nothing may remember where it was.

SPDX-License-Identifier: Apache-2.0
"""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import onnx
from onnx import TensorProto, helper

SOURCE = pathlib.Path(os.environ.get("RK_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("REKINDLE", SOURCE / "build" / "release" / "rekindle")).parent
EXAMPLES = {"main.c": SOURCE / "examples" / "run_engine_c" / "main.c",
            "main.cc": SOURCE / "examples" / "run_engine_cpp" / "main.cc"}


def needed(program):
    """The Rekindle libraries that a program is linked with."""
    text = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True).stdout
    return sorted({name for name in ("librekindle.so.0", "librekindle_runtime.so.0") if f"[{name}]" in text})


@unittest.skipUnless((BUILD / "lib" / "librekindle.so").exists(), "the shared libraries are not in this build (RK_SHARED=OFF)")
class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kept = tempfile.TemporaryDirectory()
        folder = pathlib.Path(cls.kept.name)
        cls.run_command(["cmake", "--install", BUILD, "--prefix", folder / "first"])
        cls.prefix = folder / "moved here"  # with a space, as such folders have
        (folder / "first").rename(cls.prefix)
        cls.engine = folder / "relu.engine"
        info = helper.make_tensor_value_info
        graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", [info("x", TensorProto.FLOAT, [2, 3])],
                                  [info("y", TensorProto.FLOAT, [2, 3])])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "relu.onnx")
        cls.run_command([cls.prefix / "bin" / "rekindle", "build", folder / "relu.onnx", "-o", cls.engine, "--effort", "0"])
        cls.folder = folder / "outside"
        shutil.copytree(SOURCE / "tests" / "install" / "outside", cls.folder)
        for name, path in EXAMPLES.items():
            shutil.copy(path, cls.folder / name)

    @classmethod
    def tearDownClass(cls):
        cls.kept.cleanup()

    @staticmethod
    def run_command(command, **more):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=240, **more)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def check_program(self, program, libraries):
        self.assertEqual(needed(program), libraries)
        text = self.run_command([program, self.engine], env={"LD_LIBRARY_PATH": str(self.prefix / "lib")})
        self.assertIn("y [2, 3]", text)

    def test_what_is_installed(self):
        found = sorted(str(p.relative_to(self.prefix)) for p in self.prefix.rglob("*") if p.is_file() and not p.is_symlink())
        for wanted in ("bin/rekindle", "include/rekindle/rekindle.h", "include/rekindle/rekindle.hpp", "lib/pkgconfig/rekindle.pc",
                       "lib/pkgconfig/rekindle_runtime.pc", "lib/cmake/rekindle/rekindle-config.cmake"):
            self.assertIn(wanted, found)
        self.assertEqual([name for name in found if name.startswith("include/")],
                         ["include/rekindle/rekindle.h", "include/rekindle/rekindle.hpp"])  # nothing else is public
        for name in found:
            if name.endswith((".cmake", ".pc", ".h", ".hpp")):
                self.assertNotIn(str(SOURCE), (self.prefix / name).read_text(), name)

    def test_find_package(self):
        build = self.folder / "build"
        self.run_command(["cmake", "-S", self.folder, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}"])
        self.run_command(["cmake", "--build", build])
        self.check_program(build / "runs_c", ["librekindle_runtime.so.0"])
        self.check_program(build / "runs_cpp", ["librekindle.so.0"])

    @unittest.skipUnless(shutil.which("pkg-config"), "pkg-config is not installed")
    def test_pkg_config(self):
        environment = {**os.environ, "PKG_CONFIG_PATH": str(self.prefix / "lib" / "pkgconfig")}
        for package, compiler, source, libraries in (("rekindle_runtime", ["cc"], "main.c", ["librekindle_runtime.so.0"]),
                                                     ("rekindle", ["c++", "-std=c++20"], "main.cc", ["librekindle.so.0"])):
            flags = self.run_command(["sh", "-c", f"pkg-config --cflags --libs {package}"], env=environment).strip()
            program = self.folder / f"by_{package}"
            command = " ".join([*compiler, f"'{self.folder / source}'", flags, "-o", f"'{program}'"])
            self.run_command(["sh", "-c", command])
            self.check_program(program, libraries)
        version = self.run_command(["pkg-config", "--modversion", "rekindle"], env=environment).strip()
        self.assertEqual(self.run_command([self.prefix / "bin" / "rekindle", "--version"]).strip(), f"rekindle {version}")


if __name__ == "__main__":
    unittest.main()

"""Fails when a file includes a module that layers.txt does not allow, or a third-party header outside its quarantine.

  check_layers.py [ROOT]

Also fails when layers.txt lists a module before one that it uses (so the table can have no cycle), and when an include
is not written from the root of src/ or include/ ("base/result.h", never "result.h" or "../base/result.h").
SPDX-License-Identifier: Apache-2.0
"""
import fnmatch
import pathlib
import re
import sys

SUFFIXES = {".h", ".hpp", ".cc", ".cu", ".cuh", ".def"}
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
# Third-party header -> the files that may include it.
QUARANTINE = {
    r"(oneapi/dnnl/)?dnnl.*\.(h|hpp)": ["src/backends/cpu/onednn.h", "src/backends/cpu/onednn.cc"],
    r"protozero/.*": ["src/onnx/*", "tests/onnx/*", "tests/fuzz/*"],
    r"cuda\.h|nvrtc\.h|cuda_runtime.*|cublas.*|cudnn.*": [],
    r"CLI/.*": ["src/cli/*"],
    r"spdlog/.*": ["src/base/*", "src/cli/*"],
    r"nlohmann/.*": ["src/base/*"],
    r"stb.*": ["examples/*", "tests/examples/*"],
    r"xxhash\.h|zstd\.h": ["src/base/*", "src/plan/*", "tests/plan/*"],
    r"boost/.*": ["src/backends/emulator/*"],
    r"(gtest|gmock)/.*": ["tests/*", "bench/*"],
}


def read_layers(path):
    """layers.txt -> {module: modules it may include}, with the table's own mistakes."""
    layers, errors = {}, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        module, _, uses = line.partition(":")
        for used in uses.split():
            if used not in layers:
                errors.append(f"{path.name}:{number}: {module} uses {used}, which is not listed above it")
        layers[module.strip()] = set(uses.split())
    return layers, errors


def module_of(path, layers):
    """The module of a path below src/ ("backends/cpu/isa/vec.h" -> "backends/cpu"), or None."""
    parts = path.split("/")[:-1]
    while parts:
        if "/".join(parts) in layers:
            return "/".join(parts)
        parts.pop()
    return None


def check_include(file, module, kind, header, layers, root):
    """What is wrong with one include of one file, or None. `file` is relative to the root."""
    for pattern, allowed in QUARANTINE.items():
        if re.fullmatch(pattern, header):
            if not any(fnmatch.fnmatch(file, glob) for glob in allowed):
                return f"{header} may be included only in {', '.join(allowed) or 'no file'}"
            return None
    if kind == "<":
        return None
    if header.startswith("rekindle/"):
        if module in (None, "api", "api/run", "cli") or module.startswith("examples"):
            return None
        return f"{module} must not include the public {header}"
    if file.startswith("examples/"):
        return None if not module_of(header, layers) else f"an example includes only public headers, not {header}"
    used = module_of(header, layers)
    if used is None:
        beside = file.startswith(("tests/", "bench/")) and any(
            (base / header).exists() for base in (root / "tests", root / "bench", root / "examples", (root / file).parent))
        return None if beside else f'"{header}" is not a path below src/'
    if module is not None and used != module and used not in layers[module]:
        return f"{module} must not include {used} ({header})"
    return None


def files_to_check(root):
    for top in ("src", "include", "tests", "bench", "examples"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                yield path


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    layers, errors = read_layers(root / "layers.txt")
    files = 0
    for path in files_to_check(root):
        files += 1
        file = path.relative_to(root).as_posix()
        module = module_of(file[len("src/"):], layers) if file.startswith("src/") else None
        if file.startswith("src/") and module is None:
            errors.append(f"{file}: its folder is not in layers.txt")
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if match := INCLUDE.match(line):
                if wrong := check_include(file, module, match[1], match[2], layers, root):
                    errors.append(f"{file}:{number}: {wrong}")
    print("\n".join(errors) if errors else f"layers: {files} files, {len(layers)} modules, no include out of place")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())

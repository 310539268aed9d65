# Run by rk_embed: writes a C++ file with a function from a file's name to its text.
# SPDX-License-Identifier: Apache-2.0
string(REPLACE "," ";" FILES "${FILES}")
set(text "// Made by cmake/EmbedFiles.cmake.\n#include \"${HEADER}\"\n\n#include \"base/result.h\"\n\n")
string(APPEND text "std::string_view ${FUNCTION}(std::string_view name) {\n")
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" content)
  string(APPEND text "  if (name == \"${name}\") return R\"RK(${content})RK\";\n")
endforeach()
string(APPEND text "  RK_ASSERT(false, \"no such kernel file\");\n  return {};\n}\n")
file(WRITE "${OUTPUT}" "${text}")

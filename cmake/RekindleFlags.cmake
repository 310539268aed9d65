# Compiler and linker flags of every target; no -march anywhere (see rk_isa_sources for per-instruction-set files).
# SPDX-License-Identifier: Apache-2.0
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")            # RK_ASSERT does not look at NDEBUG: it stays on
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1 -D_GLIBCXX_ASSERTIONS")  # g1: lines for traces, no more
# The same path in every checkout: reproducible builds, and no machine's folders in messages.
add_compile_options(-Wall -Wextra "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")
# Ninja hides that the output is a terminal.
add_compile_options($<IF:$<CXX_COMPILER_ID:Clang>,-fcolor-diagnostics,-fdiagnostics-color=always>)
if(RK_WERROR)
  add_compile_options(-Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False positives of g++ 12 in the standard library's own headers (GCC bugs 105651, 105329).
  add_compile_options(-Wno-restrict)
endif()

if(RK_SANITIZE)
  add_compile_options(-fwrapv)  # tests compile formulas too, whose integers wrap
  add_compile_options("-fsanitize=${RK_SANITIZE}" -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options("-fsanitize=${RK_SANITIZE}")
  set(RK_SHARED OFF)
  if(RK_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
  endif()
else()
  add_compile_options(-fstack-protector-strong $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
  add_link_options(LINKER:-z,relro LINKER:-z,now)
endif()

find_program(RK_CCACHE ccache)
if(RK_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The sloppiness is what the ccache manual asks for with precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime "${RK_CCACHE}")
endif()

# A faster linker where there is one. mold 1.10 (Debian 12) mixes badly with g++'s sanitizers; lld is fine with both.
find_program(RK_LLD ld.lld)
if(RK_LLD)
  add_link_options(-fuse-ld=lld)
endif()

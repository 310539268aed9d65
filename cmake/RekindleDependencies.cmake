# Finds what comes from outside; header-only or CMake-less libraries get small rk:: targets here.
# SPDX-License-Identifier: Apache-2.0
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)

# rk_header_library(NAME HEADER [LIBRARY]): an imported target for a header and, if named, the library behind it.
function(rk_header_library name header library)
  find_path(RK_${name}_INCLUDE ${header})
  if(NOT RK_${name}_INCLUDE)
    message(FATAL_ERROR "${header} is not installed; run tools/setup.sh, which names and installs what is missing")
  endif()
  add_library(rk_${name} INTERFACE IMPORTED GLOBAL)
  add_library(rk::${name} ALIAS rk_${name})
  if(NOT RK_${name}_INCLUDE STREQUAL "/usr/include")
    target_include_directories(rk_${name} SYSTEM INTERFACE "${RK_${name}_INCLUDE}")
  endif()
  if(library)
    find_library(RK_${name}_LIBRARY ${library} REQUIRED)
    target_link_libraries(rk_${name} INTERFACE "${RK_${name}_LIBRARY}")
  endif()
endfunction()
rk_header_library(xxhash xxhash.h xxhash)
rk_header_library(zstd zstd.h zstd)
rk_header_library(protozero protozero/pbf_reader.hpp "")
rk_header_library(cli11 CLI/CLI.hpp "")

if(RK_ONEDNN)
  # tools/setup.sh unpacks it there. Version 3 must be asked for: Debian's own package is 2.6.
  find_package(dnnl 3 CONFIG QUIET PATHS "${PROJECT_SOURCE_DIR}/build/deps/onednn" NO_DEFAULT_PATH)
  find_package(dnnl 3 CONFIG QUIET)
  if(NOT dnnl_FOUND)
    message(FATAL_ERROR "oneDNN 3 was not found; `make` or tools/setup.sh puts it into build/deps/onednn "
      "(or set dnnl_DIR, or -DRK_ONEDNN=OFF for a build without the CPU backend)")
  endif()
  # oneDNN is built on GNU OpenMP; onednn.cc tells that library to leave each call on one thread.
  add_library(rk_onednn_threads INTERFACE)
  add_library(rk::onednn_threads ALIAS rk_onednn_threads)
  target_link_libraries(rk_onednn_threads INTERFACE gomp)
endif()

if(RK_EMULATOR)
  # The static library: the program then runs where Boost is not installed.
  find_path(RK_fibers_INCLUDE boost/context/detail/fcontext.hpp)
  find_library(RK_fibers_LIBRARY NAMES libboost_context.a boost_context)
  if(NOT RK_fibers_INCLUDE OR NOT RK_fibers_LIBRARY)
    message(FATAL_ERROR "Boost.Context is not installed, which the emulator of CUDA kernels needs; tools/setup.sh "
      "installs it (or set -DRK_EMULATOR=OFF for a build without the emulator)")
  endif()
  add_library(rk_fibers INTERFACE IMPORTED GLOBAL)
  add_library(rk::fibers ALIAS rk_fibers)
  target_link_libraries(rk_fibers INTERFACE "${RK_fibers_LIBRARY}")
endif()

# Compressed .npz members; without it they are refused.
add_library(rk_zlib INTERFACE)
add_library(rk::zlib ALIAS rk_zlib)
find_package(ZLIB QUIET)
if(ZLIB_FOUND)
  target_link_libraries(rk_zlib INTERFACE ZLIB::ZLIB)
  target_compile_definitions(rk_zlib INTERFACE RK_ZLIB)
endif()

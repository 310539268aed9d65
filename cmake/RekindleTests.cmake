# Tests: tests/<module>/*_test.cc is the executable <module>_test (label fast), tests/<module>/slow/*_test.cc is
# <module>_slow_test (label slow), tests/<module>/gpu/*_test.cc is <module>_gpu_test (label gpu), *_test.py in either are Python tests of the built program; fuzz targets too.
# SPDX-License-Identifier: Apache-2.0
# The Python of the venv, which has what the tests import; without it the system's. Looked up each time: a tree
# configured before the venv was made must find it the next time.
find_program(RK_PYTHON python3 HINTS "${PROJECT_SOURCE_DIR}/build/venv/bin" NO_DEFAULT_PATH NO_CACHE)
find_program(RK_PYTHON python3 NO_CACHE)

# rk_test(NAME name LABEL label SOURCES ... USES modules): one GoogleTest executable.
function(rk_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;LABEL" "SOURCES;USES")
  cmake_path(SET results "${PROJECT_BINARY_DIR}/test-results/${arg_NAME}.xml")
  add_executable(${arg_NAME} ${arg_SOURCES})
  set_target_properties(${arg_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
  target_include_directories(${arg_NAME} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_link_libraries(${arg_NAME} PRIVATE rk_test_common ${arg_USES})
  target_precompile_headers(${arg_NAME} REUSE_FROM rk_test_pch)
  # One entry an executable: a process for each case would cost more than the cases.
  # It runs in the root, so that files of the tree are found by relative paths: objects do not depend on where
  # the tree lies, and ccache serves every checkout.
  add_test(NAME ${arg_NAME} COMMAND ${arg_NAME} "--gtest_output=xml:${results}"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  set_tests_properties(${arg_NAME} PROPERTIES LABELS "${arg_LABEL}" TIMEOUT $<IF:$<STREQUAL:${arg_LABEL},fast>,120,900>)
  if(arg_LABEL STREQUAL "gpu")  # all of a program is skipped, or nothing
    set_tests_properties(${arg_NAME} PROPERTIES SKIP_REGULAR_EXPRESSION "there is no GPU to test on")
  endif()
  if(arg_LABEL STREQUAL "fast")
    add_dependencies(fast_tests ${arg_NAME})
  endif()
endfunction()

# What a test of a module links: the module and what it may include, plus its "tests/<module>:" line of layers.txt. Tests
# in tests/examples/<name>/ link what that example has beside main.
function(rk_test_libraries module out)
  set(libraries "")
  get_filename_component(name "${module}" NAME)
  if(module MATCHES "^examples/" AND TARGET rk_example_${name})
    list(APPEND libraries rk_example_${name})
  endif()
  foreach(used IN LISTS RK_TEST_LAYER_tests/${module} RK_LAYER_${module} ITEMS ${module})
    rk_target_name(${used} name)
    if(TARGET rk_${name})
      list(APPEND libraries rk_${name})
    endif()
  endforeach()
  set(${out} "${libraries}" PARENT_SCOPE)
endfunction()

function(rk_python_tests folder name label)
  file(GLOB scripts CONFIGURE_DEPENDS "${folder}/*_test.py")
  if(scripts AND label STREQUAL "fast" AND TARGET rekindle_program)
    add_dependencies(fast_tests rekindle_program)  # these tests run it
  endif()
  foreach(script IN LISTS scripts)
    get_filename_component(stem "${script}" NAME_WE)
    add_test(NAME ${name}.${stem} COMMAND "${RK_PYTHON}" tools/run_python_test.py "${script}"
      "${PROJECT_BINARY_DIR}/test-results/${name}.${stem}.xml" WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties(${name}.${stem} PROPERTIES LABELS "${label}" TIMEOUT $<IF:$<STREQUAL:${label},fast>,300,900>
      ENVIRONMENT "REKINDLE=${PROJECT_BINARY_DIR}/rekindle;RK_SOURCE_DIR=${PROJECT_SOURCE_DIR}")
  endforeach()
endfunction()

function(rk_add_tests root)
  add_custom_target(fast_tests)
  add_library(rk_test_common INTERFACE)
  target_link_libraries(rk_test_common INTERFACE GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(rk_test_common INTERFACE "RK_SOURCE_DIR=\".\"")
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/rk_test_pch.cc" CONTENT "// Carries the precompiled header of all tests.\nint main() {}\n")
  add_executable(rk_test_pch "${PROJECT_BINARY_DIR}/rk_test_pch.cc")
  target_link_libraries(rk_test_pch PRIVATE rk_test_common)
  target_precompile_headers(rk_test_pch PRIVATE <gmock/gmock.h> <gtest/gtest.h>
    <algorithm> <cstdint> <functional> <map> <memory> <optional> <string> <variant> <vector>)

  file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE "${root}" "${root}/*_test.cc" "${root}/*_test.py")
  foreach(source IN LISTS sources)
    get_filename_component(folder "${source}" DIRECTORY)
    list(APPEND folders "${folder}")
  endforeach()
  list(REMOVE_DUPLICATES folders)
  foreach(folder IN LISTS folders)
    string(REGEX REPLACE "/slow$" "" module "${folder}")
    if(module IN_LIST RK_ALL_MODULES AND NOT module IN_LIST RK_MODULES)
      continue()
    endif()
    if(RK_EMPTY_${module})
      continue()
    endif()
    if(RK_TEST_ONLY AND NOT module IN_LIST RK_TEST_ONLY)
      continue()
    endif()
    string(REPLACE "/" "_" name "${folder}")
    set(label fast)
    if(folder MATCHES "/slow$")
      set(label slow)
    elseif(folder MATCHES "/gpu$")
      set(label gpu)
    endif()
    rk_python_tests("${root}/${folder}" ${name} ${label})
    file(GLOB files CONFIGURE_DEPENDS "${root}/${folder}/*_test.cc")
    if(files)
      rk_test_libraries(${module} libraries)
      rk_test(NAME ${name}_test LABEL ${label} SOURCES ${files} USES ${libraries})
    endif()
  endforeach()
endfunction()

# tests/fuzz/<name>_fuzz.cc is a libFuzzer program, <build>/fuzz/<name>_fuzz, linked with the modules of the line
# "tests/fuzz:" of layers.txt.
function(rk_add_fuzz_targets folder)
  add_custom_target(fuzz_targets)
  file(GLOB sources CONFIGURE_DEPENDS "${folder}/*_fuzz.cc")
  foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(${name} "${source}")
    add_dependencies(fuzz_targets ${name})
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz")
    foreach(module IN LISTS RK_TEST_LAYER_tests/fuzz)
      rk_target_name(${module} module_name)
      target_link_libraries(${name} PRIVATE rk_${module_name})
    endforeach()
  endforeach()
endfunction()

// RK_TRY, RK_CHECK and RK_ASSERT. Included by result.h only.
// SPDX-License-Identifier: Apache-2.0
#pragma once

/// RK_TRY(Graph g, parse(text)); declares g or returns the error.
#define RK_TRY(declaration, ...) RK_TRY_IMPL_(RK_CAT_(rk_try_, __LINE__), declaration, __VA_ARGS__)
/// RK_CHECK(graph.verify()); returns the error if there is one.
#define RK_CHECK(...)                              \
  do {                                             \
    ::rekindle::Status rk_status_ = (__VA_ARGS__); \
    if (!rk_status_.ok()) [[unlikely]]             \
      return rk_status_;                           \
  } while (false)
/// For our bugs only; user mistakes are a Status. Kept in release builds.
#define RK_ASSERT(condition, message)                                             \
  do {                                                                            \
    if (!(condition)) [[unlikely]]                                                \
      ::rekindle::fail_assertion(#condition, message, ::rekindle::Where::here()); \
  } while (false)

#define RK_CAT2_(a, b) a##b
#define RK_CAT_(a, b) RK_CAT2_(a, b)
#define RK_TRY_IMPL_(tmp, declaration, ...) \
  auto tmp = (__VA_ARGS__);                 \
  if (!tmp.ok()) [[unlikely]]               \
    return tmp.status();                    \
  declaration = *std::move(tmp)

// The same engine for tests that see only the public headers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

std::string relu_engine_bytes();

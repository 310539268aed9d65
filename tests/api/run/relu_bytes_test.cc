// Makes the engine for the tests that see only the public headers.
// SPDX-License-Identifier: Apache-2.0
#include "api/run/relu_bytes.h"

#include "api/run/relu_engine.h"

std::string relu_engine_bytes() { return rekindle::test::engine_of(rekindle::test::relu_plan()); }

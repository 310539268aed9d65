// cpu.cast: elements of one number type, or booleans, as another; by the rules of the op.
// SPDX-License-Identifier: Apache-2.0
//
// inputs: x. outputs: y, of the type that is wanted. Contiguous. No parameters.
#pragma once

// NumPy's files: one array in .npy, several by name in .npz.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "tensor/tensor.h"

namespace rekindle {

/// Reads .npy versions 1 to 3: booleans, integers and floats of 1 to 8 bytes, complex numbers, fixed-length
/// strings (U, S); either byte order, C or Fortran order. Anything else, pickled objects above all, is an
/// error that begins with the path.
Result<Tensor> read_npy(const std::string& path);
/// The same from memory; `name` stands in errors.
Result<Tensor> parse_npy(std::string_view bytes, const std::string& name);

/// bf16 and the 8- and 4-bit floats are stored as float32, 4- and 2-bit integers as int8 or uint8, strings as
/// U.
Status write_npy(const std::string& path, const Tensor& tensor);
Result<std::string> npy_bytes(const Tensor& tensor);

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;
/// Members that do not end in .npy are skipped; the order is the file's. Stored and deflated members are
/// read, their checksums compared; all arrays together may hold at most `most_bytes`.
Result<NamedTensors> read_npz(const std::string& path, uint64_t most_bytes = uint64_t(1) << 34);
Result<NamedTensors> parse_npz(std::string_view bytes, const std::string& name,
                               uint64_t most_bytes = uint64_t(1) << 34);
/// Stored members, no timestamps: the same tensors give the same bytes. Under 4 GiB in all.
Status write_npz(const std::string& path, const NamedTensors& tensors);
Result<std::string> npz_bytes(const NamedTensors& tensors);

}  // namespace rekindle

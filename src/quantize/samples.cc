// Finding the files, and cutting arrays into samples.
// SPDX-License-Identifier: Apache-2.0
#include "quantize/samples.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "base/printable.h"

namespace rekindle::quantize {

namespace {

namespace fs = std::filesystem;

Status bad(const std::string& file, const std::string& what) {
  return Status::error(Code::invalid_argument, printable(file) + ": " + what);
}

Result<std::vector<std::string>> files_at(const std::string& path) {
  std::error_code failed;
  const fs::file_status status = fs::status(path, failed);
  if (!fs::exists(status))
    return Status::error(Code::not_found, printable(path) + ": no such file or folder");
  if (!fs::is_directory(status)) return std::vector<std::string>{path};
  std::vector<std::string> files;
  for (fs::directory_iterator it(path, failed), end; !failed && it != end; it.increment(failed)) {
    const std::string extension = it->path().extension().string();
    if (extension == ".npy" || extension == ".npz") files.push_back(it->path().string());
  }
  if (failed) return bad(path, "cannot be listed: " + failed.message());
  if (files.empty()) return bad(path, "holds no .npy or .npz file, expected samples");
  std::sort(files.begin(), files.end());
  return files;
}

/// How many samples an array holds for an input: an error when it fits it in no way.
Result<int64_t> samples_in(const Tensor& array, const SampleInput& input) {
  const Shape& shape = input.type.shape;
  const auto fail = [&] {
    return Status::error(Code::invalid_argument, "the array for input '" + printable(input.name) + "' is " +
                                                     array.type().to_string() + ", expected " +
                                                     input.type.to_string() +
                                                     " or several along its first dim");
  };
  if (array.rank() != int(shape.size())) return fail();
  for (size_t i = 1; i < shape.size(); ++i)
    if (const auto fixed = shape[i].as_int(); fixed && *fixed != array.dims()[i]) return fail();
  if (shape.empty()) return 1;
  const int64_t each = shape[0].as_int().value_or(1), there = array.dims()[0];
  if (each <= 0 || there % each != 0) return fail();
  return there / each;
}

}  // namespace

Result<SampleSource> SampleSource::open(const std::string& path, std::vector<SampleInput> inputs) {
  SampleSource source;
  source.inputs_ = std::move(inputs);
  RK_TRY(source.files_, files_at(path));
  for (size_t f = 0; f < source.files_.size(); ++f) {
    RK_TRY(const NamedTensors arrays, source.read_file(f));
    int64_t count = -1;
    for (size_t i = 0; i < arrays.size(); ++i) {
      auto here = samples_in(arrays[i].second, source.inputs_[i]);
      if (!here.ok()) return bad(source.files_[f], here.status().message());
      if (count >= 0 && *here != count)
        return bad(source.files_[f],
                   "holds " + std::to_string(count) + " samples of '" + printable(source.inputs_[0].name) +
                       "' and " + std::to_string(*here) + " of '" + printable(source.inputs_[i].name) + "'");
      count = *here;
    }
    for (int64_t k = 0; k < count; ++k) source.samples_.push_back({f, k});
  }
  if (source.samples_.empty()) return bad(path, "holds no sample");
  return source;
}

std::string SampleSource::name(int64_t k) const {
  const Sample& sample = samples_[size_t(k)];
  return printable(files_[sample.file]) + "[" + std::to_string(sample.index) + "]";
}

Result<NamedTensors> SampleSource::read_file(size_t file) const {
  if (cached_ == file) return cache_;
  const std::string& path = files_[file];
  NamedTensors arrays;
  if (path.ends_with(".npz")) {
    RK_TRY(arrays, read_npz(path));
  } else {
    if (inputs_.size() != 1)
      return bad(path, "is one array, expected a .npz with one for each of " +
                           std::to_string(inputs_.size()) + " inputs");
    RK_TRY(Tensor array, read_npy(path));
    arrays.emplace_back(inputs_[0].name, std::move(array));
  }
  NamedTensors ordered;
  for (const SampleInput& input : inputs_) {
    const auto found =
        std::find_if(arrays.begin(), arrays.end(), [&](const auto& a) { return a.first == input.name; });
    if (found == arrays.end()) return bad(path, "has no array for input '" + printable(input.name) + "'");
    if (found->second.dtype() != input.type.dtype) {
      RK_TRY(found->second, cast(found->second, input.type.dtype));
    }
    ordered.push_back(std::move(*found));
  }
  cached_ = file;
  cache_ = ordered;
  return ordered;
}

Result<NamedTensors> SampleSource::read(int64_t k) const {
  const Sample& sample = samples_[size_t(k)];
  RK_TRY(const NamedTensors arrays, read_file(sample.file));
  NamedTensors one;
  for (size_t i = 0; i < arrays.size(); ++i) {
    const Tensor& array = arrays[i].second;
    RK_TRY(const int64_t count, samples_in(array, inputs_[i]));
    if (count == 1) {
      one.push_back(arrays[i]);
      continue;
    }
    Dims dims = array.dims();
    dims[0] /= count;
    RK_TRY(Tensor part, Tensor::make(array.dtype(), dims));
    if (part.bytes() > 0)
      std::memcpy(part.raw(), static_cast<const char*>(array.raw()) + sample.index * part.bytes(),
                  size_t(part.bytes()));
    one.emplace_back(arrays[i].first, std::move(part));
  }
  return one;
}

}  // namespace rekindle::quantize

// Opening GPUs: on a machine without a driver every call says what is missing.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/driver.h"

#include <gmock/gmock.h>

#include "backends/cuda/code.h"
#include "backends/cuda/device.h"

namespace rekindle {
namespace {

using testing::HasSubstr;

TEST(Driver, OpensOrSaysWhatIsMissing) {
  const auto device = open_cuda(0);
  const auto gpus = list_gpus();
  if (cuda::driver().ok()) {
    ASSERT_TRUE(gpus.ok());
    EXPECT_EQ(device.ok(), !gpus->empty());
    return;
  }
  ASSERT_FALSE(device.ok());
  ASSERT_FALSE(gpus.ok());
  EXPECT_EQ(device.status().code(), Code::device);
  EXPECT_THAT(device.status().message(), HasSubstr("NVIDIA driver"));
  EXPECT_THAT(device.status().message(), HasSubstr("expected a driver of CUDA 11.4 or newer"));
}

TEST(Driver, RefusesAGpuThatIsNotThere) {
  const auto device = open_cuda(999);
  ASSERT_FALSE(device.ok());
  if (cuda::driver().ok()) {
    EXPECT_THAT(device.status().message(), HasSubstr("there is no GPU number 999"));
  }
}

TEST(Code, ComesBackAsItWasWritten) {
  cuda::CodeBundle bundle;
  bundle.images = {{cuda::CodeKind::cubin, 75, "machine code"}, {cuda::CodeKind::ptx, 61, "text"}};
  const auto read = from_bytes<cuda::CodeBundle>(to_bytes(bundle));
  ASSERT_TRUE(read.ok());
  ASSERT_EQ(read->images.size(), 2u);
  EXPECT_EQ(read->images[0].sm, 75u);
  EXPECT_EQ(read->images[1].kind, cuda::CodeKind::ptx);
  EXPECT_EQ(read->images[1].bytes, "text");
  EXPECT_FALSE(from_bytes<cuda::CodeBundle>(to_bytes(bundle).substr(1)).ok());
}

}  // namespace
}  // namespace rekindle

// The only file that includes oneDNN's headers.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/onednn.h"

#include <dnnl_debug.h>

#include <dnnl.hpp>

#include "backends/cpu/onednn_slices.h"

#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
extern "C" int omp_get_max_threads();
extern "C" void omp_set_num_threads(int);
#else
#error "this oneDNN is not built on OpenMP; how it is kept on one thread a call must be said here"
#endif

namespace rekindle::cpu {

namespace {

using Dims_ = dnnl::memory::dims;
using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;
using Problem = OnednnProblem;

Status failed(const std::string& what) { return Status::error(Code::unsupported, "oneDNN: " + what); }

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

Type type_of(DType t) { return t == DType::bf16 ? Type::bf16 : Type::f32; }

/// While it lives, what oneDNN makes and runs on this thread stays there: our pool shares the work.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }  // the program may use OpenMP itself
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

/// Memory descriptions of a problem; `weights` is what the primitive reads, `plain` what the model has.
struct Shapes {
  Dims_ source, weights, bias, result;
  Tag image = Tag::nhwc, plain = Tag::oihw;
  dnnl::memory::desc plain_weights;
};

Shapes convolution_shapes(const Problem& p) {
  Shapes s;
  s.source = {p.batch, p.in_channels, p.y.in, p.x.in};
  s.result = {p.batch, p.out_channels, p.y.out, p.x.out};
  s.bias = {p.out_channels};
  const int64_t in = p.in_channels / p.group, out = p.out_channels / p.group;
  s.weights = {out, in, p.y.kernel, p.x.kernel};
  if (p.group > 1) s.weights.insert(s.weights.begin(), p.group);
  const bool turned = p.kind == Problem::Kind::conv_transpose;
  s.plain = p.group > 1 ? (turned ? Tag::giohw : Tag::goihw) : (turned ? Tag::iohw : Tag::oihw);
  s.plain_weights = {s.weights, Type::f32, s.plain};
  return s;
}

Shapes matmul_shapes(const Problem& p) {
  Shapes s;
  s.image = Tag::ab;
  if (!p.batched_weights) {
    s.source = {p.batch * p.rows, p.in_channels};
    s.weights = {p.in_channels, p.out_channels};
    s.result = {p.batch * p.rows, p.out_channels};
    s.bias = {1, p.out_channels};
    s.plain = p.transposed_weights ? Tag::ba : Tag::ab;
  } else {
    s.image = Tag::abc;
    s.source = {p.batch, p.rows, p.in_channels};
    s.weights = {p.batch, p.in_channels, p.out_channels};
    s.result = {p.batch, p.rows, p.out_channels};
    s.bias = {1, 1, p.out_channels};
    s.plain = p.transposed_weights ? Tag::acb : Tag::abc;
  }
  s.plain_weights = {s.weights, Type::f32, s.plain};
  return s;
}

void append(dnnl::post_ops& posts, const PostOp& post, const dnnl::memory::desc* operand) {
  using A = dnnl::algorithm;
  using K = PostOp::Kind;
  switch (post.kind) {
    case K::relu:
      return posts.append_eltwise(A::eltwise_relu, post.alpha, 0);
    case K::clip:
      return posts.append_eltwise(A::eltwise_clip, post.alpha, post.beta);
    case K::elu:
      return posts.append_eltwise(A::eltwise_elu, post.alpha, 0);
    case K::sigmoid:
      return posts.append_eltwise(A::eltwise_logistic, 0, 0);
    case K::silu:
      return posts.append_eltwise(A::eltwise_swish, post.alpha, 0);
    case K::hard_sigmoid:
      return posts.append_eltwise(A::eltwise_hardsigmoid, post.alpha, post.beta);
    case K::hard_swish:
      return posts.append_eltwise(A::eltwise_hardswish, 1.0f / 6, 0.5f);
    case K::tanh:
      return posts.append_eltwise(A::eltwise_tanh, 0, 0);
    case K::gelu_erf:
      return posts.append_eltwise(A::eltwise_gelu_erf, 0, 0);
    case K::gelu_tanh:
      return posts.append_eltwise(A::eltwise_gelu_tanh, 0, 0);
    case K::mish:
      return posts.append_eltwise(A::eltwise_mish, 0, 0);
    case K::add:
      return posts.append_binary(A::binary_add, *operand);
    case K::sub:
      return posts.append_binary(A::binary_sub, *operand);
    case K::mul:
      return posts.append_binary(A::binary_mul, *operand);
    case K::div:
      return posts.append_binary(A::binary_div, *operand);
    case K::max:
      return posts.append_binary(A::binary_max, *operand);
    case K::min:
      return posts.append_binary(A::binary_min, *operand);
  }
}

/// The name of a format; empty when oneDNN has none for it.
std::string name_of(const dnnl::memory::desc& desc) {
  const Dims_ dims = desc.get_dims();
  for (int tag = dnnl_format_tag_any + 1; tag < dnnl_format_tag_last; ++tag) {
    const dnnl::memory::desc candidate(dims, desc.get_data_type(), Tag(tag), true);
    if (candidate && candidate == desc) return dnnl_fmt_tag2str(dnnl_format_tag_t(tag));
  }
  return "";
}

Result<Tag> tag_named(const std::string& name) {
  for (int tag = dnnl_format_tag_any + 1; tag < dnnl_format_tag_last; ++tag)
    if (name == dnnl_fmt_tag2str(dnnl_format_tag_t(tag))) return Tag(tag);
  return Status::error(Code::data_loss,
                       "oneDNN " + onednn_version() + " knows no weight format '" + name.substr(0, 40) + "'");
}

/// What the three kinds of primitives have in common once they are made.
class Made final : public OnednnPrimitive {
 public:
  template <class Primitive>
  Made(const Primitive& primitive, const typename Primitive::primitive_desc& desc, const Shapes& shapes,
       const Problem& problem, std::vector<dnnl::memory::desc> operands)
      : primitive_(primitive),
        stream_(cpu_engine()),
        implementation_(desc.impl_info_str()),
        weights_(desc.weights_desc()),
        plain_(shapes.plain_weights),
        scratch_bytes_(int64_t(desc.scratchpad_desc().get_size())) {
    add(DNNL_ARG_SRC, desc.src_desc());
    add(DNNL_ARG_WEIGHTS, weights_);
    add(DNNL_ARG_DST, desc.dst_desc());
    add(DNNL_ARG_SCRATCHPAD, desc.scratchpad_desc());
    if (problem.has_bias) add(DNNL_ARG_BIAS, desc.bias_desc());
    has_bias_ = problem.has_bias;
    for (size_t i = 0; i < problem.tail.size(); ++i) {
      const int operand = problem.tail[i].operand;
      if (operand < 0) continue;
      add(DNNL_ARG_ATTR_MULTIPLE_POST_OP(int(i)) | DNNL_ARG_SRC_1, operands[size_t(operand)]);
      operand_of_.push_back(operand);
    }
  }

  std::string implementation() const override { return implementation_; }
  std::string weights_format() const override { return name_of(weights_); }
  int64_t weights_bytes() const override { return int64_t(weights_.get_size()); }
  int64_t scratch_bytes() const override { return scratch_bytes_; }

  Result<Tensor> pack(const Tensor& plain) const override {
    if (plain.dtype() != DType::f32 || plain.bytes() != int64_t(plain_.get_size()))
      return failed("weights of " + plain.type().to_string() + " do not fit the problem");
    const bool is_bf16 = weights_.get_data_type() == Type::bf16;
    Tensor packed(is_bf16 ? DType::bf16 : DType::f32, {weights_bytes() / (is_bf16 ? 2 : 4)});
    RK_CHECK(reorder(plain_, plain.raw(), packed.raw()));
    return packed;
  }
  Status repack(const std::string& format, int64_t bytes, const void* from, void* to) const override {
    RK_TRY(const Tag tag, tag_named(format));
    try {
      const dnnl::memory::desc desc(weights_.get_dims(), weights_.get_data_type(), tag);
      if (int64_t(desc.get_size()) != bytes)
        return failed("weights in format " + format + " have " + std::to_string(bytes) + " bytes, expected " +
                      std::to_string(desc.get_size()));
      return reorder(desc, from, to);
    } catch (const dnnl::error& e) {
      return failed("weights in format " + format + ": " + e.what());
    }
  }

  Status run(const void* source, const void* weights, const float* bias, const float* const* operands,
             float* result, void* scratch) override {
    size_t at = 0;
    set(at++, source), set(at++, weights), set(at++, result), set(at++, scratch);
    if (has_bias_) set(at++, bias);
    for (const int operand : operand_of_) set(at++, operands[operand]);
    const OneThread scope;
    const dnnl_status_t status =
        dnnl_primitive_execute(primitive_.get(), stream_.get(), int(arguments_.size()), arguments_.data());
    if (status != dnnl_success)
      return Status::error(Code::internal,
                           "oneDNN: " + implementation_ + " stopped with " + dnnl_status2str(status));
    return {};
  }

 private:
  void add(int argument, const dnnl::memory::desc& desc) {
    memories_.push_back(dnnl::memory(desc, cpu_engine(), DNNL_MEMORY_NONE));
    arguments_.push_back({argument, memories_.back().get()});
  }
  void set(size_t i, const void* data) {
    dnnl_memory_set_data_handle(arguments_[i].memory, const_cast<void*>(data));
  }
  Status reorder(const dnnl::memory::desc& from_desc, const void* from, void* to) const {
    const OneThread scope;
    try {
      dnnl::memory source(from_desc, cpu_engine(), const_cast<void*>(from)),
          target(weights_, cpu_engine(), to);
      dnnl::stream stream(cpu_engine());
      dnnl::reorder(source, target).execute(stream, source, target);
      stream.wait();
    } catch (const dnnl::error& e) {
      return failed(std::string("packing weights: ") + e.what());
    }
    return {};
  }

  dnnl::primitive primitive_;
  dnnl::stream stream_;
  std::string implementation_;
  dnnl::memory::desc weights_, plain_;
  int64_t scratch_bytes_;
  bool has_bias_ = false;
  std::vector<dnnl::memory> memories_;  // handles are shared, so growing moves nothing
  std::vector<dnnl_exec_arg_t> arguments_;
  std::vector<int> operand_of_;
};

template <class Primitive, class... Args>
std::unique_ptr<OnednnPrimitive> made(const Shapes& shapes, const Problem& problem,
                                      std::vector<dnnl::memory::desc> operands, Args&&... args) {
  const typename Primitive::primitive_desc desc(cpu_engine(), std::forward<Args>(args)...);
  return std::make_unique<Made>(Primitive(desc), desc, shapes, problem, std::move(operands));
}

std::unique_ptr<OnednnPrimitive> make_with(const Problem& p, const Shapes& shapes, Tag weights_tag) {
  const Type type = type_of(p.compute);
  const dnnl::memory::desc weights(shapes.weights, type, weights_tag),
      result(shapes.result, Type::f32, shapes.image);
  const dnnl::memory::desc bias = p.has_bias ? dnnl::memory::desc(shapes.bias, Type::f32,
                                                                  shapes.bias.size() == 1   ? Tag::a
                                                                  : shapes.bias.size() == 2 ? Tag::ab
                                                                                            : Tag::abc)
                                             : dnnl::memory::desc();
  Tag source_tag = shapes.image;
  if (p.transposed_source) source_tag = shapes.image == Tag::ab ? Tag::ba : Tag::acb;
  const dnnl::memory::desc source(shapes.source, type, source_tag);
  std::vector<dnnl::memory::desc> operands;
  const size_t channel_axis = p.kind == Problem::Kind::matmul ? shapes.result.size() - 1 : 1;
  for (const Problem::Spread spread : p.operands) {
    Dims_ dims(shapes.result.size(), 1);
    if (spread == Problem::Spread::channels) dims[channel_axis] = p.out_channels;
    operands.emplace_back(spread == Problem::Spread::whole ? shapes.result : dims, Type::f32, shapes.image);
  }
  dnnl::post_ops posts;
  for (const PostOp& post : p.tail)
    append(posts, post, post.operand < 0 ? nullptr : &operands[size_t(post.operand)]);
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attr.set_post_ops(posts);
  const auto inference = dnnl::prop_kind::forward_inference;
  const Dims_ strides{p.y.stride, p.x.stride}, dilations{p.y.dilation - 1, p.x.dilation - 1};
  const Dims_ begin{p.y.begin, p.x.begin}, end{p.y.end, p.x.end};
  switch (p.kind) {
    case Problem::Kind::conv:
      return made<dnnl::convolution_forward>(shapes, p, operands, inference,
                                             dnnl::algorithm::convolution_direct, source, weights, bias,
                                             result, strides, dilations, begin, end, attr);
    case Problem::Kind::conv_transpose:
      return made<dnnl::deconvolution_forward>(shapes, p, operands, inference,
                                               dnnl::algorithm::deconvolution_direct, source, weights, bias,
                                               result, strides, dilations, begin, end, attr);
    case Problem::Kind::matmul:
      return made<dnnl::matmul>(shapes, p, operands, source, weights, bias, result, attr);
  }
  return nullptr;
}

}  // namespace

Isa onednn_isa() {
  const auto isa = unsigned(dnnl_get_effective_cpu_isa());
  const auto has = [&](dnnl_cpu_isa_t level) { return (isa & unsigned(level)) == unsigned(level); };
  return has(dnnl_cpu_isa_avx512_core) ? Isa::avx512 : has(dnnl_cpu_isa_avx2) ? Isa::avx2 : Isa::baseline;
}

bool onednn_has_bf16() {
  const auto isa = unsigned(dnnl_get_effective_cpu_isa());
  return (isa & unsigned(dnnl_cpu_isa_avx512_core_bf16)) == unsigned(dnnl_cpu_isa_avx512_core_bf16);
}

std::string onednn_version() {
  const dnnl_version_t* v = dnnl_version();
  return std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
}

bool OnednnPrimitive::is_reference() const { return implementation().starts_with("ref"); }

Result<std::unique_ptr<OnednnPrimitive>> make_whole_onednn(const OnednnProblem& problem) {
  for (const PostOp& post : problem.tail)
    if (post.operand >= int(problem.operands.size()))
      return failed("a tail reads an operand that is not there");
  const OneThread scope;
  try {
    const Shapes shapes =
        problem.kind == OnednnProblem::Kind::matmul ? matmul_shapes(problem) : convolution_shapes(problem);
    if (problem.weights_format.empty()) return make_with(problem, shapes, Tag::any);
    if (problem.weights_format == "plain") return make_with(problem, shapes, shapes.plain);
    RK_TRY(const Tag tag, tag_named(problem.weights_format));
    return make_with(problem, shapes, tag);
  } catch (const dnnl::error& e) {
    return failed(e.what());
  } catch (const std::bad_alloc&) {
    return Status::error(Code::out_of_memory, "oneDNN found no memory for a primitive");
  }
}

}  // namespace rekindle::cpu

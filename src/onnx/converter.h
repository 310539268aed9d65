// A converter turns one ONNX op into IR ops. converters.def is the table of all of them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "onnx/builder.h"
#include "onnx/node_reader.h"

namespace rekindle::onnx {

/// The values of the node's outputs, in order; trailing ones that it does not make may be left out, none
/// marks one in between. Attributes are checked after it returns.
using Convert = Result<Values> (*)(NodeReader& node, Builder& build);

struct Converter {
  std::string_view domain, op_type;  // "" is ai.onnx
  int since, until;                  // opset versions
  size_t least_inputs, most_inputs;  // the first `least_inputs` must be present
  Convert convert;
};
inline constexpr size_t kAny = 1 << 20;
inline constexpr int kNewestOpset = 28;  // of the default domain

std::span<const Converter> converters();
/// Null when there is none for this opset.
const Converter* find_converter(std::string_view domain, std::string_view op_type, int opset);
/// "opset 1 to 9", "opset 12 and later": where the op exists; empty when it is not known at all.
std::string known_opsets(std::string_view domain, std::string_view op_type);

// The functions of converters.def.
#define RK_CONVERT(function) Result<Values> function(NodeReader& node, Builder& build);
RK_CONVERT(convert_adagrad)
RK_CONVERT(convert_adam)
RK_CONVERT(convert_affine_grid)
RK_CONVERT(convert_arg_reduce)
RK_CONVERT(convert_array_feature_extractor)
RK_CONVERT(convert_attention)
RK_CONVERT(convert_average_pool)
RK_CONVERT(convert_batch_norm)
RK_CONVERT(convert_bernoulli)
RK_CONVERT(convert_bias_gelu)
RK_CONVERT(convert_binarizer)
RK_CONVERT(convert_bit_cast)
RK_CONVERT(convert_bit_shift)
RK_CONVERT(convert_cast)
RK_CONVERT(convert_cast_like)
RK_CONVERT(convert_causal_conv_with_state)
RK_CONVERT(convert_center_crop_pad)
RK_CONVERT(convert_clip)
RK_CONVERT(convert_col2im)
RK_CONVERT(convert_compress)
RK_CONVERT(convert_concat)
RK_CONVERT(convert_concat_from_sequence)
RK_CONVERT(convert_constant)
RK_CONVERT(convert_constant_of_shape)
RK_CONVERT(convert_conv)
RK_CONVERT(convert_conv_integer)
RK_CONVERT(convert_conv_transpose)
RK_CONVERT(convert_cumulative)
RK_CONVERT(convert_deform_conv)
RK_CONVERT(convert_depth_to_space)
RK_CONVERT(convert_dequantize_linear)
RK_CONVERT(convert_det)
RK_CONVERT(convert_dft)
RK_CONVERT(convert_dropout)
RK_CONVERT(convert_dynamic_quantize_linear)
RK_CONVERT(convert_einsum)
RK_CONVERT(convert_expand)
RK_CONVERT(convert_eye_like)
RK_CONVERT(convert_flatten)
RK_CONVERT(convert_flex_attention)
RK_CONVERT(convert_fused_conv)
RK_CONVERT(convert_fused_matmul)
RK_CONVERT(convert_gather)
RK_CONVERT(convert_gather_elements)
RK_CONVERT(convert_gather_nd)
RK_CONVERT(convert_gelu)
RK_CONVERT(convert_gemm)
RK_CONVERT(convert_global_pool)
RK_CONVERT(convert_grid_sample)
RK_CONVERT(convert_group_norm)
RK_CONVERT(convert_gru)
RK_CONVERT(convert_hard_sigmoid)
RK_CONVERT(convert_identity)
RK_CONVERT(convert_if)
RK_CONVERT(convert_instance_norm)
RK_CONVERT(convert_is_inf)
RK_CONVERT(convert_label_encoder)
RK_CONVERT(convert_layer_norm)
RK_CONVERT(convert_linear_attention)
RK_CONVERT(convert_loop)
RK_CONVERT(convert_lp_normalization)
RK_CONVERT(convert_lp_pool)
RK_CONVERT(convert_lrn)
RK_CONVERT(convert_lstm)
RK_CONVERT(convert_matmul)
RK_CONVERT(convert_matmul_integer)
RK_CONVERT(convert_max_pool)
RK_CONVERT(convert_max_unpool)
RK_CONVERT(convert_mean)
RK_CONVERT(convert_mean_variance_normalization)
RK_CONVERT(convert_mel_weight_matrix)
RK_CONVERT(convert_mod)
RK_CONVERT(convert_momentum)
RK_CONVERT(convert_multinomial)
RK_CONVERT(convert_nll_loss)
RK_CONVERT(convert_non_max_suppression)
RK_CONVERT(convert_non_zero)
RK_CONVERT(convert_one_hot)
RK_CONVERT(convert_optional)
RK_CONVERT(convert_optional_get_element)
RK_CONVERT(convert_optional_has_element)
RK_CONVERT(convert_pad)
RK_CONVERT(convert_pow)
RK_CONVERT(convert_prelu)
RK_CONVERT(convert_qlinear_conv)
RK_CONVERT(convert_qlinear_matmul)
RK_CONVERT(convert_quantize_linear)
RK_CONVERT(convert_random)
RK_CONVERT(convert_range)
RK_CONVERT(convert_reduce)
RK_CONVERT(convert_regex_full_match)
RK_CONVERT(convert_reshape)
RK_CONVERT(convert_resize)
RK_CONVERT(convert_reverse_sequence)
RK_CONVERT(convert_rms_norm)
RK_CONVERT(convert_rnn)
RK_CONVERT(convert_roi_align)
RK_CONVERT(convert_rotary_embedding)
RK_CONVERT(convert_scan)
RK_CONVERT(convert_scatter_elements)
RK_CONVERT(convert_scatter_nd)
RK_CONVERT(convert_selu)
RK_CONVERT(convert_sequence_at)
RK_CONVERT(convert_sequence_construct)
RK_CONVERT(convert_sequence_empty)
RK_CONVERT(convert_sequence_erase)
RK_CONVERT(convert_sequence_insert)
RK_CONVERT(convert_sequence_length)
RK_CONVERT(convert_sequence_map)
RK_CONVERT(convert_shape)
RK_CONVERT(convert_shrink)
RK_CONVERT(convert_size)
RK_CONVERT(convert_skip_layer_norm)
RK_CONVERT(convert_slice)
RK_CONVERT(convert_softmax)
RK_CONVERT(convert_softmax_cross_entropy_loss)
RK_CONVERT(convert_space_to_depth)
RK_CONVERT(convert_split)
RK_CONVERT(convert_split_to_sequence)
RK_CONVERT(convert_squeeze)
RK_CONVERT(convert_stft)
RK_CONVERT(convert_string_concat)
RK_CONVERT(convert_string_normalizer)
RK_CONVERT(convert_string_split)
RK_CONVERT(convert_swiglu)
RK_CONVERT(convert_swish)
RK_CONVERT(convert_tensor_scatter)
RK_CONVERT(convert_tfidf_vectorizer)
RK_CONVERT(convert_tile)
RK_CONVERT(convert_top_k)
RK_CONVERT(convert_transpose)
RK_CONVERT(convert_tree_ensemble)
RK_CONVERT(convert_trilu)
RK_CONVERT(convert_unique)
RK_CONVERT(convert_unsqueeze)
RK_CONVERT(convert_upsample)
RK_CONVERT(convert_where)
RK_CONVERT(convert_window)
#undef RK_CONVERT

/// A one-value result.
inline Result<Values> one(Result<ValueId> value) {
  if (!value.ok()) return value.status();
  return Values{*value};
}
inline Status invalid(std::string message) {
  return Status::error(Code::invalid_argument, std::move(message));
}
inline Status unsupported(std::string message) {
  return Status::error(Code::unsupported, std::move(message));
}

}  // namespace rekindle::onnx

// A cursor over IR text: tokens, and errors that name line and column.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "base/result.h"
#include "ir/graph_fwd.h"
#include "tensor/type.h"

namespace rekindle {

class TextReader {
 public:
  TextReader(std::string_view text, const OpTable& ops, const ConstantTable* constants)
      : text_(text), ops_(&ops), constants_(constants) {}
  void skip_space();  // blanks, line ends, and comments from # to the end of the line
  bool at_end();
  char peek();                           // next character after space, 0 at the end
  bool accept(std::string_view symbol);  // takes it when it comes next
  Status expect(std::string_view symbol);
  Result<std::string> identifier();  // [A-Za-z_][A-Za-z0-9_]*
  Result<std::string> value_name();  // %name, where a name is [A-Za-z0-9_.]+, or %"any text"
  Result<std::string> graph_name();  // @name or @"any text"
  Result<std::string> quoted();      // "text" with \n \t \\ \" \xHH
  Result<double> number();           // also inf, -inf, nan
  Result<int64_t> integer();
  Result<std::string_view> number_text();  // the characters of a number of any type
  Result<TensorType> type();               // f32[N, 3]
  bool accept_number_sign();               // a "#" that starts a constant's number, not a comment
  /// Characters up to (not with) the first of `stops` at bracket depth 0.
  std::string_view until(std::string_view stops);
  Status error(const std::string& message) const;  // "line 3, column 7: …"
  const OpTable& ops() const { return *ops_; }
  const ConstantTable* constants() const { return constants_; }
  int depth = 0;  // nested graphs so far; refused past 64
  size_t position() const { return at_; }
  size_t left() const { return text_.size() - at_; }

 private:
  Result<std::string> name_after(char sign, std::string_view what);
  std::string_view text_;
  size_t at_ = 0;
  const OpTable* ops_;
  const ConstantTable* constants_;
};

/// "text" with what TextReader::quoted() undoes.
std::string quote(std::string_view text);
/// The name as it stands after % or @: itself, or quoted when it is not plain.
std::string printed_name(std::string_view name);
/// A number that reads back as the same bits: shortest decimal, inf, -inf, nan.
std::string number_text(float value);
std::string number_text(double value);

}  // namespace rekindle

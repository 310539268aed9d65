// A cursor over IR text: tokens, and errors that name line and column.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "ir/graph_fwd.h"
#include "base/result.h"

namespace rekindle {

struct ConstantTable;

class TextReader {
 public:
  TextReader(std::string_view text, const OpTable& ops, const ConstantTable* constants)
      : text_(text), ops_(ops), constants_(constants) {}
  void skip_space();  // blanks, line ends, and comments from # to the end of the line ("#3" after "const" is no comment)
  bool at_end();
  char peek();                           // next character after space, 0 at the end
  bool accept(std::string_view symbol);  // takes it when it comes next
  Status expect(std::string_view symbol);
  Result<std::string> identifier();      // [A-Za-z_][A-Za-z0-9_]*
  Result<std::string> value_name();      // %name or %"any text"
  Result<std::string> quoted();          // "text" with \n \t \\ \" \xHH
  Result<double> number();               // also inf, -inf, nan
  Result<int64_t> integer();
  /// Characters up to (not with) the first of `stops` at bracket depth 0.
  std::string_view until(std::string_view stops);
  Status error(const std::string& message) const;  // "line 3, column 7: …"
  const OpTable& ops() const { return ops_; }
  const ConstantTable* constants() const { return constants_; }
  int depth = 0;  // nested graphs so far; refused past 64
  size_t position() const { return at_; }

 private:
  std::string_view text_;
  size_t at_ = 0;
  const OpTable& ops_;
  const ConstantTable* constants_;
};

/// "text" with what TextReader::quoted() undoes.
std::string quote(std::string_view text);

}  // namespace rekindle

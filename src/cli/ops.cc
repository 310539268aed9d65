// rekindle ops: every op of the IR and every ONNX op that is imported, printed from the tables themselves.
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <algorithm>
#include <climits>
#include <cstdio>
#include <map>
#include <memory>

#include "cli/command.h"
#include "onnx/converter.h"
#include "ops/table.h"

namespace rekindle::cli {

namespace {

struct Arguments {
  std::string json;
  bool markdown = false;
};

std::string fields_text(const Op& op) {
  std::string text;
  for (const auto& [name, value] : op.field_texts())
    text += (text.empty() ? "" : ", ") + (value.empty() ? name : name + "=" + value);
  return text;
}

/// "1 to 12, 13 and later"
std::string opsets_text(const onnx::Converter& c) {
  if (c.until == INT_MAX) return std::to_string(c.since) + " and later";
  return c.since == c.until ? std::to_string(c.since)
                            : std::to_string(c.since) + " to " + std::to_string(c.until);
}

std::string inputs_text(const onnx::Converter& c) {
  if (c.most_inputs >= onnx::kAny) return std::to_string(c.least_inputs) + " or more";
  if (c.least_inputs == c.most_inputs) return std::to_string(c.least_inputs);
  return std::to_string(c.least_inputs) + " to " + std::to_string(c.most_inputs);
}

std::vector<const onnx::Converter*> sorted_converters() {
  std::vector<const onnx::Converter*> list;
  for (const onnx::Converter& c : onnx::converters()) list.push_back(&c);
  std::stable_sort(list.begin(), list.end(), [](const auto* a, const auto* b) {
    return std::tuple(a->domain, a->op_type, a->since) < std::tuple(b->domain, b->op_type, b->since);
  });
  return list;
}

std::string shown_domain(const onnx::Converter& c) {
  return c.domain.empty() ? "ai.onnx" : std::string(c.domain);
}

/// '|' would end a cell.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? "\\|" : std::string(1, c);
  return out;
}

void print_markdown() {
  std::printf(
      "# Ops\n\nPrinted by `rekindle ops --markdown`.\n\n## Ops of the IR\n\n| Op | Kind | Attributes and "
      "defaults |\n"
      "| --- | --- | --- |\n");
  for (const Op& op : ops::all()) {
    const std::string fields = fields_text(op);
    std::printf("| `%s` | %s | %s |\n", std::string(op.name()).c_str(),
                std::string(enum_name(op.kind())).c_str(),
                fields.empty() ? "" : ("`" + cell(fields) + "`").c_str());
  }
  std::printf(
      "\n## ONNX ops that are imported\n\nUp to opset %d of ai.onnx.\n\n| Op | Domain | Opsets | Inputs |\n"
      "| --- | --- | --- | --- |\n",
      onnx::kNewestOpset);
  for (const onnx::Converter* c : sorted_converters())
    std::printf("| %s | %s | %s | %s |\n", std::string(c->op_type).c_str(), shown_domain(*c).c_str(),
                opsets_text(*c).c_str(), inputs_text(*c).c_str());
}

void print_tables() {
  std::printf("ops of the IR\n");
  for (const Op& op : ops::all())
    std::printf("  %-24s %-12s %s\n", std::string(op.name()).c_str(),
                std::string(enum_name(op.kind())).c_str(), fields_text(op).c_str());
  std::printf("\nONNX ops that are imported, up to opset %d\n", onnx::kNewestOpset);
  for (const onnx::Converter* c : sorted_converters())
    std::printf("  %-32s %-14s %-14s %s inputs\n", std::string(c->op_type).c_str(), shown_domain(*c).c_str(),
                opsets_text(*c).c_str(), inputs_text(*c).c_str());
}

Json tables_json() {
  Json json;
  json["newest_opset"] = onnx::kNewestOpset;
  for (const Op& op : ops::all()) {
    Json entry;
    entry["name"] = std::string(op.name());
    entry["kind"] = std::string(enum_name(op.kind()));
    entry["attributes"] = Json::array();
    for (const auto& [name, value] : op.field_texts())
      entry["attributes"].push_back({{"name", name}, {"default", value}});
    json["ops"].push_back(std::move(entry));
  }
  for (const onnx::Converter* c : sorted_converters()) {
    Json entry;
    entry["name"] = std::string(c->op_type);
    entry["domain"] = std::string(c->domain);
    entry["since"] = c->since;
    entry["until"] = c->until == INT_MAX ? Json() : Json(c->until);
    entry["least_inputs"] = c->least_inputs;
    entry["most_inputs"] = c->most_inputs >= onnx::kAny ? Json() : Json(c->most_inputs);
    json["onnx"].push_back(std::move(entry));
  }
  return json;
}

Result<int> list_ops(const Arguments& a) {
  if (!a.json.empty()) RK_CHECK(write_json(tables_json(), a.json));
  if (a.json == "-") return kOk;
  if (a.markdown)
    print_markdown();
  else
    print_tables();
  return kOk;
}

}  // namespace

void add_ops(CLI::App& app, Command& chosen) {
  auto* command = app.add_subcommand("ops", "List the ops and the ONNX ops that become them");
  auto a = std::make_shared<Arguments>();
  command->add_flag("--markdown", a->markdown, "as a page of the documentation");
  command->add_option("--json", a->json, "write the tables; - is stdout");
  command->footer("Example:\n  rekindle ops --markdown > ops.md");
  command->callback([a, &chosen] { chosen.run = [a] { return list_ops(*a); }; });
}

}  // namespace rekindle::cli

// Graphviz text of plans and graphs, and the call of `dot`.
// SPDX-License-Identifier: Apache-2.0
#include "cli/drawing.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>

#include "base/file.h"
#include "base/printable.h"

namespace rekindle::cli {

namespace {

constexpr const char* kHead =
    "digraph engine {\n  rankdir=TB;\n  node [shape=box, style=\"rounded,filled\", fillcolor=\"#eef3fb\", "
    "fontname=\"Helvetica\", fontsize=10];\n  edge [fontname=\"Helvetica\", fontsize=8, "
    "color=\"#555555\"];\n";

/// A quoted string of graphviz; long lines are cut, since a box must stay readable.
std::string quoted(const std::string& label) {
  const std::string text = printable_lines(label);
  std::string out = "\"";
  size_t column = 0;
  for (const char c : text) {
    column = c == '\n' ? 0 : column + 1;
    if (column == 64) out += "...";
    if (column >= 64) continue;
    if (c == '\n')
      out += "\\n";
    else if (c == '"' || c == '\\')
      out += std::string("\\") + c;
    else if (static_cast<unsigned char>(c) >= ' ')
      out += c;
  }
  return out + "\"";
}

class Drawing {
 public:
  void box(const std::string& id, const std::string& text, const char* look = "") {
    text_ += "  " + id + " [label=" + quoted(text) + look + "];\n";
  }
  void edge(const std::string& from, const std::string& to, const std::string& text) {
    text_ += "  " + from + " -> " + to + " [label=" + quoted(text) + "];\n";
  }
  void open(const std::string& id, const std::string& title) {
    text_ += "  subgraph cluster_" + id + " {\n  label=" + quoted(title) + ";\n";
  }
  void close() { text_ += "  }\n"; }
  std::string take() && { return std::move(text_) + "}\n"; }

 private:
  std::string text_ = kHead;
};

constexpr const char* kInputLook = ", shape=ellipse, fillcolor=\"#e7f6e7\"";
constexpr const char* kOutputLook = ", shape=ellipse, fillcolor=\"#fbeee0\"";

/// Which steps a view's bytes come from. Parts of a concatenation are written by several steps; a step that
/// writes the whole buffer hides those before it.
class Writers {
 public:
  explicit Writers(const Plan& plan) : plan_(plan), writes_(plan.buffers.size()) {}
  void wrote(uint32_t view, const std::string& box) {
    writes_[plan_.views[view].buffer].push_back({view, box});
  }
  std::vector<std::string> of(uint32_t view) const {
    const auto& list = writes_[plan_.views[view].buffer];
    std::vector<std::string> boxes;
    for (auto w = list.rbegin(); w != list.rend(); ++w) {
      boxes.push_back(w->box);
      if (w->view == view || covers(w->view)) break;
    }
    return boxes;
  }

 private:
  struct Write {
    uint32_t view;
    std::string box;
  };
  bool covers(uint32_t view) const {
    const View& v = plan_.views[view];
    return v.offset.is(0) && v.strides.empty() && contiguous_bytes(v.type) == plan_.buffers[v.buffer].bytes;
  }
  const Plan& plan_;
  std::vector<std::vector<Write>> writes_;
};

std::string step_text(const Plan& plan, const Step& s) {
  std::string text = s.label.empty() ? std::string(enum_name(s.kind)) : s.label;
  if (s.kind == StepKind::kernel) text += "\n" + plan.kernels[s.kernel].tactic;
  const double us = s.measured_us > 0 ? s.measured_us : s.predicted_us;
  char time[32];
  std::snprintf(time, sizeof time, "\n%s%.1f us", s.measured_us > 0 ? "" : "~", us);
  return us > 0 ? text + time : text;
}

void draw_plan(Drawing& d, const Plan& plan, const std::string& prefix) {
  Writers writers(plan);
  for (size_t i = 0; i < plan.bindings.size(); ++i) {
    const Binding& b = plan.bindings[i];
    const std::string box = prefix + "b" + std::to_string(i);
    d.box(box, b.name + "\n" + b.type.to_string(), b.is_input ? kInputLook : kOutputLook);
    if (b.is_input) writers.wrote(plan.binding_views[i], box);
  }
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& s = plan.steps[i];
    const std::string box = prefix + "s" + std::to_string(i);
    d.box(box, step_text(plan, s));
    for (const uint32_t v : s.inputs) {
      if (v == kNone || plan.buffers[plan.views[v].buffer].place == Place::weight) continue;
      for (const std::string& from : writers.of(v)) d.edge(from, box, plan.views[v].type.to_string());
    }
    for (const uint32_t v : s.outputs)
      if (v != kNone) writers.wrote(v, box);
    for (size_t k = 0; k < s.subplans.size(); ++k) {
      const std::string inner = box + "_" + std::to_string(k);
      d.open(inner, std::string(enum_name(s.kind)) + " of step " + std::to_string(i) + ", part " +
                        std::to_string(k));
      draw_plan(d, plan.subplans[s.subplans[k]], inner);
      d.close();
    }
  }
  for (size_t i = 0; i < plan.bindings.size(); ++i)
    if (!plan.bindings[i].is_input)
      for (const std::string& from : writers.of(plan.binding_views[i]))
        d.edge(from, prefix + "b" + std::to_string(i), "");
}

Status run_dot(const std::string& format, const std::string& source, const std::string& path) {
  std::string program = "dot", flag = "-T" + format, option = "-o";
  std::string from = source, to = path;
  char* const arguments[] = {program.data(), flag.data(), option.data(), to.data(), from.data(), nullptr};
  pid_t child = 0;
  const int error = posix_spawnp(&child, "dot", nullptr, nullptr, arguments, environ);
  if (error == ENOENT)
    return Status::error(Code::not_found,
                         "the program 'dot' is not on the PATH, expected graphviz to be installed "
                         "(Debian: apt install graphviz), or a name that ends in .dot");
  if (error != 0)
    return Status::error(Code::device, std::string("cannot start 'dot': ") + std::strerror(error));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    return Status::error(Code::not_found,
                         "the program 'dot' cannot be run, expected graphviz to be installed");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return Status::error(Code::device, "'dot' failed while drawing " + path);
  return {};
}

}  // namespace

std::string drawing_of(const Plan& plan) {
  Drawing d;
  draw_plan(d, plan, "");
  return std::move(d).take();
}

std::string drawing_of(const Graph& graph) {
  Drawing d;
  std::map<ValueId, std::string> made_by;
  const auto name_of = [&](ValueId v) { return graph[v].name + "\n" + graph[v].type.to_string(); };
  for (const ValueId v : graph.inputs) {
    made_by[v] = "v" + std::to_string(size_t(v));
    d.box(made_by[v], name_of(v), kInputLook);
  }
  for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n)) {
    const Node& node = graph[n];
    const std::string box = "n" + std::to_string(size_t(n));
    d.box(box, std::string(node.op.name()) + (node.op.graphs().empty() ? node.op.attributes() : ""));
    for (const ValueId v : node.inputs)
      if (v != ValueId::none && made_by.contains(v)) d.edge(made_by[v], box, graph[v].type.to_string());
    for (const ValueId v : node.outputs) made_by[v] = box;
  }
  for (const ValueId v : graph.outputs) {
    const std::string box = "o" + std::to_string(size_t(v));
    d.box(box, name_of(v), kOutputLook);
    if (made_by.contains(v)) d.edge(made_by[v], box, "");
  }
  return std::move(d).take();
}

Status draw(const std::string& dot_text, const std::string& path) {
  const std::string ending = std::filesystem::path(path).extension().string();
  if (ending == ".dot") return write_file_atomically(path, dot_text);
  if (ending != ".svg" && ending != ".png" && ending != ".pdf")
    return Status::error(Code::invalid_argument, "'" + path + "' ends in none of .svg, .png, .pdf, .dot");
  const std::string source = path + ".dot";
  RK_CHECK(write_file_atomically(source, dot_text));
  const Status drawn = run_dot(ending.substr(1), source, path);
  std::remove(source.c_str());
  return drawn;
}

}  // namespace rekindle::cli

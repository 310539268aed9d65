// Running a pipeline: verify after each pass, dump what changed, name the pass that broke something; then the
// same in branches.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/file.h"
#include "base/trace.h"
#include "ir/patch.h"
#include "ops/if.h"
#include "ops/loop.h"
#include "passes/pass.h"

namespace rekindle {

namespace {

Status check_names(std::span<const Pass> passes, const std::vector<std::string>& disabled) {
  for (const std::string& name : disabled) {
    std::string known;
    for (const Pass& pass : passes) {
      if (pass.name == name) known.clear();
      if (pass.name == name) break;
      known += (known.empty() ? "" : ", ") + std::string(pass.name);
    }
    const bool found =
        std::any_of(passes.begin(), passes.end(), [&](const Pass& p) { return p.name == name; });
    if (!found) return Status::error(Code::not_found, "there is no pass '" + name + "'; there are " + known);
  }
  return {};
}

Status dump(const Graph& graph, const std::string& folder, int number, std::string_view pass) {
  char prefix[16];
  std::snprintf(prefix, sizeof prefix, "%02d-", number);
  return write_file_atomically(folder + "/" + prefix + std::string(pass) + ".rkir", print(graph));
}

/// A copy of the graph after the passes.
Result<GraphRef> passed(const GraphRef& body, PassContext& context, std::span<const Pass> passes,
                        const RunOptions& options) {
  auto copy = std::make_shared<Graph>(*body);
  RK_CHECK(run_passes(*copy, context, passes, options));
  return GraphRef(std::move(copy));
}

/// The same passes over the branches of ifs and the bodies of loops. One whose types come out otherwise stays
/// as it was.
Status run_in_branches(Graph& graph, PassContext& context, std::span<const Pass> passes,
                       const RunOptions& options) {
  RunOptions inside;
  inside.disabled = options.disabled;
  std::vector<NodeId> branches;
  for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n))
    if (graph[n].op.is<ops::If>() || graph[n].op.is<ops::Loop>()) branches.push_back(n);
  for (const NodeId n : branches) {
    Op changed = graph[n].op;
    if (const auto* branch = changed.as<ops::If>()) {
      ops::If both;
      RK_TRY(both.then_branch, passed(branch->then_branch, context, passes, inside));
      RK_TRY(both.else_branch, passed(branch->else_branch, context, passes, inside));
      changed = Op(std::move(both));
    } else {
      ops::Loop loop = *changed.as<ops::Loop>();
      RK_TRY(loop.body, passed(loop.body, context, passes, inside));
      changed = Op(std::move(loop));
    }
    Patch patch(graph);
    RK_TRY(const auto outputs, patch.add(changed, graph[n].inputs));
    for (size_t i = 0; i < outputs.size(); ++i) patch.replace(graph[n].outputs[i], outputs[i]);
    if (const Status status = graph.apply(patch); !status.ok())
      context.remarks.push_back("the body of control flow stays as it was: " + status.message());
  }
  return graph.verify();
}

}  // namespace

Status run_passes(Graph& graph, PassContext& context, std::span<const Pass> passes,
                  const RunOptions& options) {
  RK_CHECK(check_names(passes, options.disabled));
  RK_CHECK(graph.verify());
  if (!options.dump_dir.empty()) RK_CHECK(dump(graph, options.dump_dir, 0, "imported"));
  int number = 0;
  for (const Pass& pass : passes) {
    ++number;
    if (std::find(options.disabled.begin(), options.disabled.end(), pass.name) != options.disabled.end())
      continue;
    const trace::Scope scope(std::string("pass ") + std::string(pass.name));
    const auto start = std::chrono::steady_clock::now();
    const auto changes = pass.run(graph, context);
    if (!changes.ok()) return changes.status().note("while running pass " + std::string(pass.name));
    if (Status broken = graph.verify(); !broken.ok())
      return Status::error(Code::internal,
                           "pass " + std::string(pass.name) + " broke the graph: " + broken.message());
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (options.on_pass) options.on_pass(pass.name, *changes, seconds);
    if (*changes > 0 && !options.dump_dir.empty()) RK_CHECK(dump(graph, options.dump_dir, number, pass.name));
  }
  return run_in_branches(graph, context, passes, options);
}

}  // namespace rekindle

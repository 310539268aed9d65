// rekindle completion: a script with which bash or zsh completes commands and options, made from the options
// themselves.
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/command.h"

namespace rekindle::cli {

namespace {

/// "--json --quiet -q"
std::string flags_of(const CLI::App& command) {
  std::string text;
  const auto add = [&](const std::string& flag) { text += (text.empty() ? "" : " ") + flag; };
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) add("--" + name);
    for (const std::string& name : option->get_snames()) add("-" + name);
  }
  return text;
}

Result<int> print_script(const CLI::App& app, const std::string& shell) {
  if (shell != "bash" && shell != "zsh")
    return Status::error(Code::invalid_argument,
                         "there is no completion for '" + shell + "', expected bash or zsh");
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  std::string names;
  for (const CLI::App* command : commands) names += (names.empty() ? "" : " ") + command->get_name();
  if (shell == "zsh") std::printf("autoload -Uz +X bashcompinit && bashcompinit\n");
  std::printf(
      "_rekindle() {\n"
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" flags=\"\"\n"
      "  COMPREPLY=()\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W \"%s %s\" -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  case \"${COMP_WORDS[1]}\" in\n",
      names.c_str(), flags_of(app).c_str());
  for (const CLI::App* command : commands)
    std::printf("    %s) flags=\"%s\" ;;\n", command->get_name().c_str(), flags_of(*command).c_str());
  std::printf(
      "  esac\n"
      "  case \"$word\" in\n"
      "    -*) COMPREPLY=($(compgen -W \"$flags\" -- \"$word\")) ;;\n"
      "    *) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
      "  esac\n"
      "}\n"
      "complete -F _rekindle rekindle\n");
  return kOk;
}

}  // namespace

void add_completion(CLI::App& app, Command& chosen) {
  auto* command =
      app.add_subcommand("completion", "Print a script that completes commands and options in a shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash or zsh")->required();
  command->footer("Example:\n  source <(rekindle completion bash)");
  command->callback(
      [&app, shell, &chosen] { chosen.run = [&app, shell] { return print_script(app, *shell); }; });
}

}  // namespace rekindle::cli

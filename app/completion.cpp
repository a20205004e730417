#include "app/completion.h"

#include <memory>

#include "app/commands.h"
#include "app/result_stream.h"

namespace winnow {
namespace {

using Kind = CompletedValue::Kind;

// Where every script gets the names of models: the ones on this machine at that moment.
constexpr const char* kModelNames = "winnow models --names 2>/dev/null";

CompletedValue value_of(const std::string& type) {
  const size_t open = type.find('{');
  if (open == std::string::npos)
    return {type == "FILE"         ? Kind::kFile
            : type == "MODEL"      ? Kind::kModel
            : type == "FILE|MODEL" ? Kind::kFileOrModel
                                   : Kind::kText,
            {}};
  return {Kind::kChoice,
          CLI::detail::split(type.substr(open + 1, type.find('}', open) - open - 1), ',')};
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

// The first sentence of a help text: what a menu has room for.
std::string short_help(const std::string& help) {
  return help.substr(0, help.find_first_of(";\n"));
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

std::string bash_words(const CompletedValue& value) {
  switch (value.kind) {
    case Kind::kFile:
      return "COMPREPLY=($(compgen -f -- \"$cur\"))";
    case Kind::kModel:
      return std::string("COMPREPLY=($(compgen -W \"$(") + kModelNames +
             ")\" -- \"$cur\") $(compgen -d -- \"$cur\"))";
    case Kind::kFileOrModel:
      return std::string("COMPREPLY=($(compgen -W \"$(") + kModelNames +
             ")\" -- \"$cur\") $(compgen -f -- \"$cur\"))";
    case Kind::kChoice:
      return "COMPREPLY=($(compgen -W \"" + joined(value.choices, " ") + "\" -- \"$cur\"))";
    case Kind::kText:
      break;
  }
  return "COMPREPLY=()";
}

std::string zsh_action(const CompletedValue& value) {
  switch (value.kind) {
    case Kind::kFile:
      return "_files";
    case Kind::kModel:
      return std::string("($(") + kModelNames + "))";
    case Kind::kFileOrModel:
      return std::string("{_files; compadd -- $(") + kModelNames + ")}";
    case Kind::kChoice:
      return "(" + joined(value.choices, " ") + ")";
    case Kind::kText:
      break;
  }
  return "";
}

// Inside single quotes, for zsh's _arguments, where colons and brackets mean something.
std::string zsh_text(std::string text) {
  for (const char* special : {"\\", ":", "[", "]"})
    text = replaced(text, special, std::string("\\") + special);
  return replaced(text, "'", "'\\''");
}

std::string fish_text(const std::string& text) {
  return "'" + replaced(replaced(text, "\\", "\\\\"), "'", "\\'") + "'";
}

std::string fish_value(const CompletedValue& value) {
  switch (value.kind) {
    case Kind::kFile:
      return " -F";
    case Kind::kModel:
      return std::string(" -a '(") + kModelNames + ")'";
    case Kind::kFileOrModel:
      return std::string(" -F -a '(") + kModelNames + ")'";
    case Kind::kChoice:
      return " -a '" + joined(value.choices, " ") + "'";
    case Kind::kText:
      break;
  }
  return "";
}

}  // namespace

std::vector<CompletedCommand> completed_commands(const CLI::App& program) {
  std::vector<CompletedCommand> commands;
  for (const CLI::App* app : program.get_subcommands([](const CLI::App*) { return true; })) {
    CompletedCommand command{app->get_name(), app->get_description(), {}, {}};
    for (const CLI::Option* option : app->get_options()) {
      if (option->get_positional()) {
        if (command.positional.kind != Kind::kText) continue;  // MODEL before PROMPT
        const CompletedValue choices = value_of(option->get_type_name());
        command.positional =
            choices.kind == Kind::kChoice ? choices : value_of(option->get_name(true));
        continue;
      }
      CompletedFlag flag;
      for (const std::string& name : option->get_snames()) flag.names.push_back("-" + name);
      for (const std::string& name : option->get_lnames()) flag.names.push_back("--" + name);
      flag.help = option->get_description();
      flag.takes_value = option->get_items_expected_max() > 0;
      if (flag.takes_value) flag.value = value_of(option->get_type_name());
      command.flags.push_back(std::move(flag));
    }
    commands.push_back(std::move(command));
  }
  return commands;
}

std::string bash_completion(const std::vector<CompletedCommand>& commands) {
  std::vector<std::string> names;
  names.reserve(commands.size());
  for (const CompletedCommand& command : commands) names.push_back(command.name);
  std::string script =
      "# bash completion for winnow; written by `winnow completion bash`.\n"
      "_winnow() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} "
      "command=${COMP_WORDS[1]}\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    COMPREPLY=($(compgen -W \"" +
      joined(names, " ") +
      " --help --version\" -- \"$cur\"))\n"
      "    return\n"
      "  fi\n"
      "  case $command:$prev in\n";
  for (const CompletedCommand& command : commands)
    for (const CompletedFlag& flag : command.flags) {
      if (!flag.takes_value) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : flag.names) patterns.push_back(command.name + ":" + name);
      script += "    " + joined(patterns, "|") + ") " + bash_words(flag.value) + "; return ;;\n";
    }
  script += "  esac\n  case $command in\n";
  for (const CompletedCommand& command : commands) {
    std::vector<std::string> flags;
    for (const CompletedFlag& flag : command.flags)
      flags.insert(flags.end(), flag.names.begin(), flag.names.end());
    script += "    " + command.name +
              ")\n      if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"" + joined(flags, " ") +
              "\" -- \"$cur\"))\n      else " + bash_words(command.positional) + "; fi ;;\n";
  }
  return script + "  esac\n}\ncomplete -o filenames -F _winnow winnow\n";
}

std::string zsh_completion(const std::vector<CompletedCommand>& commands) {
  std::string script =
      "#compdef winnow\n"
      "# zsh completion for winnow; written by `winnow completion zsh`.\n"
      "_winnow() {\n"
      "  local -a commands\n"
      "  commands=(\n";
  for (const CompletedCommand& command : commands)
    script += "    '" + command.name + ":" + zsh_text(command.help) + "'\n";
  script +=
      "  )\n"
      "  if ((CURRENT == 2)); then\n"
      "    _describe -t commands command commands\n"
      "    _arguments '--help[Print help]' '--version[Print the version and exit]'\n"
      "    return\n"
      "  fi\n"
      "  local command=$words[2]\n"
      "  shift words\n"
      "  ((CURRENT--))\n"
      "  case $command in\n";
  for (const CompletedCommand& command : commands) {
    script += "    " + command.name + ")\n      _arguments";
    for (const CompletedFlag& flag : command.flags) {
      const std::string rest = "[" + zsh_text(short_help(flag.help)) + "]" +
                               (flag.takes_value ? ":value:" + zsh_action(flag.value) : "");
      for (const std::string& name : flag.names) script += " \\\n        '*" + name + rest + "'";
    }
    script += " \\\n        '*:argument:" + zsh_action(command.positional) + "' ;;\n";
  }
  return script +
         "  esac\n}\nif [ \"$funcstack[1]\" = _winnow ]; then _winnow \"$@\"; else compdef _winnow "
         "winnow; fi\n";
}

std::string fish_completion(const std::vector<CompletedCommand>& commands) {
  std::string script =
      "# fish completion for winnow; written by `winnow completion fish`.\n"
      "complete -c winnow -f\n";
  for (const CompletedCommand& command : commands) {
    script += "complete -c winnow -n __fish_use_subcommand -a " + command.name + " -d " +
              fish_text(command.help) + "\n";
    const std::string here =
        "complete -c winnow -n '__fish_seen_subcommand_from " + command.name + "'";
    if (const std::string value = fish_value(command.positional); !value.empty())
      script += here + value + "\n";
    for (const CompletedFlag& flag : command.flags) {
      script += here;
      for (const std::string& name : flag.names)
        script += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      script += std::string(flag.takes_value ? " -r" : "") +
                fish_value(flag.takes_value ? flag.value : CompletedValue{}) + " -d " +
                fish_text(short_help(flag.help)) + "\n";
    }
  }
  return script +
         "complete -c winnow -n __fish_use_subcommand -l version -d 'Print the version and exit'\n";
}

Command add_completion(CLI::App& program) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* app = program.add_subcommand("completion", "Print a completion script for a shell");
  app->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("");
  app->footer(
      "Example:\n"
      "  winnow completion bash > ~/.local/share/bash-completion/completions/winnow\n"
      "  winnow completion zsh > ~/.zfunc/_winnow\n"
      "  winnow completion fish > ~/.config/fish/completions/winnow.fish");
  return {app, [shell, &program] {
            const std::vector<CompletedCommand> commands = completed_commands(program);
            ResultStream out;
            out.write(*shell == "bash"  ? bash_completion(commands)
                      : *shell == "zsh" ? zsh_completion(commands)
                                        : fish_completion(commands));
            out.finish();
            return 0;
          }};
}

}  // namespace winnow

// Shell completion, written from the program's own flags, so that it cannot fall behind them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace winnow {

// What may be typed at a place: nothing that a shell can know, a file, a model's name, either of
// the two, or one of some words.
struct CompletedValue {
  enum class Kind { kText, kFile, kModel, kFileOrModel, kChoice };
  Kind kind = Kind::kText;
  std::vector<std::string> choices;
};

struct CompletedFlag {
  std::vector<std::string> names;  // "-m", "--model"
  std::string help;
  bool takes_value = false;
  CompletedValue value;
};

struct CompletedCommand {
  std::string name, help;
  std::vector<CompletedFlag> flags;
  CompletedValue positional;  // kText where there is none
};

// The subcommands of a program, in its order. A flag's type name (a positional's own name) says
// what it takes: FILE files, MODEL models, FILE|MODEL both, {a,b} choices.
std::vector<CompletedCommand> completed_commands(const CLI::App& program);

std::string bash_completion(const std::vector<CompletedCommand>& commands);
std::string zsh_completion(const std::vector<CompletedCommand>& commands);
std::string fish_completion(const std::vector<CompletedCommand>& commands);

}  // namespace winnow

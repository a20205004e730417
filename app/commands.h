// The subcommands of winnow: each adds its flags and help to the program, and says what runs when
// it is chosen. run returns the exit code (0, or 1 when it has said on stderr what failed) and may
// throw Error, which main turns into one line and 1; a CLI::ParseError is a usage error, 2.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace winnow {

struct Command {
  CLI::App* app;  // belongs to the program
  std::function<int()> run;
};

Command add_rerank(CLI::App& program);
Command add_embed(CLI::App& program);
Command add_generate(CLI::App& program);
Command add_chat(CLI::App& program);
Command add_tokenize(CLI::App& program);
Command add_serve(CLI::App& program);
Command add_pull(CLI::App& program);
Command add_models(CLI::App& program);
Command add_inspect(CLI::App& program);
Command add_doctor(CLI::App& program);
Command add_bench(CLI::App& program);
Command add_completion(CLI::App& program);  // after all others: it describes them

}  // namespace winnow

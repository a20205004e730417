// winnow: the program. Parses the command line, runs one subcommand, and turns what it throws into
// one line on stderr.
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

#include "app/commands.h"
#include "app/did_you_mean.h"
#include "app/result_stream.h"
#include "base/error.h"

namespace winnow {
namespace {

constexpr int kOk = 0, kFailed = 1, kUsage = 2;

void complain(const std::string& who, const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", who.c_str(), what.c_str());
}

// The subcommand that was chosen, or the program itself.
const CLI::App& deepest(const CLI::App& program) {
  const auto chosen = program.get_subcommands();
  return chosen.empty() ? program : *chosen.front();
}

std::string full_name(const CLI::App& program) {
  const CLI::App& app = deepest(program);
  return &app == &program ? "winnow" : "winnow " + app.get_name();
}

// The names that could have been meant by an argument nobody expected.
std::vector<std::string> names_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(sub->get_name());
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

int report_usage(const CLI::App& program, const CLI::ParseError& e) {
  const std::string who = full_name(program);
  std::string what = e.what();
  const std::vector<std::string> extra = program.remaining(/*recurse=*/true);
  if (!extra.empty()) {
    const std::string& wrong = extra.front();
    what = "want the arguments that --help lists, got \"" + wrong + "\"" +
           did_you_mean(wrong.substr(0, wrong.find('=')), names_of(deepest(program)));
  }
  for (char& c : what)
    if (c == '\n') c = ' ';  // some of the library's messages have two lines
  complain(who, what + " (see " + who + " --help)");
  return kUsage;
}

int run(int argc, char** argv) {
  CLI::App program(
      "Reranks, embeds and generates texts with trained models, on the command line and over HTTP.",
      "winnow");
  program.set_version_flag("--version", "winnow " WINNOW_VERSION, "Print the version and exit");
  program.require_subcommand(1);
  program.footer(
      "Example:\n"
      "  winnow pull ms-marco-minilm-l12\n"
      "  winnow rerank -q \"What do bees eat?\" documents.txt\n\n"
      "winnow COMMAND --help explains one command. Exit codes: 0 done, 1 failed, 2 wrong usage.");
  const std::vector<Command> commands = {
      add_rerank(program),   add_embed(program),  add_generate(program), add_chat(program),
      add_tokenize(program), add_serve(program),  add_pull(program),     add_models(program),
      add_inspect(program),  add_doctor(program), add_bench(program),    add_completion(program)};
  try {
    program.parse(argc, argv);
    for (const Command& command : commands)
      if (command.app->parsed()) return command.run();
    return kUsage;                   // not reached: one subcommand is required
  } catch (const CLI::Success& e) {  // --help, --version
    return program.exit(e);
  } catch (const CLI::ParseError& e) {
    return report_usage(program, e);
  } catch (const ReaderGone&) {
    return kOk;
  } catch (const Error& e) {
    complain(full_name(program), e.what());
  } catch (const std::bad_alloc&) {
    complain(full_name(program), "want more memory than this machine gives, got none");
  } catch (const std::exception& e) {
    complain(full_name(program), e.what());
  }
  return kFailed;
}

}  // namespace
}  // namespace winnow

int main(int argc, char** argv) {
  std::signal(SIGPIPE,
              SIG_IGN);  // a write to a closed pipe is an error that ResultStream tells apart
  return winnow::run(argc, argv);
}

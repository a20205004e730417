#include "app/completion.h"

#include <doctest/doctest.h>

using namespace winnow;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A program of two commands with one flag of each kind.
struct Program {
  CLI::App app{"A program", "winnow"};
  std::string file, model, kind, word, shell, document;
  bool loud = false;

  Program() {
    CLI::App* run = app.add_subcommand("run", "Run it: it's [quick]");
    run->add_option("FILE", document, "Documents");
    run->add_option("-m,--model", model, "A model's name; or none")->type_name("MODEL");
    run->add_option("--out", file, "Where to")->type_name("FILE");
    run->add_option("--kind", kind, "Which")
        ->check(CLI::IsMember({"red", "blue"}))
        ->type_name("KIND");
    run->add_option("--word", word, "Any")->type_name("TEXT");
    run->add_flag("--loud", loud, "Loudly");
    app.add_subcommand("shell", "Shells")
        ->add_option("SHELL", shell, "")
        ->check(CLI::IsMember({"bash", "zsh"}));
  }
};

}  // namespace

TEST_CASE("of two positionals the first that a shell can know is completed") {
  CLI::App app{"A program", "winnow"};
  std::string model, text;
  CLI::App* run = app.add_subcommand("run", "");
  run->add_option("MODEL", model, "")->type_name("");
  run->add_option("PROMPT", text, "")->type_name("");
  CHECK(completed_commands(app)[0].positional.kind == CompletedValue::Kind::kModel);
}

TEST_CASE("a program's flags are read with what each takes") {
  const Program program;
  const auto commands = completed_commands(program.app);
  REQUIRE(commands.size() == 2);
  CHECK(commands[0].name == "run");
  CHECK(commands[0].positional.kind == CompletedValue::Kind::kFile);
  CHECK(commands[1].positional.choices == std::vector<std::string>{"bash", "zsh"});
  const auto flag = [&](const std::string& name) {
    for (const CompletedFlag& f : commands[0].flags)
      if (f.names.back() == name) return f;
    FAIL(name);
    return CompletedFlag{};
  };
  CHECK(flag("--model").names == std::vector<std::string>{"-m", "--model"});
  CHECK(flag("--model").value.kind == CompletedValue::Kind::kModel);
  CHECK(flag("--out").value.kind == CompletedValue::Kind::kFile);
  CHECK(flag("--kind").value.choices == std::vector<std::string>{"red", "blue"});
  CHECK(flag("--word").value.kind == CompletedValue::Kind::kText);
  CHECK(flag("--word").takes_value);
  CHECK(!flag("--loud").takes_value);
}

TEST_CASE(
    "each shell's script has every command, flag and choice, with help in that shell's quotes") {
  const Program program;
  const auto commands = completed_commands(program.app);
  const std::string bash = bash_completion(commands), zsh = zsh_completion(commands),
                    fish = fish_completion(commands);
  CHECK(contains(bash, "run:-m|run:--model) "));
  CHECK(contains(bash, "run:--kind) COMPREPLY=($(compgen -W \"red blue\""));
  CHECK(!contains(bash, "run:--loud"));
  CHECK(contains(bash, "--loud"));
  CHECK(contains(zsh, "'run:Run it\\: it'\\''s \\[quick\\]'"));
  CHECK(contains(zsh, "'*--kind[Which]:value:(red blue)'"));
  CHECK(contains(zsh, "'*--loud[Loudly]'"));
  CHECK(contains(fish, "-a run -d 'Run it: it\\'s [quick]'"));
  CHECK(contains(
      fish, " -s m -l model -r -a '(winnow models --names 2>/dev/null)' -d 'A model\\'s name'"));
  CHECK(contains(fish, " -l out -r -F"));
}

// winnow chat: a conversation with a model, on a terminal or through a pipe.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "app/commands.h"
#include "app/conversation.h"
#include "app/documents.h"
#include "app/model_flags.h"
#include "app/result_stream.h"
#include "app/sampling_flags.h"
#include "base/error.h"
#include "engine/generation_defaults.h"

namespace winnow {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = ChatCommand::Kind;

struct Flags {
  ModelFlags model;
  ComputeFlags compute;
  SamplingFlags sampling;
  std::string system, load;
};

volatile std::sig_atomic_t interrupts = 0;  // Ctrl-C so often

// While it lives, Ctrl-C counts in place of ending the program.
class InterruptCounter {
 public:
  InterruptCounter() {
    struct sigaction count {};
    count.sa_handler = [](int) { interrupts = interrupts + 1; };  // no SA_RESTART: it ends a read
    ::sigaction(SIGINT, &count, &before_);
  }
  ~InterruptCounter() { ::sigaction(SIGINT, &before_, nullptr); }
  InterruptCounter(const InterruptCounter&) = delete;
  InterruptCounter& operator=(const InterruptCounter&) = delete;

 private:
  struct sigaction before_ {};
};

// Lines of stdin, read as they are typed.
class LineReader {
 public:
  // Empty at the end of input, and at Ctrl-C.
  std::optional<std::string> line() {
    for (;;) {
      const size_t end = read_.find('\n');
      if (end != read_.npos) {
        std::string line = read_.substr(0, end);
        read_.erase(0, end + 1);
        if (line.ends_with('\r')) line.pop_back();
        return line;
      }
      char buffer[4096];
      const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
      if (got < 0 && errno == EINTR && interrupts == 0) continue;
      if (got <= 0) break;
      read_.append(buffer, static_cast<size_t>(got));
    }
    if (read_.empty() || interrupts > 0) return std::nullopt;
    return std::exchange(read_, {});  // a last line without its end
  }

 private:
  std::string read_;
};

// How the last answer went.
struct Stats {
  GenerateUsage usage;
  double first_s = 0, whole_s = 0;
};

class Chat {
 public:
  explicit Chat(const Flags& flags) : flags_(flags), terminal_(::isatty(STDIN_FILENO) == 1) {}

  int run() {
    const Settings settings = load_settings(flags_.model.config);
    if (!flags_.load.empty()) load(flags_.load);
    if (!flags_.system.empty()) conversation_.system = flags_.system;
    engine_ = load_engine(flags_.model, flags_.compute, settings,
                          settings.generator.value_or(kDefaultGenerator));
    const ModelInfo& info = engine_->info();
    if (info.kind != ModelKind::kGenerator)
      fail(Code::kUnsupported, info.name, ": want a generator, got a ", info.architecture);
    if (!info.chat)
      fail(Code::kUnsupported, info.name,
           ": the checkpoint has no chat template; winnow generate continues a text with it");
    settings_.sampling = read_generation_defaults(info.folder).sampling;
    apply(flags_.sampling, settings_);
    if (terminal_) say(cat(info.name, "; /help lists the commands\n"));
    const InterruptCounter counter;
    while (std::optional<std::string> typed = read_typed()) {
      try {
        if (!obey(parse_chat_line(*typed))) break;
      } catch (const Error& error) {
        complain(error.what());
      }
      if (leaving_) break;
    }
    if (terminal_) say("\n");
    out_.finish();
    return failed_ && !terminal_ ? 1 : 0;
  }

 private:
  static void say(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
  }

  void complain(std::string_view text) {
    say(cat("winnow chat: ", text, '\n'));
    failed_ = true;
  }

  // What was typed up to a line that no backslash continues.
  std::optional<std::string> read_typed() {
    std::string typed;
    for (const char* mark = "> ";; mark = "... ") {
      interrupts = 0;
      if (terminal_) say(mark);
      const std::optional<std::string> line = reader_.line();
      if (!line) return std::nullopt;
      typed += *line;
      if (!typed.ends_with('\\')) return typed;
      typed.back() = '\n';
    }
  }

  // false: leave.
  bool obey(const ChatCommand& command) {
    switch (command.kind) {
      case Kind::kSay:
        if (command.text.find_first_not_of(" \t\n") == std::string::npos) return true;
        conversation_.turns.push_back({"user", command.text});
        return answer(), true;
      case Kind::kHelp:
        return say(chat_help()), true;
      case Kind::kSystem:
        conversation_.system = command.text;
        return true;
      case Kind::kClear:
        conversation_.turns.clear();
        return true;
      case Kind::kRetry:
        if (!conversation_.retry()) fail(Code::kEmpty, "/retry: nothing was asked yet");
        return answer(), true;
      case Kind::kUndo:
        if (!conversation_.undo()) fail(Code::kEmpty, "/undo: nothing was asked yet");
        return true;
      case Kind::kSave:
        return save(command.text), true;
      case Kind::kLoad:
        return load(command.text), true;
      case Kind::kSet:
        return set_sampling(command.text, settings_), true;
      case Kind::kStats:
        return say_stats(), true;
      case Kind::kQuit:
        return false;
    }
    return true;
  }

  // Answers the last question. What was said before Ctrl-C stays in the history; a question that
  // could not be answered does not.
  void answer() {
    std::string text;
    try {
      GenerateRequest request = settings_;
      ChatRender render;
      render.messages = conversation_.messages();
      request.prompt = engine_->chat_prompt(render);
      const Clock::time_point start = Clock::now();
      const auto seconds = [&] {
        return std::chrono::duration<double>(Clock::now() - start).count();
      };
      const std::unique_ptr<Generation> generation = engine_->generate(std::move(request));
      stats_ = {};
      while (interrupts == 0) {
        if (!generation->wait_for(0.05)) continue;
        const std::optional<Delta> delta = generation->next();
        if (!delta) break;
        if (text.empty() && !delta->text.empty()) stats_.first_s = seconds();
        text += delta->text;
        out_.write(out_.is_terminal() ? terminal_text(delta->text) : delta->text);
        out_.flush();
        if (delta->finish == Finish::kLength && terminal_) say(" [the limit of tokens]");
      }
      stats_.usage = generation->usage();
      stats_.whole_s = seconds();
    } catch (const Error&) {
      if (text.empty()) conversation_.turns.pop_back();
      throw;
    }
    out_.write("\n");
    out_.flush();
    leaving_ = interrupts > 1;
    conversation_.turns.push_back({"assistant", text});
  }

  void say_stats() const {
    const double rest = stats_.whole_s - stats_.first_s;
    char line[200];
    std::snprintf(
        line, sizeof line,
        "prompt %lld tokens (%lld cached), first text after %.3f s; %lld new tokens in %.3f s, "
        "%.1f tokens/s\n",
        static_cast<long long>(stats_.usage.prompt_tokens),
        static_cast<long long>(stats_.usage.cached_tokens), stats_.first_s,
        static_cast<long long>(stats_.usage.new_tokens), stats_.whole_s,
        rest > 0 ? static_cast<double>(std::max<int64_t>(0, stats_.usage.new_tokens - 1)) / rest
                 : 0.0);
    say(line);
  }

  void save(const std::string& path) const {
    ResultStream file(path);
    file.line(conversation_.to_json());
    file.finish();
  }

  void load(const std::string& path) {
    conversation_ = parse_conversation(read_input(path), input_name(path));
  }

  const Flags& flags_;
  const bool terminal_;
  std::unique_ptr<Engine> engine_;
  GenerateRequest settings_;  // without a prompt
  Conversation conversation_;
  LineReader reader_;
  ResultStream out_;
  Stats stats_;
  bool failed_ = false, leaving_ = false;
};

}  // namespace

Command add_chat(CLI::App& program) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* app = program.add_subcommand("chat", "Talk with a model");
  add_generator_flags(*app, flags->model, flags->compute);
  add_sampling_flags(*app, flags->sampling);
  app->add_option("--system", flags->system, "What the model is told before all")
      ->type_name("TEXT");
  app->add_option("--load", flags->load, "Go on with a conversation that /save wrote")
      ->type_name("FILE");
  app->footer(
      "/help lists what may be typed beside questions. Without a terminal each line of stdin is "
      "one, and its answer goes to stdout.\n\n"
      "Example:\n"
      "  winnow chat smollm2-135m --temperature 0.2\n"
      "  echo \"What do bees eat?\" | winnow chat smollm2-135m");
  return {app, [flags] { return Chat(*flags).run(); }};
}

}  // namespace winnow

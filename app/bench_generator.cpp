#include <algorithm>
#include <chrono>
#include <thread>

#include "app/bench_run.h"
#include "app/documents.h"
#include "app/measure.h"
#include "app/natural_mix.h"
#include "base/error.h"
#include "ops/kv_cache.h"

namespace winnow {
namespace {

constexpr int kPromptTokens = 512, kShortPrompt = 16, kNaturalLongest = 512;
constexpr int kRounds = 5, kWindows = 5;

// Prompts that no two calls share the beginning of, so that nothing is found computed.
class Prompts {
 public:
  Prompts(const Engine& engine, const BenchOptions& options)
      : engine_(engine), options_(options), room_(engine.info().max_length - 8) {
    if (!options.pairs.empty())
      fail(Code::kInvalidArgument, "--pairs: want --texts with a generator");
    if (options.texts.empty()) {
      mix_.emplace(engine.tokenizer());
    } else {
      for (Document& d : parse_documents(read_input(options.texts), input_name(options.texts)))
        texts_.push_back(std::move(d.text));
      if (texts_.empty())
        fail(Code::kEmpty, input_name(options.texts), ": want a text a line, got none");
    }
  }

  // The user's next, or a built-in one of about so many tokens where nothing else is said.
  std::string next(int tokens) {
    const std::string serial = cat(++serial_, " ");
    if (!texts_.empty()) return serial + texts_[serial_ % texts_.size()];
    if (options_.tokens > 0) tokens = options_.tokens;
    const auto taken = static_cast<int>(engine_.tokenizer().tokenize(serial).ids.size());
    return serial + mix_->text(std::max(std::min(tokens, room_) - taken, 1));
  }
  std::string natural() { return next(mix_ ? mix_->length(std::min(room_, kNaturalLongest)) : 0); }

  std::vector<int32_t> ids(const std::string& text) const {
    std::vector<int32_t> ids = engine_.tokenizer().tokenize(text).ids;
    ids.resize(std::min(ids.size(), static_cast<size_t>(std::max(room_, 1))));
    return ids;
  }
  std::string source() const { return texts_.empty() ? "built in" : options_.texts; }

 private:
  const Engine& engine_;
  const BenchOptions& options_;
  const int room_;
  std::optional<NaturalMix> mix_;
  std::vector<std::string> texts_;
  uint64_t serial_ = 0;
};

GenerateRequest greedy(std::vector<int32_t> prompt, int most) {
  GenerateRequest request;
  request.prompt = std::move(prompt);
  request.max_tokens = most;
  request.ignore_end = true;
  request.sampling.temperature = 0;
  return request;
}

void read_all(Engine& engine, std::vector<int32_t> prompt) {
  const auto generation = engine.generate(greedy(std::move(prompt), 1));
  while (generation->next()) {
  }
}

// Prompts to their first token, as text and as token ids in turns; returns tokens a second.
double measure_prompts(Engine& engine, Prompts& prompts, double seconds, BenchReport& report) {
  constexpr int kCallers = 4;
  const double a_pass = seconds / (2 * kRounds + 1);
  const double start = now_seconds();
  read_all(engine, prompts.ids(prompts.next(kPromptTokens)));
  const double one = now_seconds() - start;
  const auto calls = std::clamp<size_t>(static_cast<size_t>(a_pass / one), 1, 512);
  Throughput ids{.input = "ids", .unit = "prompts", .a_call = 1, .callers = kCallers};
  Throughput text = ids;
  text.input = "text";
  const auto pass = [&](Throughput& t) {
    std::vector<std::string> texts;
    std::vector<std::vector<int32_t>> tokens;
    t.count = t.tokens = 0, t.operations = 0;
    for (size_t i = 0; i < calls; ++i) {
      texts.push_back(prompts.next(kPromptTokens));
      tokens.push_back(prompts.ids(texts.back()));
      const auto n = static_cast<int64_t>(tokens.back().size());
      ++t.count, t.tokens += n, t.operations += engine.info().arithmetic.text(n);
    }
    const bool by_text = t.input == "text";
    t.seconds.push_back(seconds_of_calls(calls, kCallers, [&](size_t i) {
      read_all(engine, by_text ? prompts.ids(texts[i]) : std::move(tokens[i]));
    }));
  };
  for (int round = 0; round < kRounds; ++round) {
    if (round % 2 == 0) pass(ids);
    pass(text);
    if (round % 2 == 1) pass(ids);
  }
  report.throughput(ids);
  report.throughput(text);
  report.ratio(ids, text);
  return static_cast<double>(ids.tokens) / median(ids.seconds);
}

void measure_first_token(Engine& engine, Prompts& prompts, double seconds, BenchReport& report) {
  Latency latency{.what = "first token", .count = 1};
  const double end = now_seconds() + seconds;
  for (size_t i = 0; i < 2000 && (i == 0 || now_seconds() < end); ++i) {
    const std::string text = prompts.natural();
    const double start = now_seconds();
    read_all(engine, prompts.ids(text));
    latency.seconds.push_back(now_seconds() - start);
  }
  report.latency(latency);
}

// Texts being written, always so many: where one has ended, another begins.
class Streams {
 public:
  Streams(Engine& engine, Prompts& prompts, int count, int most)
      : engine_(engine), prompts_(prompts), most_(most) {
    std::vector<std::vector<int32_t>> ids;
    ids.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) ids.push_back(prompts.ids(prompts.next(kShortPrompt)));
    for (std::vector<int32_t>& prompt : ids)
      all_.push_back(engine.generate(greedy(std::move(prompt), most)));
  }

  int started() const {
    return static_cast<int>(std::count_if(all_.begin(), all_.end(),
                                          [](const auto& g) { return g->usage().new_tokens > 0; }));
  }

  // Tokens so far, of those that ended too. One may end before its most: a longer prompt than the
  // others leaves it less of the model's room.
  int64_t written() {
    int64_t sum = 0;
    for (std::unique_ptr<Generation>& g : all_) {
      const bool over = ended(*g);
      const int64_t tokens = g->usage().new_tokens;
      (over ? ended_ : sum) += tokens;
      if (over) g = engine_.generate(greedy(prompts_.ids(prompts_.next(kShortPrompt)), most_));
    }
    return ended_ + sum;
  }

 private:
  // Reads what has been written; what was wrong with it is thrown here.
  static bool ended(Generation& generation) {
    while (generation.wait_for(0))
      if (!generation.next()) return true;
    return false;
  }

  Engine& engine_;
  Prompts& prompts_;
  const int most_;
  std::vector<std::unique_ptr<Generation>> all_;
  int64_t ended_ = 0;
};

// Tokens a second of one stream alone, roughly, its prompt's reading among them: the engine
// computes ahead of its reader, so the first token's arrival says little of when the second was
// begun.
double rough_rate(Engine& engine, Prompts& prompts) {
  constexpr int kTokens = 24;
  const double start = now_seconds();
  const auto one = engine.generate(greedy(prompts.ids(prompts.next(kShortPrompt)), kTokens));
  while (one->next()) {
  }
  return static_cast<double>(std::max<int64_t>(one->usage().new_tokens, 1)) /
         (now_seconds() - start);
}

// Tokens of a short prompt, on average.
int64_t mean_context(Prompts& prompts) {
  constexpr int kSample = 16;
  int64_t tokens = 0;
  for (int i = 0; i < kSample; ++i)
    tokens += static_cast<int64_t>(prompts.ids(prompts.next(kShortPrompt)).size());
  return std::max<int64_t>(tokens / kSample, 1);
}

// The tokens that each stream is to write: so many that few end before the last window does, if the
// model and its memory have the room. Where the memory is short some streams wait for it, rather
// than that all write a token each.
int longest_text(const Engine& engine, int streams, int64_t context, double wanted) {
  constexpr int64_t kLeast = 64;
  const int64_t pages = engine.stats().decoder->pages - streams;  // each may leave one half empty
  const int64_t fits = std::max(pages * kPageTokens / streams - context, kLeast);
  const int64_t room = std::min(fits, engine.info().max_length - context);
  return static_cast<int>(
      std::clamp<int64_t>(static_cast<int64_t>(wanted), 1, std::max<int64_t>(room, 1)));
}

// Tokens a second of all streams together once those that have room have their first token, window
// by window.
DecodeRate decode_rate(Engine& engine, Prompts& prompts, int streams, double seconds, double alone,
                       double prompt_rate) {
  const ModelInfo& info = engine.info();
  DecodeRate out{.streams = streams, .weight_bytes = info.weight_bytes};
  out.context = mean_context(prompts);
  const double reading = static_cast<double>(out.context * streams) / prompt_rate;
  const int most =
      longest_text(engine, streams, out.context, alone * (seconds * 1.5 + reading) + 32);
  Streams all(engine, prompts, streams, most);
  const double patience = now_seconds() + 3 * reading + seconds + 1;
  while (all.started() < streams && now_seconds() < patience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    all.written();
  }
  const auto next_token = [&] {  // seconds and tokens at the next one's end
    const int64_t seen = all.written();
    int64_t tokens = seen;
    // A machine that is busy with other work may stand still for longer than a short run measures.
    for (const double limit = now_seconds() + std::max(seconds, 10.0);
         (tokens = all.written()) == seen && now_seconds() < limit;)
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    return std::pair(now_seconds(), tokens);
  };
  std::vector<double> running;
  auto [begin, before] = next_token();
  for (int window = 0; window < kWindows; ++window) {
    for (const double limit = begin + seconds / kWindows; now_seconds() < limit; all.written())
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const auto [end, after] = next_token();
    out.rates.push_back(static_cast<double>(after - before) / (end - begin));
    running.push_back(static_cast<double>(engine.stats().decoder->running));
    begin = end, before = after;
  }
  out.running = std::max(static_cast<int>(median(running)), 1);
  out.operations =
      info.arithmetic.next_token(out.context) +
      2.0 * static_cast<double>(info.hidden_size) * static_cast<double>(info.vocabulary);
  return out;
}

}  // namespace

void bench_generator(Engine& engine, const BenchOptions& options, BenchReport& report) {
  Prompts prompts(engine, options);
  TextLengths lengths{.source = prompts.source(), .least = INT64_MAX};
  for (int i = 0; i < 64; ++i) {
    const auto tokens = static_cast<int64_t>(prompts.ids(prompts.next(kPromptTokens)).size());
    ++lengths.count, lengths.tokens += tokens;
    lengths.least = std::min(lengths.least, tokens), lengths.most = std::max(lengths.most, tokens);
  }
  report.texts(lengths);
  read_all(engine, prompts.ids(prompts.next(kShortPrompt)));  // warm
  report.matrix_rate(engine.matrix_flops(), engine.info());
  const double rate = measure_prompts(engine, prompts, options.seconds * 0.3, report);
  measure_first_token(engine, prompts, options.seconds * 0.15, report);
  const double alone = rough_rate(engine, prompts);
  std::vector<int> counts{1, 8, 32, 256};
  if (options.concurrency > 0) counts = {options.concurrency};
  const double each = options.seconds * 0.5 / static_cast<double>(counts.size());
  for (const int streams : counts)
    report.decode(decode_rate(engine, prompts, streams, each, alone, rate));
}

}  // namespace winnow

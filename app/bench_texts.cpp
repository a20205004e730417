#include <algorithm>
#include <cmath>

#include "app/bench_run.h"
#include "app/documents.h"
#include "app/measure.h"
#include "app/natural_mix.h"
#include "base/error.h"
#include "base/json.h"

namespace winnow {
namespace {

constexpr size_t kBuiltIn = 1024;           // texts
constexpr int kRounds = 5, kFewRounds = 3;  // passes of each kind
constexpr int kNaturalLongest = 512;
constexpr size_t kMostInPass = 1 << 16;

std::vector<TextPair> read_pairs(const std::string& path) {
  std::vector<TextPair> pairs;
  int64_t line = 0;
  const std::string text = read_input(path);
  for (const std::string_view row : split_lines(text)) {
    ++line;
    if (row.find_first_not_of(" \t") == std::string_view::npos) continue;
    const Json pair = Json::parse(row, cat(input_name(path), ":", line));
    pairs.push_back({std::string(pair.string("query")), std::string(pair.string("document"))});
  }
  if (pairs.empty()) fail(Code::kEmpty, input_name(path), ": want a pair a line, got none");
  return pairs;
}

// What a model is asked again and again: calls of some documents each, as text or as token ids.
class Work {
 public:
  Work(Engine& engine, const BenchOptions& options)
      : engine_(engine), kind_(engine.info().kind), remembers_(engine.stats().decoder.has_value()) {
    const bool pairs = kind_ == ModelKind::kReranker;
    if (pairs && !options.texts.empty())
      fail(Code::kInvalidArgument, "--texts: want --pairs with a reranker");
    if (!pairs && !options.pairs.empty())
      fail(Code::kInvalidArgument, "--pairs: want --texts, since ", engine.info().name,
           " is no reranker");
    if (pairs && !options.pairs.empty())
      items_ = read_pairs(options.pairs);
    else if (!pairs && !options.texts.empty())
      for (Document& d : parse_documents(read_input(options.texts), input_name(options.texts)))
        items_.push_back({"", std::move(d.text)});
    else
      make_up(options, pairs);
    if (items_.empty())
      fail(Code::kEmpty, input_name(options.texts), ": want a text a line, got none");
    source_ = pairs ? options.pairs : options.texts;
    if (source_.empty()) source_ = "built in";
  }

  // A decoder finds computed what it has read before. So each pass asks with a number of its own
  // in front of the query (or text), behind which nothing is.
  bool remembers() const { return remembers_; }
  void renew() { ++serial_; }

  std::string unit() const { return kind_ == ModelKind::kReranker ? "pairs" : "texts"; }
  size_t items() const { return items_.size(); }

  // The lengths of what the model reads, over the first so many items.
  TextLengths lengths(size_t most) const {
    TextLengths out{.source = source_, .least = INT64_MAX};
    const size_t count = std::min(items_.size(), most);
    for (size_t i = 0; i < count; ++i)
      for (const Sequence& s : ids(i, 1)) {
        const auto tokens = static_cast<int64_t>(s.ids.size());
        ++out.count, out.tokens += tokens;
        out.least = std::min(out.least, tokens), out.most = std::max(out.most, tokens);
      }
    if (out.count == 0) fail(Code::kEmpty, source_, ": want a text that the model can read");
    return out;
  }

  // A call's items are [first, first + count), around the end; a reranker's query is its first's.
  void ask(size_t first, size_t count) {
    if (kind_ == ModelKind::kReranker)
      engine_.rerank(rerank(first, count));
    else if (kind_ == ModelKind::kEmbedder)
      engine_.embed(embed(first, count));
    else
      engine_.classify(classify(first, count));
  }
  std::vector<Sequence> ids(size_t first, size_t count) const {
    if (kind_ == ModelKind::kReranker) return engine_.encode(rerank(first, count));
    if (kind_ == ModelKind::kEmbedder) return engine_.encode(embed(first, count));
    return engine_.encode(classify(first, count));
  }

 private:
  void make_up(const BenchOptions& options, bool pairs) {
    NaturalMix mix(engine_.tokenizer());
    const int longest = engine_.info().max_length;
    const int natural = std::min(longest, kNaturalLongest);
    const int special = engine_.tokenizer().special_tokens(pairs);
    for (size_t i = 0; i < kBuiltIn; ++i) {
      const int tokens =
          options.tokens > 0 ? std::min(options.tokens, longest) : mix.length(natural);
      if (pairs)
        items_.push_back(mix.pair(tokens));
      else
        items_.push_back({"", mix.text(std::max(tokens - special, 1))});
    }
  }

  std::string fresh(const std::string& text) const {
    return remembers_ ? cat(serial_, " ", text) : text;
  }
  const TextPair& item(size_t i) const { return items_[i % items_.size()]; }
  RerankRequest rerank(size_t first, size_t count) const {
    RerankRequest request;
    request.query = fresh(item(first).query);
    for (size_t i = 0; i < count; ++i) request.documents.push_back(item(first + i).document);
    return request;
  }
  EmbedRequest embed(size_t first, size_t count) const {
    EmbedRequest request;
    for (size_t i = 0; i < count; ++i) request.inputs.emplace_back(fresh(item(first + i).document));
    return request;
  }
  ClassifyRequest classify(size_t first, size_t count) const {
    ClassifyRequest request;
    for (size_t i = 0; i < count; ++i) request.inputs.push_back({item(first + i).document, {}});
    return request;
  }

  Engine& engine_;
  const ModelKind kind_;
  const bool remembers_;
  uint64_t serial_ = 0;
  std::vector<TextPair> items_;
  std::string source_;
};

// How many items a second the engine does, roughly, by passes that grow until one takes `enough`.
double rough_rate(Work& work, const BenchOptions& options, int callers, double enough) {
  size_t calls = 1;
  auto a_call = static_cast<size_t>(std::min(options.documents, 8));
  for (;;) {
    work.renew();
    const double seconds =
        seconds_of_calls(calls, callers, [&](size_t i) { work.ask(i * a_call, a_call); });
    const size_t items = calls * a_call;
    if (seconds >= enough || items * 4 > kMostInPass) return static_cast<double>(items) / seconds;
    a_call = std::min(a_call * 4, static_cast<size_t>(options.documents));
    calls = std::max(items * 4 / a_call, calls);
  }
}

// Token ids and text in turns, the same calls in each pass.
double measure_throughput(Engine& engine, Work& work, const BenchOptions& options, double seconds,
                          BenchReport& report) {
  const int callers = options.concurrency > 0 ? options.concurrency : 4;
  double a_pass = seconds / (2 * kRounds + 1);
  const double rate = rough_rate(work, options, callers, a_pass / 4);
  const int rounds = rate * a_pass < 32 ? kFewRounds : kRounds;
  a_pass = seconds / (2 * rounds + 1);
  const auto items = std::clamp<size_t>(static_cast<size_t>(rate * a_pass),
                                        static_cast<size_t>(callers), kMostInPass);
  const size_t a_call = std::clamp<size_t>(items / (2 * static_cast<size_t>(callers)), 1,
                                           static_cast<size_t>(options.documents));
  const size_t calls = std::max<size_t>(items / a_call, 1);
  Throughput ids{
      .input = "ids", .unit = work.unit(), .a_call = static_cast<int>(a_call), .callers = callers};
  std::vector<std::vector<Sequence>> sequences;
  const auto tokenize = [&] {
    sequences.clear();
    ids.count = ids.tokens = 0, ids.operations = 0;
    for (size_t i = 0; i < calls; ++i) {
      sequences.push_back(work.ids(i * a_call, a_call));
      for (const Sequence& s : sequences.back()) {
        const auto tokens = static_cast<int64_t>(s.ids.size());
        ++ids.count, ids.tokens += tokens;
        ids.operations += engine.info().arithmetic.text(tokens);
      }
    }
  };
  tokenize();
  Throughput text = ids;
  text.input = "text";
  const auto run_ids = [&] {
    work.renew();
    if (work.remembers()) tokenize();
    return seconds_of_calls(calls, callers, [&](size_t i) { engine.run(sequences[i]); });
  };
  const auto run_text = [&] {
    work.renew();
    return seconds_of_calls(calls, callers, [&](size_t i) { work.ask(i * a_call, a_call); });
  };
  run_ids();
  for (int round = 0; round < rounds; ++round) {  // neither is always the second
    if (round % 2 == 0) ids.seconds.push_back(run_ids());
    text.seconds.push_back(run_text());
    if (round % 2 == 1) ids.seconds.push_back(run_ids());
  }
  report.throughput(ids);
  report.throughput(text);
  report.ratio(ids, text);
  return static_cast<double>(ids.count) / median(text.seconds);
}

}  // namespace

void bench_texts(Engine& engine, const BenchOptions& options, BenchReport& report) {
  Work work(engine, options);
  report.texts(work.lengths(kBuiltIn));
  work.ask(0, std::min<size_t>(work.items(), 8));  // warm
  report.matrix_rate(engine.matrix_flops(), engine.info());
  const double rate = measure_throughput(engine, work, options, options.seconds * 0.55, report);
  const bool pairs = work.unit() == "pairs";
  for (const size_t count : {size_t{1}, size_t{10}, size_t{100}}) {
    const double budget = options.seconds * 0.4 / 3;
    if (static_cast<double>(count) / rate < budget / 4) work.ask(0, count);
    Latency latency{.what = cat(count, pairs ? " document" : " text", count == 1 ? "" : "s"),
                    .count = static_cast<int64_t>(count)};
    constexpr size_t kMost = 5000;
    const double end = now_seconds() + budget;
    for (size_t i = 0; i < kMost && (i == 0 || now_seconds() < end); ++i) {
      work.renew();
      const double start = now_seconds();
      work.ask(i * count, count);
      latency.seconds.push_back(now_seconds() - start);
    }
    report.latency(latency);
  }
}

}  // namespace winnow

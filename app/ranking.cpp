#include "app/ranking.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <memory>

#include "app/in_order.h"
#include "base/error.h"

namespace winnow {
namespace {

constexpr size_t kDocumentsACall = 64, kCallsAtOnce = 8;

// A part of a job: documents [first, last).
struct Part {
  size_t job, first, last;
  bool ends_job;
};

std::vector<Part> parts_of(const std::vector<RankingJob>& jobs) {
  std::vector<Part> parts;
  for (size_t j = 0; j < jobs.size(); ++j) {
    const size_t count = jobs[j].documents->size();
    size_t first = 0;
    do {  // a job without documents is a part too: it has an answer
      const size_t last = std::min(count, first + kDocumentsACall);
      parts.push_back({j, first, last, last == count});
      first = last;
    } while (first < count);
  }
  return parts;
}

}  // namespace

RankingAnswer merge_ranking(std::vector<RerankResult> results, int top_n) {
  RankingAnswer answer;
  for (RerankResult& result : results)
    (result.error ? answer.refused : answer.results).push_back(std::move(result));
  std::sort(answer.results.begin(), answer.results.end(),
            [](const RerankResult& a, const RerankResult& b) {
              return a.score != b.score ? a.score > b.score : a.index < b.index;
            });
  std::sort(answer.refused.begin(), answer.refused.end(),
            [](const RerankResult& a, const RerankResult& b) { return a.index < b.index; });
  if (top_n > 0 && answer.results.size() > static_cast<size_t>(top_n)) answer.results.resize(top_n);
  return answer;
}

void rank(Engine& engine, const std::vector<RankingJob>& jobs, const RankingOptions& options,
          const std::function<void(size_t, const RankingAnswer&)>& done,
          const std::function<void(int64_t)>& progress) {
  const std::vector<Part> parts = parts_of(jobs);
  struct Scores {
    std::vector<RerankResult> results;
    CallTimes times;
  };
  const auto cancelled = std::make_shared<std::atomic<bool>>(false);
  const Call call{.cancelled = cancelled};
  const auto score = [&](size_t p) {
    const Part& part = parts[p];
    const RankingJob& job = jobs[part.job];
    Scores scores;
    if (part.first == part.last) return scores;
    RerankRequest request;
    request.query = job.query->text;
    request.raw_scores = options.raw_scores;
    request.long_documents = options.long_documents;
    for (size_t i = part.first; i < part.last; ++i)
      request.documents.push_back((*job.documents)[i].text);
    try {
      scores.results = engine.rerank(request, call, &scores.times).results;
    } catch (const Error& e) {
      if (job.query->line == 0) throw;
      fail(e.code(), "query of line ", job.query->line, ": ", e.what());
    }
    for (RerankResult& result : scores.results) result.index += static_cast<int>(part.first);
    return scores;
  };
  std::vector<RerankResult> results;
  CallTimes times;
  in_order(
      parts.size(), kCallsAtOnce, score,
      [&](size_t p, Scores scores) {
        progress(static_cast<int64_t>(scores.results.size()));
        times.tokens += scores.times.tokens;
        times.characters += scores.times.characters;
        std::move(scores.results.begin(), scores.results.end(), std::back_inserter(results));
        if (!parts[p].ends_job) return;
        RankingAnswer answer = merge_ranking(std::move(results), options.top_n);
        answer.times = times;
        results.clear();
        times = {};
        done(parts[p].job, answer);
      },
      [&] { *cancelled = true; });
}

}  // namespace winnow

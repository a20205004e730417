// Ranks documents with an engine: many queries, or one with more documents than a request may hold.
#pragma once

#include <functional>
#include <vector>

#include "app/documents.h"
#include "engine/engine.h"

namespace winnow {

// One query and the documents it ranks; both borrowed.
struct RankingJob {
  const Query* query = nullptr;
  const std::vector<Document>* documents = nullptr;
};

struct RankingOptions {
  bool raw_scores = false;
  int top_n = 0;  // 0: all
  LongDocuments long_documents;
};

// A job's answer: as Engine::rerank's, but with refused documents apart.
struct RankingAnswer {
  std::vector<RerankResult> results;  // by descending score, ties by index
  std::vector<RerankResult> refused;  // by index
  CallTimes times;                    // tokens and characters only
};

// Puts parts of one ranking together: sorts, sets refused documents apart, and keeps the first
// top_n.
RankingAnswer merge_ranking(std::vector<RerankResult> results, int top_n);

// Calls done(job, answer) for each job in order. Documents go to the engine in calls of some
// dozens, some calls at once, so that batches are full and the queue never is; a score depends on
// its pair alone, so no cut can change it. progress(n) says that n pairs are done. Throws what
// Engine::rerank throws, once for a query that it refuses.
void rank(Engine& engine, const std::vector<RankingJob>& jobs, const RankingOptions& options,
          const std::function<void(size_t job, const RankingAnswer&)>& done,
          const std::function<void(int64_t pairs)>& progress);

}  // namespace winnow

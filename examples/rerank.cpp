// The C++ API in one screen: load a reranker, order documents by their relevance to a question.
//   example_rerank MODEL_FOLDER QUESTION DOCUMENT...
#include <cstdio>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s MODEL_FOLDER QUESTION DOCUMENT...\n", argv[0]);
    return 2;
  }
  try {
    winnow::EngineOptions options;
    options.folder = argv[1];
    const auto engine = winnow::Engine::load(options);
    winnow::RerankRequest request;
    request.query = argv[2];
    request.documents.assign(argv + 3, argv + argc);
    for (const winnow::RerankResult& result : engine->rerank(request).results) {
      const std::string& document = request.documents[result.index];
      if (result.error)
        std::printf("refused  %s: %s\n", document.c_str(), result.error->message.c_str());
      else
        std::printf("%.6f  %s\n", result.score, document.c_str());
    }
    return 0;
  } catch (const winnow::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}

// Any bytes as the body of every route, and as a request's target: a parsed request, or one Error.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "http/body.h"
#include "http/chat_messages.h"
#include "http/chat_route.h"
#include "http/completions_route.h"
#include "http/embed_route.h"
#include "http/natural_route.h"
#include "http/openai_route.h"
#include "http/predict_route.h"
#include "http/ranking_route.h"
#include "http/request_head.h"
#include "http/rerank_route.h"
#include "http/status.h"
#include "http/tokenize_route.h"
#include "http/tool_calls.h"

namespace {

using namespace winnow;

using Parser = void (*)(const Json& body, const ServerOptions& options);

constexpr std::array kParsers{
    Parser([](const Json& b, const ServerOptions& o) { (void)parse_tei_rerank(b, o); }),
    Parser([](const Json& b, const ServerOptions& o) { (void)parse_tei_embed(b, o); }),
    Parser([](const Json& b, const ServerOptions& o) { (void)parse_similarity(b, o); }),
    Parser([](const Json& b, const ServerOptions& o) { (void)parse_tei_predict(b, o); }),
    Parser([](const Json& b, const ServerOptions& o) { (void)parse_tei_tokenize(b, o); }),
    Parser([](const Json& b, const ServerOptions& o) { (void)parse_tei_decode(b, o); }),
    Parser([](const Json& b, const ServerOptions& o) { (void)parse_openai_embeddings(b, o); }),
    Parser([](const Json& b, const ServerOptions& o) {
      (void)parse_ranking(b, RankingVersion::kV1, o);
    }),
    Parser([](const Json& b, const ServerOptions& o) {
      (void)parse_ranking(b, RankingVersion::kV2, o);
    }),
    Parser([](const Json& b, const ServerOptions&) {
      const ChatRequest chat = parse_chat(b, {});
      (void)template_messages(chat.messages, [] { return false; });
    }),
    Parser([](const Json& b, const ServerOptions& o) { (void)parse_completion(b, {}, o); }),
    Parser(
        [](const Json& b, const ServerOptions&) { (void)natural_route(b, ModelKind::kReranker); }),
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)path_of_target(text);
  (void)timeout_of_header(text);
  ToolCallReader calls;
  (void)calls.push(text.substr(0, size / 2), false);
  (void)calls.push(text.substr(size / 2), true);
  try {
    const Json body = parse_body(text);
    ServerOptions options;
    options.strict = size % 2 == 1;
    for (const Parser parser : kParsers) {
      try {
        parser(body, options);
      } catch (const Error& error) {
        // What the client gets back must be JSON, whatever its request held.
        Json::parse(error_response(ErrorFamily::kTei, error.code(), error.what()).body, "answer");
      }
    }
  } catch (const Error&) {
  }
  return 0;
}

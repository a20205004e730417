#include "http/embed_tokens_route.h"

#include <doctest/doctest.h>

using namespace winnow;

TEST_CASE("sparse_json is a list of indices and values an input, tokens_json of vectors a token") {
  Embedding one, none;
  one.sparse = {{3, 0.5f}, {7, 0.25f}};
  CHECK(sparse_json({one, none}) == R"([[{"index":3,"value":0.5},{"index":7,"value":0.25}],[]])");
  one.hidden = {2, {1, 2, 3, 4}};
  CHECK(tokens_json({one, none}) == "[[[1,2],[3,4]],[]]");
  one.multi = {1, {5, 6}};  // vectors made for the purpose go before hidden states
  CHECK(tokens_json({one}) == "[[[5],[6]]]");
}

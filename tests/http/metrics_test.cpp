#include "http/metrics.h"

#include <doctest/doctest.h>

namespace winnow {
namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST_CASE("a request is counted by route and status, and by TEI's names") {
  Metrics metrics({});
  Work work;
  work.batch = true;
  metrics.count({"/rerank", Counted::kInputs, 200, 0.25, ""}, work);
  metrics.count({"/rerank", Counted::kInputs, 422, 0.1, "validation"}, work);
  metrics.count({"/health", Counted::kNone, 200, 0.001, ""}, {});
  const std::string text = metrics.text({3, 4, true});
  CHECK(has_line(text, R"(winnow_http_requests_total{route="/rerank",status="200"} 1)"));
  CHECK(has_line(text, R"(winnow_http_requests_total{route="/rerank",status="422"} 1)"));
  CHECK(has_line(text, R"(winnow_http_requests_total{route="/health",status="200"} 1)"));
  CHECK(has_line(text, R"(winnow_http_request_seconds_count{route="/rerank"} 2)"));
  CHECK(has_line(text, R"(te_request_count{method="batch"} 2)"));
  CHECK(has_line(text, R"(te_request_count{method="single"} 0)"));
  CHECK(has_line(text, R"(te_request_success{method="batch"} 1)"));
  CHECK(has_line(text, R"(te_request_failure{err="validation"} 1)"));
  CHECK(has_line(text, "te_request_duration_sum 0.25"));
  CHECK(has_line(text, "te_queue_size 0"));
  CHECK(has_line(text, "winnow_requests_in_hand 3"));
  CHECK(has_line(text, "winnow_connections 4"));
  CHECK(has_line(text, "winnow_ready 1"));
}

TEST_CASE("TEI's duration histograms have its buckets") {
  const std::string text = Metrics({}).text({});
  CHECK(has_line(text, R"(te_request_duration_bucket{le="+Inf"} 0)"));
  size_t buckets = 0;
  for (size_t at = 0; (at = text.find("te_request_duration_bucket{", at)) != text.npos; ++at)
    ++buckets;
  CHECK(buckets == 36);
}

TEST_CASE("increments put every observation into the bucket of its value") {
  const std::vector<double> bounds{1, 2, 4};
  CHECK(increments(bounds, 0.5, 3) == std::vector<double>{3, 0, 0, 0});
  CHECK(increments(bounds, 2, 3) == std::vector<double>{0, 3, 0, 0});
  CHECK(increments(bounds, 2.1, 3) == std::vector<double>{0, 0, 3, 0});
  CHECK(increments(bounds, 9, 3) == std::vector<double>{0, 0, 0, 3});
}

TEST_CASE("a failure has TEI's word") {
  CHECK(tei_failure(Code::kOverloaded, false) == "overloaded");
  CHECK(tei_failure(Code::kInvalidArgument, true) == "batch_size");
  CHECK(tei_failure(Code::kInvalidArgument, false) == "validation");
  CHECK(tei_failure(Code::kTooLong, false) == "validation");
  CHECK(tei_failure(Code::kTokenizer, false) == "tokenization");
  CHECK(tei_failure(Code::kInternal, false) == "inference");
  CHECK(tei_failure(Code::kUnsupported, false) == "model_type");
  CHECK(tei_failure(Code::kDeadline, false) == "dropped");
  CHECK(tei_failure(Code::kCancelled, false) == "dropped");
}

}  // namespace
}  // namespace winnow

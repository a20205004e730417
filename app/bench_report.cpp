#include "app/bench_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "app/measure.h"
#include "base/error.h"
#include "base/json.h"
#include "base/progress.h"

namespace winnow {
namespace {

std::string_view kind_name(ModelKind kind) {
  switch (kind) {
    case ModelKind::kReranker:
      return "reranker";
    case ModelKind::kClassifier:
      return "classifier";
    case ModelKind::kEmbedder:
      return "embedder";
    case ModelKind::kGenerator:
      return "generator";
  }
  return "";
}

// Right-aligned within a column.
std::string cell(const std::string& text, size_t width = 11) {
  return std::string(text.size() < width ? width - text.size() : 1, ' ') + text;
}

std::string first_cell(const std::string& text) {
  constexpr size_t kWidth = 20;
  return text + std::string(text.size() < kWidth ? kWidth - text.size() : 1, ' ');
}

std::string milliseconds(std::optional<double> seconds) {
  return seconds ? shown_number(*seconds * 1e3) : "-";
}

double rounded(double value, double unit) { return std::round(value / unit) * unit; }

void member(JsonWriter& json, std::string_view name, std::optional<double> value) {
  if (value)
    json.member(name, *value);
  else
    json.key(name).null();
}

}  // namespace

std::string shown_number(double value) {
  char digits[64];
  const double size = std::abs(value);
  std::snprintf(digits, sizeof digits, "%.*f", size >= 1000 ? 0 : size >= 10 ? 1 : 3, value);
  std::string out = digits;
  for (size_t at = std::min(out.find('.'), out.size()); size >= 1000 && at > 3;)
    out.insert(at -= 3, 1, ',');
  return out;
}

void BenchReport::heading(const std::string& name, const std::string& columns) {
  if (section_ == name) return;
  section_ = name;
  out_.line("");
  out_.line(columns);
}

void BenchReport::model(const ModelInfo& info) {
  if (json_) {
    JsonWriter json;
    json.begin_object().member("measure", "model").member("model", info.name);
    json.member("kind", kind_name(info.kind)).member("architecture", info.architecture);
    json.member("device", info.device).member("dtype", info.dtype);
    json.member("parameters", info.parameters).member("weight_bytes", info.weight_bytes);
    json.member("operations_per_token", info.arithmetic.linear());
    return out_.line(json.end_object().take());
  }
  out_.line(cat(first_cell("model"), info.name, ", ", kind_name(info.kind), ", ",
                human_bytes(info.weight_bytes), " of weights"));
  out_.line(cat(first_cell("device"), info.device, ", ", info.dtype));
}

void BenchReport::texts(const TextLengths& t) {
  const double mean =
      static_cast<double>(t.tokens) / static_cast<double>(std::max<int64_t>(t.count, 1));
  if (json_) {
    JsonWriter json;
    json.begin_object().member("measure", "texts").member("source", t.source);
    json.member("count", t.count).member("mean_tokens", rounded(mean, 0.1));
    json.member("least_tokens", t.least).member("most_tokens", t.most);
    return out_.line(json.end_object().take());
  }
  out_.line(cat(first_cell("texts"), t.count, ", ", t.source, ", mean ", shown_number(mean),
                " tokens (", t.least, " to ", t.most, ")"));
}

void BenchReport::matrix_rate(double flops, const ModelInfo& info) {
  matrix_flops_ = flops;
  const char* what = info.device.starts_with("cpu") ? "f32 multiply-adds from registers"
                                                    : "a 16-bit product of 8192^3";
  if (json_) {
    JsonWriter json;
    json.begin_object().member("measure", "matrix_rate");
    member(json, "tflops", flops > 0 ? std::optional(flops * 1e-12) : std::nullopt);
    return out_.line(json.member("what", what).end_object().take());
  }
  out_.line(first_cell("matrix rate") + (flops > 0
                                             ? shown_number(flops * 1e-12) + " TFLOP/s, " + what
                                             : "unknown on this device"));
}

void BenchReport::throughput(const Throughput& t) {
  const double seconds = median(t.seconds);
  const auto [least, most] = std::minmax_element(t.seconds.begin(), t.seconds.end());
  const auto count = static_cast<double>(t.count), tokens = static_cast<double>(t.tokens);
  const double flops = t.operations / seconds;
  const auto share = matrix_flops_ > 0 ? std::optional(flops / matrix_flops_) : std::nullopt;
  if (json_) {
    JsonWriter json;
    json.begin_object().member("measure", "throughput").member("input", t.input);
    json.member("unit", t.unit).member("per_s", count / seconds);
    json.member("least_per_s", count / *most).member("most_per_s", count / *least);
    json.member("tokens_per_s", tokens / seconds).member("tflops", flops * 1e-12);
    member(json, "share_of_matrix_rate", share);
    json.member("count", t.count).member("tokens", t.tokens).member("a_call", t.a_call);
    json.member("callers", t.callers).member("passes", static_cast<int64_t>(t.seconds.size()));
    return out_.line(json.end_object().take());
  }
  heading("throughput", first_cell(cat(t.callers, " calls of ", t.a_call)) + cell(t.unit + "/s") +
                            cell("tokens/s") + cell("TFLOP/s") + cell("share"));
  out_.line(first_cell(t.input == "ids" ? "token ids in" : "text in") +
            cell(shown_number(count / seconds)) + cell(shown_number(tokens / seconds)) +
            cell(shown_number(flops * 1e-12)) + cell(share ? shown_number(*share) : "-"));
}

void BenchReport::ratio(const Throughput& ids, const Throughput& text) {
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(ids.seconds.size(), text.seconds.size()); ++i)
    ratios.push_back(ids.seconds[i] / text.seconds[i]);
  if (json_) {
    JsonWriter json;
    json.begin_object().member("measure", "text_over_ids").member("ratio", median(ratios));
    return out_.line(json.end_object().take());
  }
  out_.line(first_cell("text / ids") + cell(shown_number(median(ratios))));
}

void BenchReport::latency(const Latency& l) {
  const double p50 = median(l.seconds);
  const auto p90 = percentile(l.seconds, 0.9), p99 = percentile(l.seconds, 0.99);
  const auto requests = static_cast<int64_t>(l.seconds.size());
  if (json_) {
    JsonWriter json;
    json.begin_object().member("measure", "latency").member("what", l.what);
    json.member("count", l.count).member("requests", requests).member("p50_ms", p50 * 1e3);
    member(json, "p90_ms", p90 ? std::optional(*p90 * 1e3) : std::nullopt);
    member(json, "p99_ms", p99 ? std::optional(*p99 * 1e3) : std::nullopt);
    return out_.line(json.end_object().take());
  }
  heading("latency",
          first_cell("latency, ms") + cell("p50") + cell("p90") + cell("p99") + cell("requests"));
  out_.line(first_cell(l.what) + cell(milliseconds(p50)) + cell(milliseconds(p90)) +
            cell(milliseconds(p99)) + cell(std::to_string(requests)));
}

void BenchReport::decode(const DecodeRate& d) {
  const double rate = median(d.rates);
  const double a_stream = rate / std::max(d.running, 1);
  const double flops = rate * d.operations;
  const double bytes = a_stream * static_cast<double>(d.weight_bytes);
  if (json_) {
    JsonWriter json;
    json.begin_object().member("measure", "decode").member("streams", d.streams);
    json.member("running", d.running).member("context", d.context);
    json.member("tokens_per_s", rate).member("tokens_per_s_a_stream", a_stream);
    json.member("tflops", flops * 1e-12).member("weights_gb_per_s", bytes * 1e-9);
    return out_.line(json.end_object().take());
  }
  heading("decode", first_cell("decoding") + cell("tokens/s") + cell("a stream") + cell("TFLOP/s") +
                        cell("weights, GB/s", 15));
  std::string name = cat(d.streams, d.streams == 1 ? " stream" : " streams");
  if (d.running < d.streams) name = cat(d.running, " of ", d.streams);
  out_.line(first_cell(name) + cell(shown_number(rate)) + cell(shown_number(a_stream)) +
            cell(shown_number(flops * 1e-12)) + cell(shown_number(bytes * 1e-9), 15));
}

}  // namespace winnow

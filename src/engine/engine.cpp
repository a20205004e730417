#include "engine/engine.h"

#include <filesystem>

#include "base/utf8.h"
#include "engine/batcher.h"
#include "engine/model_folder.h"
#include "ops/cpu/cpu_kernels.h"

namespace winnow {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

bool has_8bit_weights(const Checkpoint& checkpoint) {
  for (const StoredTensor* t : checkpoint.tensors())
    if (t->transposed && !t->quantization.scales.empty()) return true;
  return false;
}

DType linear_dtype(const std::string& wish, const Checkpoint& checkpoint) {
  if (wish == "auto") return has_8bit_weights(checkpoint) ? DType::i8 : DType::f32;
  if (wish == "f32") return DType::f32;
  require(wish == "int8", "dtype: want auto, f32 or int8, got ", wish);
  return DType::i8;
}

// The folder's modules; a pooling that was asked for stands in their first place, or alone. Where
// nobody says anything, sentence-transformers' own default.
EmbedderParts chosen_parts(const std::string& wish, const ModelFolder& folder, bool& defaulted) {
  EmbedderParts parts = folder.parts;
  defaulted = wish == "auto" && parts.modules.empty();
  if (parts.modules.empty()) parts.modules.push_back({.kind = Module::Kind::kPooling});
  if (wish != "auto")
    parts.modules[0].pooling = {pooling_named(wish)};
  else if (defaulted)
    parts.modules[0].pooling = {Pooling::kMean};
  return parts;
}

std::string name_of(const std::vector<Pooling>& pooling) {
  std::string out;
  for (const Pooling p : pooling) {
    if (!out.empty()) out += '+';
    out += name_of(p);
  }
  return out;
}

ModelKind kind_of(const Network& network) {
  if (!network.classifier) return ModelKind::kEmbedder;
  return network.labels.size() == 1 ? ModelKind::kReranker : ModelKind::kClassifier;
}

}  // namespace

struct Engine::Parts {
  ModelInfo info;
  std::shared_ptr<const Tokenizer> tokenizer;
  Network network;
  std::unique_ptr<Batcher> batcher;  // last: it uses the network until it ends

  // Outputs for those that have a sequence; empty ones for the others.
  std::vector<Output> run(std::vector<Encoded>& encoded, const Call& call, CallTimes* times) {
    std::vector<Sequence> sequences;
    for (Encoded& e : encoded)
      if (!e.error) sequences.push_back(std::move(e.sequence));
    std::vector<Output> made = batcher->run(std::move(sequences), call, times),
                        outputs(encoded.size());
    size_t next = 0;
    for (size_t i = 0; i < encoded.size(); ++i)
      if (!encoded[i].error) outputs[i] = std::move(made[next++]);
    return outputs;
  }

  void want(bool classifier, const char* task) const {
    if (network.classifier != classifier)
      fail(Code::kUnsupported, info.name, ": model is not ", task, "; it is a ",
           network.architecture);
  }
};

std::unique_ptr<Engine> Engine::load(const EngineOptions& options) {
  if (!std::filesystem::is_directory(options.folder))
    fail(Code::kNotFound, options.folder, ": no such folder");
  auto parts = std::make_unique<Parts>();
  const std::shared_ptr<const Checkpoint> checkpoint = Checkpoint::open_folder(options.folder);
  const ModelFolder folder = read_model_folder(options.folder, *checkpoint);
  const DType dtype = linear_dtype(options.dtype, *checkpoint);
  const Kernels& kernels = cpu_kernels(options.isa.empty() ? best_isa() : options.isa);
  const Weights weights(checkpoint, kernels, dtype, /*keep_blocks=*/options.dtype == "auto");
  bool defaulted = false;
  parts->network =
      build_network(folder.config, chosen_parts(options.pooling, folder, defaulted), weights);
  parts->tokenizer = Tokenizer::from_folder(options.folder);
  const Network& network = parts->network;
  if (parts->tokenizer->vocab_size() > network.model->vocab_size())
    fail(Code::kCorrupt, options.folder, ": the tokenizer has ", parts->tokenizer->vocab_size(),
         " tokens, the model only ", network.model->vocab_size());

  ModelInfo& info = parts->info;
  info.folder = options.folder;
  info.name = options.name.empty()
                  ? std::filesystem::weakly_canonical(options.folder).filename().string()
                  : options.name;
  info.architecture = network.architecture;
  info.kind = kind_of(network);
  info.dtype = dtype == DType::i8 ? "int8" : "f32";
  info.pooling = name_of(network.pooling);
  info.pooling_is_default = !network.classifier && defaulted;
  info.sparse = network.sparse.has_value();
  info.multi_dimensions = network.multi ? static_cast<int>(network.multi->out) : 0;
  info.prompts = folder.prompts;
  info.default_prompt = folder.default_prompt;
  info.identity_scores = network.classifier && !folder.sigmoid;
  info.labels = network.labels;
  info.max_length = static_cast<int>(
      std::min(network.model->max_positions(), folder.max_length.value_or(INT64_MAX)));
  if (options.max_length > 0) info.max_length = std::min(info.max_length, options.max_length);
  info.dimensions = network.classifier ? 0 : static_cast<int>(network.head->width());
  info.hidden_size = static_cast<int>(network.model->hidden_size());
  info.parameters = weights.parameters();
  info.weight_bytes = weights.bytes();
  info.max_batch_tokens = options.max_batch_tokens;
  info.device = kernels.device;

  const int threads = options.threads > 0 ? options.threads : usable_cpus();
  parts->batcher =
      std::make_unique<Batcher>(make_local_executor(network, kernels, threads),
                                BatcherOptions{.max_batch_tokens = options.max_batch_tokens,
                                               .max_queue_tokens = options.max_queue_tokens});
  const TokenSpan warm = parts->tokenizer->tokenize("warm up");
  Encoded first = encode_tokens(warm, nullptr, *parts->tokenizer, {}, info.max_length);
  parts->batcher->run({std::move(first.sequence)}, {}, nullptr);
  return std::unique_ptr<Engine>(new Engine(std::move(parts)));
}

Engine::Engine(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Engine::~Engine() = default;

const ModelInfo& Engine::info() const { return parts_->info; }
const Tokenizer& Engine::tokenizer() const { return *parts_->tokenizer; }
EngineStats Engine::stats() const { return parts_->batcher->stats(); }
void Engine::observe(std::shared_ptr<BatchObserver> observer) {
  parts_->batcher->observe(std::move(observer));
}

RerankResponse Engine::rerank(const RerankRequest& request, const Call& call, CallTimes* times) {
  CallTimes local, &t = times ? *times : local;
  const Clock::time_point start = Clock::now();
  const bool late = parts_->network.multi.has_value();
  if (!late) parts_->want(true, "a re-ranker model");
  if (!late && parts_->network.labels.size() != 1)
    fail(Code::kUnsupported, parts_->info.name, ": model is not a re-ranker model; it has ",
         parts_->network.labels.size(), " labels");
  const int limit = parts_->info.max_length;
  std::vector<Encoded> encoded =
      late ? encode_late(request, tokenizer(), limit) : encode_rerank(request, tokenizer(), limit);
  t.tokenize = seconds_since(start);
  const std::vector<Output> outputs = parts_->run(encoded, call, &t);
  RerankResponse response =
      late ? decode_late(request, encoded, outputs, parts_->info.multi_dimensions)
           : decode_rerank(request, encoded, outputs);
  t.characters = code_points(request.query);
  for (const std::string& document : request.documents) t.characters += code_points(document);
  t.total = seconds_since(start);
  return response;
}

std::vector<std::vector<float>> Engine::embed(const EmbedRequest& request, const Call& call,
                                              CallTimes* times) {
  CallTimes local, &t = times ? *times : local;
  const Clock::time_point start = Clock::now();
  parts_->want(false, "an embedding model");
  std::vector<Encoded> encoded = encode_embed(request, tokenizer(), parts_->info.max_length);
  require_all(encoded);
  t.tokenize = seconds_since(start);
  std::vector<std::vector<float>> vectors = decode_embed(request, parts_->run(encoded, call, &t));
  for (const EmbedInput& input : request.inputs)
    if (const auto* text = std::get_if<std::string>(&input)) t.characters += code_points(*text);
  t.total = seconds_since(start);
  return vectors;
}

std::vector<Embedding> Engine::embed_outputs(const EmbedRequest& request, const Call& call,
                                             CallTimes* times) {
  CallTimes local, &t = times ? *times : local;
  const Clock::time_point start = Clock::now();
  const ModelInfo& info = parts_->info;
  parts_->want(false, "an embedding model");
  if ((request.outputs & Sequence::kSparse) && !info.sparse)
    fail(Code::kUnsupported, info.name, ": model has no sparse head");
  if ((request.outputs & Sequence::kMulti) && info.multi_dimensions == 0)
    fail(Code::kUnsupported, info.name, ": model has no multi-vector head");
  std::vector<Encoded> encoded = encode_embed(request, tokenizer(), info.max_length);
  require_all(encoded);
  t.tokenize = seconds_since(start);
  std::vector<std::vector<int32_t>> ids;
  for (const Encoded& e : encoded) ids.push_back(e.sequence.ids);
  const std::vector<Output> outputs = parts_->run(encoded, call, &t);
  std::vector<Embedding> embeddings = decode_embeddings(
      request, ids, outputs,
      {.pooled = info.dimensions, .multi = info.multi_dimensions, .hidden = info.hidden_size},
      tokenizer());
  for (const EmbedInput& input : request.inputs)
    if (const auto* text = std::get_if<std::string>(&input)) t.characters += code_points(*text);
  t.total = seconds_since(start);
  return embeddings;
}

std::vector<std::vector<LabelScore>> Engine::classify(const ClassifyRequest& request,
                                                      const Call& call, CallTimes* times) {
  CallTimes local, &t = times ? *times : local;
  const Clock::time_point start = Clock::now();
  parts_->want(true, "a classifier model");
  std::vector<Encoded> encoded = encode_classify(request, tokenizer(), parts_->info.max_length);
  require_all(encoded);
  t.tokenize = seconds_since(start);
  std::vector<std::vector<LabelScore>> labels =
      decode_classify(request, parts_->run(encoded, call, &t));
  for (const ClassifyInput& input : request.inputs)
    t.characters += code_points(input.text) + (input.pair ? code_points(*input.pair) : 0);
  t.total = seconds_since(start);
  return labels;
}

}  // namespace winnow

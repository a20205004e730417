// Long because it is every verb of the API, each a few lines over the same parts.
#include "engine/engine.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/json_file.h"
#include "base/utf8.h"
#include "engine/batcher.h"
#include "engine/decoder_folder.h"
#include "engine/decoder_pool.h"
#include "engine/device.h"
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

// Prompt tokens of a step on a GPU while others are being generated: a few milliseconds of a 7B.
constexpr int64_t kGpuBusyTokens = 1024;

// Executors of one GPU: while one's batch is computed, another's is packed, sent and delivered.
constexpr int kTurns = 2;

int threads_of(const EngineOptions& options) {
  return options.threads > 0 ? options.threads : usable_cpus();
}

struct DecoderTask {
  ModelKind kind = ModelKind::kGenerator;
  DecoderOutput output = NextToken{};
  std::optional<YesNoPrompt> prompt = {};  // rerankers
};

// How a yes/no reranker is asked: as the options say, or as the checkpoint does. Empty: neither
// says.
std::optional<YesNoPrompt> yes_no_prompt(const EngineOptions& options, const ModelFolder& folder,
                                         const Json& logit_score) {
  std::optional<YesNoPrompt> prompt = options.yes_no_prompt;
  if (!prompt && !options.yes_no_preset.empty()) prompt = yes_no_preset(options.yes_no_preset);
  if (!prompt)
    if (const auto name = preset_for(
            folder.config, std::filesystem::weakly_canonical(options.folder).filename().string(),
            logit_score))
      prompt = yes_no_preset(*name);
  if (prompt && !options.yes_no_instruction.empty())
    prompt->instruction = options.yes_no_instruction;
  return prompt;
}

// What the options ask of a decoder, or else what its folder says of itself: a yes/no reranker by
// its name or a LogitScore module; an embedder by how it pools, or by having no language head.
DecoderTask decoder_task(const EngineOptions& options, const ModelFolder& folder,
                         const Tokenizer& tokenizer) {
  const std::string& task = options.task;
  require(task == "auto" || task == "generate" || task == "rerank" || task == "embed",
          "task: want auto, generate, rerank or embed, got ", task);
  const std::string_view architecture = folder.config.at("architectures")[0].string();
  const bool scores = architecture.ends_with("ForSequenceClassification");
  const Json logit_score = read_json(options.folder + "/1_LogitScore/config.json").value_or(Json());
  const std::optional<YesNoPrompt> prompt = yes_no_prompt(options, folder, logit_score);
  const std::vector<Module>& modules = folder.parts.modules;
  if (task == "rerank" || scores || (task == "auto" && prompt)) {
    if (!prompt)
      fail(Code::kUnsupported, options.folder,
           ": nothing says how to ask this model for yes or no: choose a prompt preset");
    DecoderTask out{ModelKind::kReranker, LastHidden{}, prompt};
    if (!scores) {
      const auto named = yes_no_tokens(logit_score);
      const YesNoTokens tokens = named ? *named : yes_no_tokens(*prompt, tokenizer);
      out.output = TwoTokens{.no = tokens.no, .yes = tokens.yes};
    }
    return out;
  }
  if (task == "generate" || (task == "auto" && modules.empty() && !architecture.ends_with("Model")))
    return {};
  for (const Module& module : modules)
    if (module.kind != Module::Kind::kNormalize &&
        (module.kind != Module::Kind::kPooling ||
         module.pooling != std::vector<Pooling>{Pooling::kLast}))
      fail(Code::kUnsupported, folder.config.path(),
           ": a decoder pools its last token, and nothing stands on that; the folder's modules say "
           "otherwise");
  return {ModelKind::kEmbedder, LastHidden{}, {}};
}

// Pages for keys and values: what the options say, else a quarter of the machine's memory, and no
// more than 16 texts of the longest length need.
int64_t kv_pages(const EngineOptions& options, const Kernels& kernels, const KvShape& shape,
                 int64_t max_length) {
  const int64_t page = KvCache::page_bytes(kernels, shape.layers, shape.kv_heads, shape.head_size);
  int64_t bytes = options.kv_cache_bytes;
  if (bytes == 0 && kernels.free_bytes) {
    bytes = kernels.free_bytes(*kernels.memory) / 4 * 3;  // the rest is for what a step computes
  } else if (bytes == 0) {
    const int64_t memory = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
    bytes = std::min(memory / 4, 16 * (max_length / kPageTokens + 1) * page);
  }
  require(bytes >= 2 * page, "kv_cache_bytes: want room for two pages of ", page, " bytes, got ",
          bytes);
  return bytes / page;
}

ModelKind kind_of(const Network& network) {
  if (!network.classifier) return ModelKind::kEmbedder;
  return network.labels.size() == 1 ? ModelKind::kReranker : ModelKind::kClassifier;
}

std::vector<std::vector<int32_t>> ids_of(const std::vector<Encoded>& encoded) {
  std::vector<std::vector<int32_t>> out;
  out.reserve(encoded.size());
  for (const Encoded& e : encoded) out.push_back(e.sequence.ids);
  return out;
}

}  // namespace

struct Engine::Parts {
  ModelInfo info;
  std::shared_ptr<const Tokenizer> tokenizer;
  // One of the two: encoders, or a decoder.
  std::vector<Network> networks;     // one a replica
  std::unique_ptr<Batcher> batcher;  // uses the networks until it ends
  std::unique_ptr<DecoderPool> decoder;
  std::shared_ptr<const ChatTemplate> chat;  // null: none
  std::optional<YesNoPrompt> prompt;         // yes/no rerankers
  std::vector<const Kernels*> replicas;
  std::string isa;  // of the CPU
  int threads = 0;
  LateForm late;  // embedders with a vector a token

  // Outputs for those that have a sequence; empty ones for the others.
  std::vector<Output> run(std::vector<Encoded>& encoded, const Call& call, CallTimes* times) {
    std::vector<Sequence> sequences;
    for (Encoded& e : encoded)
      if (!e.error) sequences.push_back(std::move(e.sequence));
    std::vector<Output> made = decoder ? decoder->run(std::move(sequences), call, times)
                                       : batcher->run(std::move(sequences), call, times),
                        outputs(encoded.size());
    size_t next = 0;
    for (size_t i = 0; i < encoded.size(); ++i)
      if (!encoded[i].error) outputs[i] = std::move(made[next++]);
    return outputs;
  }

  void want(bool fits, const char* task) const {
    if (!fits)
      fail(Code::kUnsupported, info.name, ": model is not ", task, "; it is a ", info.architecture);
  }
  void want_vectors() const {
    if (info.dimensions == 0)
      fail(Code::kUnsupported, info.name,
           ": the model gives a vector a token and none a text: ask for those, or rerank with it");
  }
  bool is(ModelKind kind) const { return info.kind == kind; }
  bool is_late() const { return info.multi_dimensions > 0; }  // reranks by a vector a token

  void want_reranker() const {
    if (!is_late())
      want(!is(ModelKind::kEmbedder) && !is(ModelKind::kGenerator), "a re-ranker model");
    if (!is_late() && info.labels.size() != 1)
      fail(Code::kUnsupported, info.name, ": model is not a re-ranker model; it has ",
           info.labels.size(), " labels");
  }
  std::vector<Encoded> encode(const RerankRequest& request) const {
    const int limit = info.max_length;
    return prompt      ? encode_yes_no(request, *prompt, *tokenizer, limit)
           : is_late() ? encode_late(request, late, *tokenizer, limit)
                       : encode_rerank(request, *tokenizer, limit);
  }

  void load_encoder(const EngineOptions& options, const ModelFolder& folder,
                    const std::vector<Weights>& weights, const Device& device);
  void load_decoder(const EngineOptions& options, const ModelFolder& folder,
                    const std::vector<Weights>& weights, const Device& device);
  void describe(const DecoderNetwork& net, const DecoderTask& task, const ModelFolder& folder);
};

void Engine::Parts::load_encoder(const EngineOptions& options, const ModelFolder& folder,
                                 const std::vector<Weights>& weights, const Device& device) {
  bool defaulted = false;
  for (const Weights& w : weights)
    networks.push_back(
        build_network(folder.config, chosen_parts(options.pooling, folder, defaulted), w));
  const Network& network = networks.front();
  tokenizer = Tokenizer::from_folder(options.folder);
  if (folder.colbert) late = late_form(*folder.colbert, *tokenizer);
  info.architecture = network.architecture;
  info.kind = kind_of(network);
  info.pooling = name_of(network.pooling);
  info.pooling_is_default = !network.classifier && network.head && defaulted;
  info.sparse = network.sparse.has_value();
  info.multi_dimensions = network.multi ? static_cast<int>(network.multi->width()) : 0;
  info.query_and_document = folder.colbert.has_value();
  info.identity_scores = network.classifier && !folder.sigmoid;
  info.labels = network.labels;
  info.max_length = static_cast<int>(
      std::min(network.model->max_positions(), folder.max_length.value_or(INT64_MAX)));
  info.dimensions =
      network.classifier || !network.head ? 0 : static_cast<int>(network.head->width());
  info.hidden_size = static_cast<int>(network.model->hidden_size());
  info.vocabulary = network.model->vocab_size();
  std::vector<std::unique_ptr<Executor>> executors;
  for (size_t i = 0; i < networks.size(); ++i)
    for (int turn = 0; turn < (device.gpu ? kTurns : 1); ++turn)
      executors.push_back(make_local_executor(networks[i], *device.replicas[i],
                                              device.gpu ? 1 : threads_of(options),
                                              options.max_batch_tokens));
  batcher = std::make_unique<Batcher>(std::move(executors),
                                      BatcherOptions{.max_batch_tokens = options.max_batch_tokens,
                                                     .max_queue_tokens = options.max_queue_tokens});
}

void Engine::Parts::load_decoder(const EngineOptions& options, const ModelFolder& folder,
                                 const std::vector<Weights>& weights, const Device& device) {
  DecoderFolder files = read_decoder_folder(options.folder, folder.config);
  tokenizer = files.tokenizer;
  const DecoderTask task = decoder_task(options, folder, *tokenizer);
  prompt = task.prompt;
  if (prompt) info.labels = {prompt->yes};
  chat = files.chat;
  std::vector<std::unique_ptr<DecoderRunner>> replicas;
  for (size_t i = 0; i < weights.size(); ++i) {
    DecoderNetwork net = build_decoder(folder.config, task.output, weights[i]);
    if (i == 0) describe(net, task, folder);
    const Kernels& kernels = *device.replicas[i];
    const int64_t pages = kv_pages(options, kernels, net.model->kv_shape(), info.max_length);
    info.max_length =
        static_cast<int>(std::min<int64_t>(info.max_length, (pages - 1) * kPageTokens));
    replicas.push_back(std::make_unique<DecoderRunner>(
        std::move(net), tokenizer, files.end_tokens, kernels, threads_of(options),
        SchedulerOptions{
            .pages = pages,
            .step_tokens = kernels.step_tokens > 0
                               ? std::min<int64_t>(kernels.step_tokens, options.max_batch_tokens)
                               : int64_t{256} * threads_of(options),
            .busy_step_tokens = kernels.step_tokens > 0 ? kGpuBusyTokens : 64,
            .max_queue_tokens = options.max_queue_tokens}));
  }
  decoder = std::make_unique<DecoderPool>(std::move(replicas));
}

// What a decoder says of itself.
void Engine::Parts::describe(const DecoderNetwork& net, const DecoderTask& task,
                             const ModelFolder& folder) {
  info.architecture = net.architecture;
  info.kind = task.kind;
  info.chat = chat != nullptr && task.kind == ModelKind::kGenerator;
  info.max_length =
      static_cast<int>(std::min(net.model->max_positions(), folder.max_length.value_or(INT64_MAX)));
  if (task.kind == ModelKind::kEmbedder) {
    info.pooling = "lasttoken";
    info.dimensions = static_cast<int>(net.width());
  }
  info.hidden_size = static_cast<int>(net.model->hidden_size());
  info.vocabulary = net.model->vocab_size();
}

std::unique_ptr<Engine> Engine::load(const EngineOptions& options) {
  if (!std::filesystem::is_directory(options.folder))
    fail(Code::kNotFound, options.folder, ": no such folder");
  auto parts = std::make_unique<Parts>();
  const std::shared_ptr<const Checkpoint> checkpoint = Checkpoint::open_folder(options.folder);
  const ModelFolder folder = read_model_folder(options.folder, *checkpoint);
  const Device device =
      choose_device(options, is_decoder(folder.config), has_8bit_weights(*checkpoint));
  std::vector<Weights> weights;
  for (const Kernels* kernels : device.replicas)
    weights.emplace_back(checkpoint, *kernels, device.linear, device.keep_blocks);
  parts->replicas = device.replicas;
  parts->isa = options.isa.empty() ? best_isa() : options.isa;
  parts->threads = threads_of(options);
  ModelInfo& info = parts->info;
  info.folder = options.folder;
  info.name = options.name.empty()
                  ? std::filesystem::weakly_canonical(options.folder).filename().string()
                  : options.name;
  info.dtype = device.dtype_name;
  info.prompts = folder.prompts;
  info.default_prompt = folder.default_prompt;
  info.max_batch_tokens = options.max_batch_tokens;
  info.device = device.name();
  info.arithmetic = layer_arithmetic(folder.config);
  if (is_decoder(folder.config))
    parts->load_decoder(options, folder, weights, device);
  else
    parts->load_encoder(options, folder, weights, device);
  if (parts->tokenizer->vocab_size() > info.vocabulary)
    fail(Code::kCorrupt, options.folder, ": the tokenizer has ", parts->tokenizer->vocab_size(),
         " tokens, the model only ", info.vocabulary);
  if (options.max_length > 0) info.max_length = std::min(info.max_length, options.max_length);
  info.parameters = weights.front().parameters();
  info.weight_bytes = weights.front().bytes();

  Encoded first = encode_tokens(parts->tokenizer->tokenize("warm up"), nullptr, *parts->tokenizer,
                                {}, info.max_length);
  if (info.dimensions == 0 && info.multi_dimensions > 0) first.sequence.outputs = Sequence::kMulti;
  std::vector<Encoded> warm;
  warm.push_back(std::move(first));
  parts->run(warm, {}, nullptr);
  return std::unique_ptr<Engine>(new Engine(std::move(parts)));
}

Engine::Engine(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Engine::~Engine() = default;

const ModelInfo& Engine::info() const { return parts_->info; }
const Tokenizer& Engine::tokenizer() const { return *parts_->tokenizer; }
EngineStats Engine::stats() const {
  if (!parts_->decoder) return parts_->batcher->stats();
  const SchedulerStats s = parts_->decoder->stats();
  EngineStats stats{.queued_sequences = s.waiting,
                    .queued_tokens = s.waiting_tokens,
                    .batches = s.steps,
                    .batch_tokens = s.step_tokens,
                    .sequences = s.finished,
                    .dropped_sequences = s.dropped};
  stats.decoder = s;
  return stats;
}
void Engine::observe(std::shared_ptr<BatchObserver> observer) {
  if (parts_->decoder)
    parts_->decoder->observe(observer);
  else
    parts_->batcher->observe(std::move(observer));
}

RerankResponse Engine::rerank(const RerankRequest& request, const Call& call, CallTimes* times) {
  CallTimes local, &t = times ? *times : local;
  const Clock::time_point start = Clock::now();
  parts_->want_reranker();
  const std::optional<YesNoPrompt>& prompt = parts_->prompt;
  std::vector<Encoded> encoded = parts_->encode(request);
  t.tokenize = seconds_since(start);
  const std::vector<std::vector<int32_t>> ids =
      parts_->is_late() ? ids_of(encoded) : std::vector<std::vector<int32_t>>();
  const std::vector<Output> outputs = parts_->run(encoded, call, &t);
  RerankResponse response = prompt ? decode_yes_no(request, *prompt, encoded, outputs)
                            : parts_->is_late()
                                ? decode_late(request, parts_->late, encoded,
                                              {ids, outputs, parts_->info.multi_dimensions})
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
  parts_->want(parts_->is(ModelKind::kEmbedder), "an embedding model");
  parts_->want_vectors();
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
  parts_->want(parts_->is(ModelKind::kEmbedder), "an embedding model");
  if ((request.outputs & Sequence::kSparse) && !info.sparse)
    fail(Code::kUnsupported, info.name, ": model has no sparse head");
  if ((request.outputs & Sequence::kMulti) && info.multi_dimensions == 0)
    fail(Code::kUnsupported, info.name, ": model has no multi-vector head");
  if (request.outputs & Sequence::kPooled) parts_->want_vectors();
  std::vector<Encoded> encoded = encode_embed(request, tokenizer(), info.max_length, parts_->late);
  require_all(encoded);
  t.tokenize = seconds_since(start);
  const std::vector<std::vector<int32_t>> ids = ids_of(encoded);
  const std::vector<Output> outputs = parts_->run(encoded, call, &t);
  std::vector<Embedding> embeddings = decode_embeddings(request, ids, outputs,
                                                        {.pooled = info.dimensions,
                                                         .multi = info.multi_dimensions,
                                                         .hidden = info.hidden_size,
                                                         .form = parts_->late},
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
  parts_->want(!parts_->decoder && !parts_->is(ModelKind::kEmbedder), "a classifier model");
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

namespace {
std::vector<Sequence> without_refused(std::vector<Encoded> encoded) {
  std::vector<Sequence> sequences;
  for (Encoded& e : encoded)
    if (!e.error) sequences.push_back(std::move(e.sequence));
  return sequences;
}
}  // namespace

std::vector<Sequence> Engine::encode(const RerankRequest& request) const {
  parts_->want_reranker();
  return without_refused(parts_->encode(request));
}

std::vector<Sequence> Engine::encode(const EmbedRequest& request) const {
  parts_->want(parts_->is(ModelKind::kEmbedder), "an embedding model");
  return without_refused(encode_embed(request, tokenizer(), parts_->info.max_length));
}

std::vector<Sequence> Engine::encode(const ClassifyRequest& request) const {
  parts_->want(!parts_->decoder && !parts_->is(ModelKind::kEmbedder), "a classifier model");
  return without_refused(encode_classify(request, tokenizer(), parts_->info.max_length));
}

std::vector<Output> Engine::run(std::vector<Sequence> sequences, const Call& call,
                                CallTimes* times) {
  CallTimes local, &t = times ? *times : local;
  const Clock::time_point start = Clock::now();
  const ModelInfo& info = parts_->info;
  parts_->want(info.kind != ModelKind::kGenerator, "one that reads whole texts");
  const int64_t types = parts_->decoder ? INT32_MAX : parts_->networks.front().model->type_count();
  const auto within = [](const std::vector<int32_t>& values, int64_t limit) {
    return std::all_of(values.begin(), values.end(),
                       [&](int32_t v) { return v >= 0 && v < limit; });
  };
  for (const Sequence& s : sequences) {
    require(!s.ids.empty() && s.ids.size() <= static_cast<size_t>(info.max_length) &&
                s.type_ids.size() == s.ids.size(),
            "run: want 1 to ", info.max_length, " ids and as many type ids, got ", s.ids.size(),
            " and ", s.type_ids.size());
    require(within(s.ids, info.vocabulary) && within(s.type_ids, types), "run: want ids below ",
            info.vocabulary, " and type ids below ", types, ", got others");
  }
  std::vector<Output> outputs = parts_->decoder
                                    ? parts_->decoder->run(std::move(sequences), call, &t)
                                    : parts_->batcher->run(std::move(sequences), call, &t);
  t.total = seconds_since(start);
  return outputs;
}

double Engine::matrix_flops() const {
  double sum = 0;
  for (const Kernels* kernels : parts_->replicas) {
    if (kernels->matrix_flops)
      sum += kernels->matrix_flops(*kernels->memory);
    else if (kernels->memory->is_host())
      sum += fma_flops(parts_->isa, parts_->threads);
  }
  return sum;
}

std::unique_ptr<Generation> Engine::generate(GenerateRequest request, const Call& call) {
  parts_->want(parts_->is(ModelKind::kGenerator), "a generator");
  return parts_->decoder->generate(std::move(request), call, parts_->info.max_length);
}

std::vector<int32_t> Engine::chat_prompt(const ChatRender& conversation) const {
  parts_->want(parts_->is(ModelKind::kGenerator), "a generator");
  if (!parts_->chat)
    fail(Code::kUnsupported, parts_->info.name, ": the model has no chat template");
  return tokenizer().tokenize(parts_->chat->render(conversation)).ids;
}

}  // namespace winnow

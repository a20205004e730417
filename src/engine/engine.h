// The typed API of winnow: a loaded model, its tokenizer and its queue. Thread-safe: any number of
// threads may call; a call blocks until its answer is there. Calls of different threads share
// token-packed batches.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "engine/call.h"
#include "engine/generation.h"
#include "models/arithmetic.h"
#include "tasks/classify.h"
#include "tasks/embed.h"
#include "tasks/rerank.h"
#include "tasks/yes_no.h"
#include "text/chat_template.h"

namespace winnow {

struct EngineOptions {
  std::string folder;  // the model's files
  std::string name;    // the name it is served by; empty: the folder's last part
  // "cpu", "cuda": every GPU, "cuda:0" or "cuda:0,2": those, a replica each; "auto": GPUs where
  // there are any that can be used, else the CPU, and for int8 the CPU.
  std::string device = "auto";
  // "f32"; on a CPU "int8"; on GPUs "f16", "bf16", "f8"; "auto": on a CPU int8 where the file's
  // weights are, else f32; on GPUs bf16 for decoders, else f16.
  std::string dtype = "auto";
  // Of a GPU's memory: bytes, or a share up to 1. Weights, batches and pages fit into it.
  double max_memory = 0.8;
  std::string pooling = "auto";  // embedders: "cls", "mean" ... (name_of(Pooling)), or "auto": what
                                 // the folder's modules say, else "mean"
  std::string isa;  // "plain", "avx2", "avx512"; empty: the best that the processor has
  int threads = 0;  // 0: every usable CPU
  int max_batch_tokens = 16384;
  int max_queue_tokens = 1 << 22;  // more waiting than this is kOverloaded
  int max_length = 0;              // 0: the model's own
  // Decoders: what for. "generate", "rerank" (yes or no), "embed", or "auto": what the folder says,
  // else generate.
  std::string task = "auto";
  int64_t kv_cache_bytes = 0;  // decoders: memory for keys and values; 0: a quarter of the
                               // machine's, and no more than 16 texts of the longest length need
  // Yes/no rerankers (tasks/yes_no.h): a prompt, else a preset's name, else what the checkpoint
  // says of itself; and what to judge by where a request does not say, "" being the prompt's own.
  std::optional<YesNoPrompt> yes_no_prompt;
  std::string yes_no_preset;
  std::string yes_no_instruction;
};

// One label, several labels, none; a decoder with its language head.
enum class ModelKind { kReranker, kClassifier, kEmbedder, kGenerator };

// What a decoder's scheduler does; its counts are since the start.
struct SchedulerStats {
  int64_t running, waiting, waiting_tokens;  // texts, texts, tokens
  int64_t unfinished_tokens;                 // waiting ones, and what running texts have left
  int64_t pages, pages_in_use;               // of keys and values; in use: owned by a text
  int64_t prompt_tokens, cached_tokens;      // given; of these, found computed
  int64_t new_tokens, steps, step_tokens;
  int64_t finished, dropped;  // texts
};

struct ModelInfo {
  std::string name, folder, architecture;  // architecture: "BertForSequenceClassification"
  ModelKind kind;
  std::string dtype;                // "f32", "int8", "f16" ...: what the linear layers compute in
  std::string pooling;              // "cls", "mean" ...; several: "cls+mean"; embedders only
  bool pooling_is_default = false;  // nothing says how to pool: sentence-transformers' default
  bool sparse = false;              // gives a weight for each token (bge-m3)
  int multi_dimensions = 0;         // of a vector for each token (bge-m3, ColBERT); 0: it has none
  bool query_and_document = false;  // those differ between a query and a document (ColBERT)
  std::map<std::string, std::string> prompts;  // what a text is preceded by, by name
  std::string default_prompt;                  // a name in prompts, or ""
  bool identity_scores = false;     // the checkpoint's own CrossEncoder gives logits, not sigmoids
  bool chat = false;                // generators: has a chat template
  std::vector<std::string> labels;  // classifiers and rerankers
  int max_length;                   // tokens, special ones included
  int dimensions;                   // of an embedding; 0 for classifiers and ColBERT
  int hidden_size = 0;              // of a token's hidden state
  int64_t vocabulary = 0;           // ids are below
  int64_t parameters;
  int64_t weight_bytes;  // in memory, as packed
  int max_batch_tokens;
  std::string device;  // "cpu avx512", "cuda:0 NVIDIA H100 80GB HBM3"; several: "…, …"
  LayerArithmetic arithmetic;
};

// Where a call's time went; filled on return, in seconds. Queue and compute are means over the
// call's sequences.
struct CallTimes {
  double tokenize = 0, queue = 0, compute = 0, total = 0;
  int64_t tokens = 0;      // computed
  int64_t characters = 0;  // code points of the input texts
};

// What the engine does at this moment and since it started, for /metrics.
struct EngineStats {
  int64_t queued_sequences, queued_tokens, batches, batch_tokens, sequences, dropped_sequences;
  std::optional<SchedulerStats> decoder = {};
};

// Called once after each batch, from the threads of the engine, several at once; must be quick.
struct BatchObserver {
  virtual ~BatchObserver() = default;
  virtual void on_batch(int64_t sequences, int64_t tokens, double seconds) = 0;
};

class Engine {
 public:
  // Loads, packs the weights and runs one warm-up sequence. Throws kNotFound, kCorrupt,
  // kUnsupported naming file and key.
  static std::unique_ptr<Engine> load(const EngineOptions& options);
  ~Engine();  // waits for the batch in hand; calls still waiting get kCancelled

  const ModelInfo& info() const;
  const Tokenizer& tokenizer() const;
  EngineStats stats() const;
  void observe(std::shared_ptr<BatchObserver> observer);  // before the first call

  // rerank scores with a cross-encoder of one label, or by maxsim with an embedder that has a
  // vector a token. Each throws what its task's encode and decode throw, kUnsupported when the
  // model is of another kind, and kOverloaded (queue full), kDeadline, kCancelled.
  RerankResponse rerank(const RerankRequest& request, const Call& call = {},
                        CallTimes* times = nullptr);
  std::vector<std::vector<float>> embed(const EmbedRequest& request, const Call& call = {},
                                        CallTimes* times = nullptr);
  // embed with whatever request.outputs asks for; kUnsupported when the model has no such head.
  std::vector<Embedding> embed_outputs(const EmbedRequest& request, const Call& call = {},
                                       CallTimes* times = nullptr);
  std::vector<std::vector<LabelScore>> classify(const ClassifyRequest& request,
                                                const Call& call = {}, CallTimes* times = nullptr);

  // The two halves of rerank, embed and classify, for whoever tokenizes once and computes often
  // (winnow bench): the sequences that a request becomes, but those of inputs that it refuses; and
  // what the model gives for sequences, in order. encode throws as the verb; run kInvalidArgument
  // for an id or type id that the model has not, for another number of type ids than of ids, and
  // for no id or more than max_length, kUnsupported for generators, and as the verbs.
  std::vector<Sequence> encode(const RerankRequest& request) const;
  std::vector<Sequence> encode(const EmbedRequest& request) const;
  std::vector<Sequence> encode(const ClassifyRequest& request) const;
  std::vector<Output> run(std::vector<Sequence> sequences, const Call& call = {},
                          CallTimes* times = nullptr);

  // Operations a second of the device's own fastest product, measured now: on a GPU a large matrix
  // product in 16 bits, on the CPU f32 multiply-adds from registers on the engine's threads. Of
  // several GPUs the sum. 0: the device cannot tell. For an engine at rest; takes about half a
  // second.
  double matrix_flops() const;

  // Begins to generate; generators only. Several run at once and do not change each other's tokens.
  // Throws kTooLong when the prompt leaves no room for a token, kInvalidArgument naming an option
  // out of its range, kUnsupported naming what a schema has that cannot be done, kOverloaded.
  std::unique_ptr<Generation> generate(GenerateRequest request, const Call& call = {});
  // The ids of a conversation by the checkpoint's own chat template. Throws kUnsupported when it
  // has none, kInvalidArgument with the template's own words where it refuses the conversation.
  std::vector<int32_t> chat_prompt(const ChatRender& conversation) const;

 private:
  struct Parts;
  explicit Engine(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace winnow

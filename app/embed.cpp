// winnow embed: texts to vectors.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <charconv>
#include <memory>

#include "app/commands.h"
#include "app/documents.h"
#include "app/in_order.h"
#include "app/model_flags.h"
#include "app/npy.h"
#include "app/result_stream.h"
#include "base/error.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/utf8.h"
#include "http/embed_tokens_route.h"
#include "http/models.h"

namespace winnow {
namespace {

constexpr size_t kTextsACall = 64, kCallsAtOnce = 4;

struct Flags {
  ModelFlags model;
  ComputeFlags compute;
  std::vector<std::string> texts;
  std::string file, out = "-", prompt, prompt_name;
  bool json = false, npy = false, no_normalize = false, sparse = false, multi = false;
  int dimensions = 0;
};

// The texts of the arguments or of the file. A text that no model can read is named by its line
// before any work.
std::vector<std::string> texts_of(const Flags& flags) {
  if (flags.file.empty() && flags.texts != std::vector<std::string>{"-"}) {
    if (flags.texts.empty())
      throw CLI::ValidationError("TEXT", "want a TEXT, or - or --file FILE for many");
    if (flags.texts.size() == 1 && ::access(flags.texts[0].c_str(), F_OK) == 0)
      std::fprintf(
          stderr,
          "winnow embed: note: this embeds the text \"%s\"; --file %s embeds the file's lines\n",
          flags.texts[0].c_str(), flags.texts[0].c_str());
    return flags.texts;
  }
  if (!flags.file.empty() && !flags.texts.empty())
    throw CLI::ValidationError("TEXT", "want a TEXT or --file FILE, and not both");
  const std::string path = flags.file.empty() ? "-" : flags.file;
  std::vector<std::string> texts;
  for (Document& document : parse_documents(read_input(path), input_name(path))) {
    if (const auto at = invalid_utf8_at(document.text))
      fail(Code::kTokenizer, input_name(path), ":", document.line,
           ": want UTF-8, got another byte at byte ", *at, " of the text");
    texts.push_back(std::move(document.text));
  }
  return texts;
}

// A line of a text's token weights, or of its vectors a token, as /embed_sparse and /embed_all
// answer.
std::string token_line(const Embedding& embedding, bool sparse) {
  const std::string array = sparse ? sparse_json({embedding}) : tokens_json({embedding});
  return array.substr(1, array.size() - 2);  // the array around the one text
}

// Writes vectors one after another in one of the three forms.
class VectorWriter {
 public:
  VectorWriter(ResultStream& out, const Flags& flags, const ModelInfo& model, size_t count)
      : out_(out), flags_(flags), model_(model) {
    if (flags.json) out_.write(R"({"object":"list","data":[)");
    if (flags.npy) out_.write(npy_header(static_cast<int64_t>(count), columns()));
  }

  void write(const std::vector<float>& vector) {
    if (flags_.npy) {
      static_assert(std::endian::native == std::endian::little, "npy_header says so");
      out_.write({reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float)});
    } else if (flags_.json) {
      JsonWriter json;
      json.begin_object()
          .member("object", "embedding")
          .member("index", static_cast<int64_t>(index_));
      json.key("embedding").begin_array();
      for (const float value : vector) json.value(value);
      json.end_array().end_object();
      if (index_ > 0) out_.write(",");
      out_.write(json.text());
    } else {
      std::string line;
      char number[32];
      for (const float value : vector) {
        if (!line.empty()) line += ' ';
        line.append(number, std::to_chars(number, number + sizeof number, value).ptr);
      }
      out_.line(line);
    }
    ++index_;
  }

  void end(int64_t tokens) {
    if (!flags_.json) return;
    JsonWriter usage;
    usage.begin_object()
        .member("prompt_tokens", tokens)
        .member("total_tokens", tokens)
        .end_object();
    JsonWriter name;
    name.value(model_.name);
    out_.line("],\"model\":" + name.text() + ",\"usage\":" + usage.text() + "}");
  }

 private:
  int64_t columns() const { return flags_.dimensions > 0 ? flags_.dimensions : model_.dimensions; }

  ResultStream& out_;
  const Flags& flags_;
  const ModelInfo& model_;
  size_t index_ = 0;
};

void check_usage(const Flags& flags) {
  if ((flags.sparse && flags.multi) ||
      ((flags.sparse || flags.multi) && (flags.json || flags.npy || flags.dimensions > 0)))
    throw CLI::ValidationError("--sparse",
                               "want one of --sparse and --multi, without --json, --npy and "
                               "--dimensions: they print JSON, a text a line");
  if (!flags.prompt.empty() && !flags.prompt_name.empty())
    throw CLI::ValidationError("--prompt-name", "want --prompt or --prompt-name, and not both");
  if (flags.json && flags.npy)
    throw CLI::ValidationError("--npy", "want --json or --npy, and not both");
  if (flags.npy && flags.out == "-" && ::isatty(STDOUT_FILENO) == 1)
    throw CLI::ValidationError(
        "--npy", "want a file for bytes that no terminal can show: add --out FILE, or > FILE");
}

int run(const Flags& flags) {
  check_usage(flags);
  const Settings settings = load_settings(flags.model.config);
  const std::vector<std::string> texts = texts_of(flags);
  const auto engine = load_engine(flags.model, flags.compute, settings,
                                  settings.embedder.value_or(kDefaultEmbedder));
  require(
      flags.dimensions <= engine->info().dimensions || engine->info().kind != ModelKind::kEmbedder,
      "--dimensions: want at most ", engine->info().dimensions, " with this model, got ",
      flags.dimensions);

  const bool tokenwise = flags.sparse || flags.multi;
  const std::string prompt =
      flags.prompt.empty() ? prompt_of(engine->info(), flags.prompt_name) : flags.prompt;
  struct Answer {
    std::vector<Embedding> embeddings;
    CallTimes times;
  };
  const auto cancelled = std::make_shared<std::atomic<bool>>(false);
  const auto embed = [&](size_t call) {
    EmbedRequest request;
    for (size_t i = call * kTextsACall; i < std::min(texts.size(), (call + 1) * kTextsACall); ++i)
      request.inputs.emplace_back(texts[i]);
    request.prompt = prompt;
    request.side = side_of(engine->info(), flags.prompt_name);
    request.normalize = !flags.no_normalize;
    request.dimensions = flags.dimensions;
    Answer answer;
    request.outputs = flags.sparse  ? Sequence::kSparse
                      : flags.multi ? Sequence::kMulti
                                    : Sequence::kPooled;
    answer.embeddings = engine->embed_outputs(request, {.cancelled = cancelled}, &answer.times);
    return answer;
  };
  ResultStream out(flags.out);
  VectorWriter writer(out, flags, engine->info(), texts.size());
  std::optional<Progress> progress;  // lines of numbers on a terminal are progress enough
  if (!out.is_terminal()) progress.emplace("embed", static_cast<int64_t>(texts.size()), "texts");
  int64_t tokens = 0, done = 0;
  in_order((texts.size() + kTextsACall - 1) / kTextsACall, kCallsAtOnce, embed,
           [&](size_t, const Answer& answer) {
             for (const Embedding& embedding : answer.embeddings)
               if (tokenwise)
                 out.line(token_line(embedding, flags.sparse));
               else
                 writer.write(embedding.dense);
             tokens += answer.times.tokens;
             if (progress)
               progress->advance_to(done += static_cast<int64_t>(answer.embeddings.size()));
           },
           [&] { *cancelled = true; });
  writer.end(tokens);
  out.finish();
  return 0;
}

}  // namespace

Command add_embed(CLI::App& program) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* app = program.add_subcommand("embed", "Turn texts into vectors");
  app->add_option("TEXT", flags->texts, "Texts; - reads them from stdin, one a line")
      ->type_name("");
  app->add_option("-f,--file", flags->file,
                  "Texts one a line, or JSONL with `text` and optional `title`; - is stdin")
      ->type_name("FILE");
  app->add_flag("--json", flags->json, "Print the object that /v1/embeddings answers");
  app->add_flag("--npy", flags->npy, "Write a NumPy file: float32, one row a text");
  app->add_option("-o,--out", flags->out,
                  "Write here instead of stdout; the file appears whole or not at all")
      ->type_name("FILE");
  app->add_option("--prompt", flags->prompt,
                  "Put this before every text, as some models want: \"query: \"")
      ->type_name("TEXT");
  app->add_option("--prompt-name", flags->prompt_name,
                  "Put the model's own prompt of that name before every text: query, document ...; "
                  "without it the model's default prompt, where it has one")
      ->type_name("NAME");
  app->add_flag(
      "--sparse", flags->sparse,
      "Print a weight for each token of the vocabulary that says something (bge-m3): JSON, "
      "a text a line");
  app->add_flag("--multi", flags->multi,
                "Print a vector for each token (bge-m3, ColBERT): JSON, a text a line");
  app->add_option("--dimensions", flags->dimensions,
                  "Keep the first so many values (Matryoshka); without it all")
      ->check(CLI::Range(1, 1 << 20).description(""))
      ->type_name("N");
  app->add_flag("--no-normalize", flags->no_normalize,
                "Leave the vectors' lengths as the model gives them");
  add_model_flags(*app, flags->model, kDefaultEmbedder);
  add_compute_flags(*app, flags->compute);
  add_pooling_flag(*app, flags->compute);
  add_limit_flag(*app, "max_length", flags->compute.limits);
  app->footer(
      "Without --json and --npy: one vector a line, its values between spaces.\n\n"
      "Example:\n"
      "  winnow embed \"Bees eat nectar.\" --json\n"
      "  winnow embed --file documents.jsonl --npy --out vectors.npy");
  return {app, [flags] { return run(*flags); }};
}

}  // namespace winnow

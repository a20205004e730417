// winnow tokenize: what a model reads of a text.
#include <memory>

#include "app/commands.h"
#include "app/documents.h"
#include "app/model_flags.h"
#include "app/result_stream.h"
#include "base/json.h"
#include "base/utf8.h"
#include "engine/decoder_folder.h"

namespace winnow {
namespace {

struct Flags {
  ModelFlags model;
  std::string text, file;
  std::optional<std::string> pair;
  std::optional<int64_t> max_length;
  bool json = false;
};

Encoding encode(const Tokenizer& tokenizer, std::string_view text, const Flags& flags) {
  TokenSpan first = tokenizer.tokenize(text, /*with_offsets=*/true);
  std::optional<TokenSpan> second;
  if (flags.pair) second = tokenizer.tokenize(*flags.pair, /*with_offsets=*/true);
  TokenSpan* const second_or_null = second ? &*second : nullptr;
  if (flags.max_length)
    truncate(first, second_or_null, tokenizer.special_tokens(second.has_value()),
             static_cast<int>(*flags.max_length), TruncationSide::kRight);
  return tokenizer.assemble(first, second_or_null);
}

std::string encoding_json(const Tokenizer& tokenizer, const Encoding& encoding) {
  JsonWriter json;
  json.begin_object().key("ids").begin_array();
  for (const int32_t id : encoding.ids) json.value(id);
  json.end_array().key("tokens").begin_array();
  for (const int32_t id : encoding.ids) json.value(tokenizer.token(id));
  json.end_array().key("offsets").begin_array();
  for (const Offset& offset : encoding.offsets)
    json.begin_array().value(offset.start).value(offset.end).end_array();
  json.end_array().key("type_ids").begin_array();
  for (const int32_t type : encoding.type_ids) json.value(type);
  return json.end_array().end_object().take();
}

void write_columns(ResultStream& out, const Tokenizer& tokenizer, const Encoding& encoding) {
  for (size_t i = 0; i < encoding.ids.size(); ++i)
    out.line(cat(encoding.ids[i], '\t', tokenizer.token(encoding.ids[i]), '\t',
                 encoding.offsets[i].start, '\t', encoding.offsets[i].end, '\t',
                 encoding.type_ids[i]));
}

int run(const Flags& flags, const CLI::App& app) {
  const bool from_file = !flags.file.empty();
  const bool has_text = app.get_option("TEXT")->count() > 0;
  if (from_file == has_text)
    throw CLI::ValidationError("TEXT", "want a TEXT or --file FILE, and not both");
  const Settings settings = load_settings(flags.model.config);
  const std::string model =
      flags.model.model.empty() ? settings.reranker.value_or(kDefaultReranker) : flags.model.model;
  const auto tokenizer = read_tokenizer(model_folder({"", model}, settings, flags.model.pull));

  ResultStream out;
  if (!from_file) {
    const Encoding encoding = encode(*tokenizer, flags.text, flags);
    if (flags.json) {
      out.line(encoding_json(*tokenizer, encoding));
    } else {
      write_columns(out, *tokenizer, encoding);
    }
  } else {
    const std::string text = read_input(flags.file);
    int64_t number = 0;
    for (const std::string_view line : split_lines(text)) {
      ++number;
      if (const auto at = invalid_utf8_at(line))
        fail(Code::kTokenizer, input_name(flags.file), ":", number,
             ": want UTF-8, got another byte at column ", *at);
      out.line(encoding_json(*tokenizer, encode(*tokenizer, line, flags)));
    }
  }
  out.finish();
  return 0;
}

}  // namespace

Command add_tokenize(CLI::App& program) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* app =
      program.add_subcommand("tokenize", "Show the tokens that a model reads of a text");
  app->add_option("TEXT", flags->text, "The text")->type_name("");
  app->add_option("-f,--file", flags->file,
                  "Tokenize each line of a file (- is stdin): one JSON object a line")
      ->type_name("FILE");
  app->add_option("--pair", flags->pair,
                  "A second text, read after the first as a model reads query and document")
      ->type_name("TEXT");
  app->add_option("--max-length", flags->max_length,
                  "Cut to so many tokens in all; without it nothing is cut")
      ->check(CLI::Range(int64_t{1}, kMostOfLimit).description(""))
      ->type_name("N");
  app->add_flag("--json", flags->json,
                "Print ids, tokens, offsets (in code points) and type_ids as JSON");
  add_model_flags(*app, flags->model, kDefaultReranker);
  app->footer(
      "Without --json: id, token, start, end and type id, one token a line, between tabs.\n\n"
      "Example:\n"
      "  winnow tokenize \"What do bees eat?\" --pair \"Nectar and pollen.\" --json");
  return {app, [flags, app] { return run(*flags, *app); }};
}

}  // namespace winnow

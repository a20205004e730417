#include "text/load_bpe.h"

#include <algorithm>

#include "base/error.h"

namespace winnow {
namespace {

Json component(const std::string& json) { return Json::parse(json, "built-in component"); }

// The regex is not spelled out again: a sequence of Split and ByteLevel is read back as its plan.
std::string pre_tokenizer_json(ByteLevelKind kind, bool prefix_space) {
  const std::string prefix = prefix_space ? "true" : "false";
  const auto bytes = [&](bool use_regex) {
    return cat(R"({"type":"ByteLevel","add_prefix_space":)", prefix, R"(,"trim_offsets":false,)",
               R"("use_regex":)", use_regex ? "true" : "false", "}");
  };
  const auto sequence = [](const std::string& first, const std::string& second) {
    return cat(R"({"type":"Sequence","pretokenizers":[)", first, ",", second, "]}");
  };
  const auto split = [](WordPattern pattern) {
    JsonWriter out;
    out.begin_object().member("type", "Split").key("pattern").begin_object();
    out.member("Regex", word_regex(pattern)).end_object();
    out.member("behavior", "Isolated").member("invert", false).end_object();
    return out.take();
  };
  switch (kind) {
    case ByteLevelKind::kGpt2:
    case ByteLevelKind::kGptNeoX:
      return bytes(true);
    case ByteLevelKind::kSmolLm:
      return sequence(R"({"type":"Digits","individual_digits":true})", bytes(true));
    case ByteLevelKind::kQwen2:
      return sequence(split(WordPattern::kQwen), bytes(false));
    case ByteLevelKind::kLlama3:
      return sequence(split(WordPattern::kLlama), bytes(false));
  }
  fail(Code::kInternal, "byte-level kind: want one of the list");
}

Bpe::Merges read_merges(std::string_view text, std::string_view path) {
  Bpe::Merges merges;
  for (int64_t line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view row = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (row.empty() || row.starts_with("#version")) continue;
    merges.push_back(merge_of(row, cat(path, ": line ", line)));
  }
  return merges;
}

// A tokenizer class, as its own name or a config.json's model_type names it.
struct ByteLevelClass {
  std::vector<std::string_view> tokenizers, models;
  ByteLevelKind kind;
  SpecialNames specials;
  enum class Frame { kFlags, kRoberta, kBert } frame = Frame::kFlags;
};

// Longer than its parts: a table. The specials are the classes' defaults.
const std::vector<ByteLevelClass>& classes() {
  using Frame = ByteLevelClass::Frame;
  const std::string end = "<|endoftext|>";
  static const std::vector<ByteLevelClass> kClasses = {
      {{"Qwen2Tokenizer"},
       {"qwen2", "qwen2_moe", "qwen3", "qwen3_moe"},
       ByteLevelKind::kQwen2,
       {{"unk_token", end}, {"eos_token", end}, {"pad_token", end}}},
      {{"GPT2Tokenizer", "CodeGenTokenizer"},
       {"gpt2", "gpt_neo", "gptj", "opt", "phi", "codegen", "starcoder2"},
       ByteLevelKind::kGpt2,
       {{"unk_token", end}, {"bos_token", end}, {"eos_token", end}}},
      {{"GPTNeoXTokenizer"},
       {"gpt_neox", "olmo", "olmoe"},
       ByteLevelKind::kGptNeoX,
       {{"unk_token", end}, {"bos_token", end}, {"eos_token", end}, {"pad_token", "<|padding|>"}}},
      {{"RobertaTokenizer", "BartTokenizer", "LongformerTokenizer", "LEDTokenizer", "MvpTokenizer"},
       {"roberta", "bart", "longformer", "led", "mvp"},
       ByteLevelKind::kGpt2,
       {{"bos_token", "<s>"},
        {"eos_token", "</s>"},
        {"sep_token", "</s>"},
        {"cls_token", "<s>"},
        {"unk_token", "<unk>"},
        {"pad_token", "<pad>"},
        {"mask_token", "<mask>"}},
       Frame::kRoberta},
      // These are published with a tokenizer.json and a class that says nothing; its pipeline here.
      {{},
       {"modernbert"},
       ByteLevelKind::kGptNeoX,
       {{"cls_token", "[CLS]"},
        {"sep_token", "[SEP]"},
        {"unk_token", "[UNK]"},
        {"pad_token", "[PAD]"},
        {"mask_token", "[MASK]"}},
       Frame::kBert},
  };
  return kClasses;
}

// Llama 3's: a class that says nothing, and the token that every text of theirs begins with.
const ByteLevelClass& llama3() {
  static const ByteLevelClass kLlama3 = {{}, {"llama"}, ByteLevelKind::kLlama3, {}};
  return kLlama3;
}

const ByteLevelClass& class_of(const BpeFiles& files) {
  const std::string tokenizer = files.configs.tokenizer_class();
  const std::string type = files.configs.model_type();
  const bool says_nothing =
      tokenizer.empty() || tokenizer == "PreTrainedTokenizer" || tokenizer == "TokenizersBackend";
  const auto among = [](const std::vector<std::string_view>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const ByteLevelClass& c : classes())
    if (says_nothing ? among(c.models, type) : among(c.tokenizers, tokenizer)) return c;
  if (says_nothing && type == "llama" &&
      token_of_role(files.configs, {}, "bos_token") == "<|begin_of_text|>")
    return llama3();
  fail(Code::kUnsupported, files.vocab_path,
       ": want vocab.json and merges.txt of a tokenizer_class Qwen2Tokenizer, GPT2Tokenizer, "
       "CodeGenTokenizer, GPTNeoXTokenizer, RobertaTokenizer, BartTokenizer, LongformerTokenizer, "
       "LEDTokenizer or MvpTokenizer, or a model_type that means one of them, got ",
       says_nothing ? (type.empty() ? "none named" : type) : tokenizer);
}

Template template_of(const ByteLevelClass& named, const BpeFiles& files, const Bpe& model,
                     const std::vector<AddedToken>& added) {
  if (named.frame == ByteLevelClass::Frame::kFlags) {
    if (named.kind != ByteLevelKind::kLlama3)
      return framed_by_flags(files.configs, named.specials, model, added);
    return framed_template(id_of_role(files.configs, {}, "bos_token", model, added), std::nullopt);
  }
  const auto id = [&](const char* role) {
    const auto found = id_of_role(files.configs, named.specials, role, model, added);
    if (!found)
      fail(Code::kCorrupt, files.vocab_path, ": want the ", role, " \"",
           *token_of_role(files.configs, named.specials, role),
           "\" to frame a text with, got none in the vocabulary");
    return *found;
  };
  const int32_t cls = id("cls_token"), sep = id("sep_token");
  if (named.frame == ByteLevelClass::Frame::kBert) return bert_template(cls, sep);
  Template out = roberta_template(cls, sep);
  out.trims_offsets = files.configs.flag("trim_offsets", true);
  out.keeps_first_space = out.trims_offsets && files.configs.flag("add_prefix_space", false);
  return out;
}

}  // namespace

PipelineParts byte_level_parts(ByteLevelKind kind, std::shared_ptr<const Bpe> model,
                               std::vector<AddedToken> added, bool prefix_space) {
  std::unique_ptr<Normalizer> normalizer;
  if (kind == ByteLevelKind::kQwen2 || kind == ByteLevelKind::kGptNeoX)
    normalizer = make_normalizer(component(R"({"type":"NFC"})"));
  AddedTokens tokens(std::move(added), normalizer.get());
  return {std::move(model),
          std::move(normalizer),
          make_pre_tokenizer(component(pre_tokenizer_json(kind, prefix_space))),
          std::move(tokens),
          bare_template(),
          make_decoder(component(R"({"type":"ByteLevel"})"))};
}

std::shared_ptr<const Tokenizer> load_vocab_merges(const BpeFiles& files) {
  const ByteLevelClass& named = class_of(files);
  const Json vocab = Json::parse(files.vocab, files.vocab_path);
  std::vector<std::pair<std::string, int64_t>> tokens;
  for (const auto& [token, id] : vocab.members()) tokens.emplace_back(token, id.integer());
  BpeOptions options;
  options.ignore_merges = named.kind == ByteLevelKind::kLlama3;
  const auto model = std::make_shared<Bpe>(Vocabulary(std::move(tokens), files.vocab_path),
                                           read_merges(files.merges, files.merges_path),
                                           std::move(options), files.merges_path);
  std::vector<AddedToken> added = added_tokens_of(files.configs, named.specials, *model, {});
  Template special = template_of(named, files, *model, added);
  PipelineParts parts = byte_level_parts(named.kind, model, std::move(added),
                                         files.configs.flag("add_prefix_space", false));
  parts.special = std::move(special);
  return std::make_shared<Pipeline>(std::move(parts));
}

}  // namespace winnow

#include "app/settings.h"

#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <variant>

#include "app/did_you_mean.h"
#include "app/documents.h"
#include "base/error.h"

namespace winnow {
namespace {

// Where a key's value goes, and which values it may have.
struct Key {
  std::string name;
  std::variant<std::optional<std::string>*, std::optional<int64_t>*, std::optional<bool>*> target;
  int64_t least = 0, most = 0;            // of an integer
  std::vector<std::string> choices = {};  // of a text; empty: any
  bool may_be_empty = false;              // of a text
};

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  Settings read(const YAML::Node& root) {
    Settings s;
    s.path = path_;
    if (root.IsNull()) return s;  // an empty file
    const std::vector<Key> top = {
        {"reranker", &s.reranker},
        {"embedder", &s.embedder},
        {"generator", &s.generator},
        {"task", &s.task, 0, 0, {"auto", "generate", "rerank", "embed"}},
        {"kv_cache", &s.kv_cache},
        {"host", &s.host},
        {"port", &s.port, 0, 65535},
        {"threads", &s.threads, 1, 1024},
        {"device", &s.device},
        {"dtype", &s.dtype, 0, 0, dtype_names()},
        {"max_memory", &s.max_memory},
        {"pooling",
         &s.pooling,
         0,
         0,
         {"auto", "cls", "mean", "max", "mean_sqrt_len", "weightedmean", "lasttoken"}},
        {"api_key", &s.api_key},
        {"auto_truncate", &s.auto_truncate},
        {"return_documents", &s.return_documents},
        {"sglang", &s.sglang},
        {"strict", &s.strict}};
    std::vector<Key> limits;
    for (const LimitKey& limit : limit_keys())
      limits.push_back({limit.name, &(s.limits.*limit.member), limit.least, kMostOfLimit});
    read_keys(root, "", top, {"models", "limits", "prompt", "instruction"},
              [&](const std::string& name, const YAML::Node& node) {
                if (name == "models") {
                  s.models = models(node);
                } else if (name == "prompt") {
                  s.prompt = prompt(node, "prompt.");
                } else if (name == "instruction") {
                  read_text({name, &s.instruction}, name, node, s.instruction);
                } else {
                  read_keys(node, "limits.", limits, {},
                            [](const std::string&, const YAML::Node&) {});
                }
              });
    for (std::optional<std::string>* place : {&s.reranker, &s.embedder, &s.generator})
      if (*place) *place = beside_file(**place);
    if (s.max_memory) {
      try {
        parse_share(*s.max_memory, "max_memory");
      } catch (const Error& error) {
        wrong(root["max_memory"], error.what());
      }
    }
    if (s.kv_cache) {
      try {
        parse_size(*s.kv_cache, "kv_cache");
      } catch (const Error& error) {
        wrong(root["kv_cache"], error.what());
      }
    }
    return s;
  }

  // A preset's name, or a map of fields; `prefix` goes before a key in errors.
  YesNoPrompt prompt(const YAML::Node& node, const std::string& prefix) {
    std::optional<std::string> preset, name, score, before, after, body, query, document, separator;
    std::optional<std::string> instruction, yes, no;
    std::optional<int64_t> max_length;
    const auto text = [](std::string key, std::optional<std::string>& target) {
      return Key{std::move(key), &target, 0, 0, {}, /*may_be_empty=*/true};
    };
    const std::vector<Key> keys = {{"preset", &preset},
                                   {"name", &name},
                                   {"score", &score, 0, 0, {"yes_over_no", "yes_logit"}},
                                   {"max_length", &max_length, 1, kMostOfLimit},
                                   {"yes", &yes},
                                   {"no", &no},
                                   text("prefix", before),
                                   text("suffix", after),
                                   text("body", body),
                                   text("query_piece", query),
                                   text("document_piece", document),
                                   text("separator", separator),
                                   text("instruction", instruction)};
    if (node.IsScalar()) {
      preset = node.Scalar();
    } else {
      read_keys(node, prefix, keys, {}, [](const std::string&, const YAML::Node&) {});
    }
    try {
      YesNoPrompt out;
      out.name = "custom";
      if (preset) out = yes_no_preset(*preset);
      const auto set = [](auto& member, const auto& value) {
        if (value) member = *value;
      };
      set(out.name, name);
      set(out.prefix, before);
      set(out.suffix, after);
      set(out.body, body);
      set(out.query_piece, query);
      set(out.document_piece, document);
      set(out.separator, separator);
      set(out.instruction, instruction);
      set(out.yes, yes);
      set(out.no, no);
      if (before || after) out.markers.clear();  // they may be another tokenizer's
      if (max_length) out.max_length = static_cast<int>(*max_length);
      if (score)
        out.score =
            *score == "yes_logit" ? YesNoPrompt::Score::kYesLogit : YesNoPrompt::Score::kYesOverNo;
      check_prompt(out);
      return out;
    } catch (const Error& e) {
      wrong(node, e.what());
    }
  }

 private:
  template <typename... Parts>
  [[noreturn]] void wrong(const YAML::Node& node, const Parts&... parts) const {
    fail(Code::kInvalidArgument, path_, ":", node.Mark().line + 1, ": ", parts...);
  }

  static std::string found(const YAML::Node& node) {
    if (node.IsMap()) return "a map";
    if (node.IsSequence()) return "a list";
    return node.IsNull() ? "nothing" : cat('"', node.Scalar(), '"');
  }

  // Each member of a map to its key, or to `nested` for the names that hold more than a value.
  template <typename Nested>
  void read_keys(const YAML::Node& map, const std::string& prefix, const std::vector<Key>& keys,
                 const std::vector<std::string>& nested_names, const Nested& nested) {
    if (!map.IsMap())
      wrong(map, prefix.empty() ? "the file" : prefix.substr(0, prefix.size() - 1),
            ": want keys and values, got ", found(map));
    std::vector<std::string> names = nested_names;
    for (const Key& key : keys) names.push_back(key.name);
    std::set<std::string> seen;
    for (const auto& member : map) {
      const std::string name = member.first.IsScalar() ? member.first.Scalar() : "";
      if (!seen.insert(name).second)
        wrong(member.first, "the key \"", prefix, name, "\" is there twice");
      if (std::find(names.begin(), names.end(), name) == names.end())
        wrong(member.first, "unknown key ",
              name.empty() ? found(member.first) : cat('"', prefix, name, '"'),
              did_you_mean(name, names));
      if (member.second.IsNull()) wrong(member.first, prefix, name, ": want a value, got nothing");
      const auto key =
          std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == name; });
      if (key == keys.end()) {
        nested(name, member.second);
        continue;
      }
      read_value(*key, prefix + name, member.second);
    }
  }

  void read_value(const Key& key, const std::string& name, const YAML::Node& node) {
    if (const auto* text = std::get_if<std::optional<std::string>*>(&key.target)) {
      read_text(key, name, node, **text);
    } else if (const auto* truth = std::get_if<std::optional<bool>*>(&key.target)) {
      bool value = false;
      if (!is_plain(node) || !YAML::convert<bool>::decode(node, value))
        wrong(node, name, ": want true or false, got ", found(node));
      **truth = value;
    } else {
      int64_t value = 0;
      const bool is_integer = is_plain(node) && YAML::convert<int64_t>::decode(node, value);
      const std::string most = key.most == kMostOfLimit ? " up" : cat(" to ", key.most);
      if (!is_integer || value < key.least || value > key.most)
        wrong(node, name, ": want an integer from ", key.least, most, ", got ", found(node));
      *std::get<std::optional<int64_t>*>(key.target) = value;
    }
  }

  void read_text(const Key& key, const std::string& name, const YAML::Node& node,
                 std::optional<std::string>& target) {
    if (!node.IsScalar() || (node.Scalar().empty() && !key.may_be_empty))
      wrong(node, name, ": want a text, got ", found(node));
    const bool allowed = key.choices.empty() || std::find(key.choices.begin(), key.choices.end(),
                                                          node.Scalar()) != key.choices.end();
    if (!allowed) {
      std::string choices;
      for (const std::string& choice : key.choices)
        choices += (choices.empty() ? "" : ", ") + choice;
      wrong(node, name, ": want one of ", choices, ", got ", found(node));
    }
    target = node.Scalar();
  }

  // A scalar without quotes, which alone can be a number or a truth.
  static bool is_plain(const YAML::Node& node) { return node.IsScalar() && node.Tag() != "!"; }

  // A list whose entries are "PLACE", "NAME=PLACE" or "NAME: PLACE".
  std::vector<ModelEntry> models(const YAML::Node& list) const {
    constexpr const char* kWant = "models: want a list of names, folders or NAME: FOLDER, got ";
    if (!list.IsSequence()) wrong(list, kWant, found(list));
    std::vector<ModelEntry> entries;
    for (const YAML::Node& node : list) {
      ModelEntry entry;
      if (node.IsScalar() && !node.Scalar().empty()) {
        entry = parse_model_entry(node.Scalar());
      } else if (node.IsMap() && node.size() == 1 && node.begin()->second.IsScalar()) {
        entry = {node.begin()->first.Scalar(), node.begin()->second.Scalar()};
      } else {
        wrong(node, kWant, found(node), " in it");
      }
      entry.place = beside_file(entry.place);
      entries.push_back(entry);
    }
    return entries;
  }

  std::string beside_file(const std::string& place) const {
    if (!place.starts_with("./") && !place.starts_with("../")) return place;
    return (std::filesystem::path(path_).parent_path() / place).lexically_normal().string();
  }

  const std::string& path_;
};

}  // namespace

std::span<const LimitKey> limit_keys() {
  static const std::vector<LimitKey> keys = {
      {"max_length", &Limits::max_length, 1,
       "Cut to so many tokens; without it the model's own limit"},
      {"max_batch_tokens", &Limits::max_batch_tokens, 1, "Tokens computed together"},
      {"max_queue_tokens", &Limits::max_queue_tokens, 1,
       "Tokens waiting, above which a request is refused (429)"},
      {"max_concurrent_requests", &Limits::max_concurrent_requests, 1,
       "Requests at a time, above which one is refused (429)"},
      {"max_connections", &Limits::max_connections, 1, "Open connections"},
      {"max_client_batch_size", &Limits::max_client_batch_size, 1, "Inputs of one request (422)"},
      {"payload_limit_bytes", &Limits::payload_limit_bytes, 1, "Bytes of a request's body (413)"},
      {"header_limit_bytes", &Limits::header_limit_bytes, 256, "Bytes of a request's head (431)"},
      {"request_timeout_ms", &Limits::request_timeout_ms, 0,
       "Of a request's work (504); 0 is none"},
      {"client_timeout_ms", &Limits::client_timeout_ms, 1,
       "For a client to send a request or take an answer (408)"},
      {"idle_timeout_ms", &Limits::idle_timeout_ms, 1, "Between the requests of a connection"},
      {"drain_timeout_ms", &Limits::drain_timeout_ms, 0, "For the work in hand after SIGTERM"}};
  return keys;
}

int64_t parse_size(std::string_view text, std::string_view name) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(end - text.data());
  const std::string_view units = "KMGT";
  const size_t power = unit.empty() ? units.npos : units.find(unit[0] & ~0x20);
  const bool known = unit.empty() || (unit.size() == 1 && power != units.npos);
  const int shift = unit.empty() ? 0 : 10 * (static_cast<int>(power) + 1);
  require(error == std::errc() && known && number > 0 && number <= INT64_MAX >> shift, name,
          ": want bytes, or a size as 512M or 2G, got \"", text, '"');
  return number << shift;
}

double parse_share(std::string_view text, std::string_view name) {
  double share = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), share);
  if (error == std::errc() && end == text.data() + text.size() && share > 0 && share <= 1)
    return share;
  return static_cast<double>(parse_size(text, name));
}

const std::vector<std::string>& dtype_names() {
  static const std::vector<std::string> names{"auto", "f32", "f16", "bf16", "f8", "int8"};
  return names;
}

ModelEntry parse_model_entry(std::string_view text) {
  const size_t sign = text.find('=');
  if (sign == std::string_view::npos) return {"", std::string(text)};
  ModelEntry entry{std::string(text.substr(0, sign)), std::string(text.substr(sign + 1))};
  require(!entry.name.empty() && !entry.place.empty(), "model: want NAME or NAME=FOLDER, got \"",
          text, "\"");
  return entry;
}

namespace {

// What `read` makes of a YAML text.
template <typename Read>
auto read_yaml(std::string_view yaml, const std::string& path, Read read) {
  try {
    return read(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& e) {
    fail(Code::kCorrupt, path, ":", e.mark.line + 1, ":", e.mark.column + 1, ": not YAML: ", e.msg);
  }
}

}  // namespace

Settings parse_settings(std::string_view yaml, const std::string& path) {
  return read_yaml(yaml, path, [&](const YAML::Node& root) { return Reader(path).read(root); });
}

YesNoPrompt parse_prompt(std::string_view yaml, const std::string& path) {
  return read_yaml(yaml, path,
                   [&](const YAML::Node& root) { return Reader(path).prompt(root, ""); });
}

Settings load_settings(const std::string& config_flag) {
  if (!config_flag.empty()) return parse_settings(read_input(config_flag), input_name(config_flag));
  const char* xdg = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  const std::string config = xdg && *xdg     ? xdg
                             : home && *home ? std::string(home) + "/.config"
                                             : "";
  for (const std::string& path :
       {std::string("winnow.yaml"), config.empty() ? "" : config + "/winnow/winnow.yaml"})
    if (!path.empty() && ::access(path.c_str(), F_OK) == 0)
      return parse_settings(read_input(path), path);
  return {};
}

}  // namespace winnow

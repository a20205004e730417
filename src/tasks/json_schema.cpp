// Long because one class holds all keywords: their rules refer to each other and to one program.
#include "tasks/json_schema.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/error.h"
#include "base/utf8.h"
#include "tasks/number_grammar.h"
#include "tasks/pattern.h"

namespace winnow {
namespace {

constexpr int kMaxDepth = 48;  // calls; the parser's own limit is 64 levels
constexpr int kMostSpaces = 24;
constexpr int64_t kMostCounted = 100'000;
constexpr size_t kLongestKey = 256;

const std::set<std::string_view> kAnnotations = {
    "$schema", "$id",        "$comment", "$defs",    "definitions", "title",         "description",
    "default", "deprecated", "examples", "readOnly", "writeOnly",   "discriminator", "strict"};
const std::map<std::string_view, std::set<std::string_view>> kKeywordsOf = {
    {"object", {"properties", "required", "additionalProperties"}},
    {"array", {"items", "prefixItems", "minItems", "maxItems"}},
    {"string", {"minLength", "maxLength", "pattern", "format"}},
    {"number", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}},
};

// Of seconds, offsets and calendars, only what every date has: the 29th of February in leap years.
const std::string kDate =
    "(\\d{3}[1-9]|\\d{2}[1-9]0|\\d[1-9]00|[1-9]000)-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|"
    "(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))|"
    "(\\d\\d(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)-02-29";
const std::string kTime =
    "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)";
const std::string kByte = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const std::map<std::string_view, std::string> kFormats = {
    {"date", "^(" + kDate + ")$"},
    {"time", "^" + kTime + "$"},
    {"date-time", "^(" + kDate + ")T" + kTime + "$"},
    {"uuid", "^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"},
    {"ipv4", "^(" + kByte + "\\.){3}" + kByte + "$"},
    {"email",
     "^[A-Za-z0-9_+-]{1,40}(\\.[A-Za-z0-9_+-]{1,20}){0,2}@([A-Za-z0-9]{1,30}\\.){1,3}"
     "[A-Za-z]{2,10}$"},
};

// A member that may be null, which Json::find passes over.
std::optional<Json> member(const Json& schema, std::string_view key) {
  for (const auto& [name, value] : schema.members())
    if (name == key) return value;
  return std::nullopt;
}

std::string text_of(const Json& json) {
  JsonWriter writer;
  append_json(writer, json);
  return writer.take();
}

bool has_type(const Json& value, std::string_view type) {
  if (type == "integer")
    return value.is_integer() ||
           (value.is_number() && std::abs(value.number()) < 9e15 &&
            value.number() == static_cast<double>(static_cast<int64_t>(value.number())));
  return value.kind() == type;
}

class Compiler {
 public:
  explicit Compiler(const Json& root) : root_(root) {
    space_ = p_.declare_rule();
    const int spaces = p_.loop();
    const int end = p_.finish();
    p_.close_loop(spaces, end,
                  p_.below(kMostSpaces, p_.byte(' ', ' ', p_.count(kMostSpaces, spaces))));
    const std::array choices = {end, p_.byte(' ', ' ', end), p_.byte('\n', '\n', spaces)};
    p_.define_rule(space_, p_.split(choices));
  }

  Pushdown compile(const JsonFrame& frame) {
    const int document = p_.declare_rule();
    const int value = root_.is_null() ? free_object() : rule(root_, "");
    const int text = p_.call(value, p_.literal(frame.after, p_.finish()));
    // Space before the value is the model's own way, unless the frame says what stands there.
    p_.define_rule(document,
                   frame.before.empty() ? p_.call(space_, text) : p_.literal(frame.before, text));
    return Pushdown(std::make_shared<const ByteProgram>(std::move(p_)), document, kMaxDepth);
  }

 private:
  [[noreturn]] static void unsupported(std::string_view pointer, std::string_view why) {
    fail(Code::kUnsupported, "schema: ", pointer, ": ", why);
  }
  static void want(bool holds, std::string_view pointer, std::string_view what) {
    require(holds, "schema: ", pointer.empty() ? "the schema" : pointer, ": want ", what);
  }

  // ---- any value -----------------------------------------------------------------------------

  int free_value() {
    if (free_value_ >= 0) return free_value_;
    free_value_ = p_.declare_rule();
    const int end = p_.finish();
    std::vector<int> choices = {p_.call(free_object(), end), string(0, std::nullopt, end),
                                number_grammar({}, p_, end),
                                array({}, free_value_, 0, std::nullopt)};
    for (const std::string_view word : {"true", "false", "null"})
      choices.push_back(p_.literal(word, end));
    p_.define_rule(free_value_, p_.split(choices));
    return free_value_;
  }

  int free_object() {
    if (free_object_ >= 0) return free_object_;
    free_object_ = p_.declare_rule();
    p_.define_rule(free_object_, object({}, free_value()));
    return free_object_;
  }

  // ---- a schema ------------------------------------------------------------------------------

  // The rule of a schema; equal texts have one, so that recursion ends.
  int rule(const Json& schema, const std::string& pointer) {
    const auto [at, added] = rules_.try_emplace(text_of(schema), -1);
    if (!added) return at->second;
    const int out = at->second = p_.declare_rule();
    p_.define_rule(out, start(schema, pointer));
    return out;
  }

  int start(const Json& schema, const std::string& pointer) {
    if (schema.is_bool()) return schema.boolean() ? p_.call(free_value(), p_.finish()) : p_.fail();
    want(schema.is_object(), pointer, "an object or a boolean");
    check_keywords(schema, pointer);
    for (const std::string_view key : {"$ref", "allOf", "anyOf", "oneOf"})
      if (const auto value = member(schema, key)) {
        only(schema, key, pointer);
        return combined(key, *value, cat(pointer, '/', key));
      }
    if (member(schema, "const") || member(schema, "enum")) return values(schema, pointer);
    std::vector<int> choices;
    for (const std::string& type : types(schema, pointer))
      choices.push_back(typed(type, schema, pointer));
    return p_.split(choices);
  }

  static void check_keywords(const Json& schema, const std::string& pointer) {
    for (const auto& [key, value] : schema.members()) {
      bool known = kAnnotations.contains(key);
      for (const auto& [type, keywords] : kKeywordsOf) known |= keywords.contains(key);
      for (const std::string_view other :
           {"type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"})
        known |= key == other;
      if (!known) unsupported(cat(pointer, '/', key), "this keyword is not supported");
    }
  }

  // No keyword stands beside this one but annotations and, if given, another.
  static void only(const Json& schema, std::string_view key, const std::string& pointer,
                   std::string_view besides = "") {
    for (const auto& [other, value] : schema.members())
      if (other != key && other != besides && !kAnnotations.contains(other))
        unsupported(cat(pointer, '/', other), cat("not supported beside ", key));
  }

  int combined(std::string_view key, const Json& value, const std::string& pointer) {
    if (key == "$ref") {
      want(value.is_string(), pointer, "a string");
      return p_.call(referenced(std::string(value.string()), pointer), p_.finish());
    }
    want(value.is_array() && value.size() > 0, pointer, "an array of at least one schema");
    if (key == "allOf" && value.size() > 1)
      unsupported(pointer, "more than one schema is not supported");
    if (key == "oneOf") check_disjoint(value, pointer);
    std::vector<int> choices;
    for (size_t i = 0; i < value.size(); ++i)
      choices.push_back(p_.call(rule(value[i], cat(pointer, '/', i)), p_.finish()));
    return p_.split(choices);
  }

  Json resolve(const std::string& reference, const std::string& pointer) {
    if (!reference.starts_with('#'))
      unsupported(pointer, cat("a reference out of the schema, \"", reference, "\""));
    Json at = root_;
    std::string rest = reference.substr(1);
    want(rest.empty() || rest[0] == '/', pointer, cat("\"#/...\", got \"", reference, "\""));
    while (!rest.empty()) {
      const size_t end = std::min(rest.find('/', 1), rest.size());
      std::string name = rest.substr(1, end - 1);
      rest.erase(0, end);
      for (size_t i; (i = name.find("~1")) != std::string::npos;) name.replace(i, 2, "/");
      for (size_t i; (i = name.find("~0")) != std::string::npos;) name.replace(i, 2, "~");
      std::optional<Json> next;
      if (at.is_object()) next = member(at, name);
      if (at.is_array() && !name.empty() && name.size() < 6 &&
          name.find_first_not_of("0123456789") == std::string::npos && std::stoul(name) < at.size())
        next = at[std::stoul(name)];
      want(next.has_value(), pointer, cat("what is in the schema, got \"", reference, "\""));
      at = *next;
    }
    return at;
  }

  int referenced(const std::string& reference, const std::string& pointer) {
    return rule(resolve(reference, pointer), reference.substr(1));
  }

  static std::vector<std::string> types(const Json& schema, const std::string& pointer) {
    std::vector<std::string> out;
    if (const auto type = member(schema, "type")) {
      const std::string where = pointer + "/type";
      want(type->is_string() || type->is_array(), where, "a string or an array of strings");
      for (size_t i = 0; i < (type->is_array() ? type->size() : 1); ++i) {
        const Json one = type->is_array() ? (*type)[i] : *type;
        want(one.is_string(), where, "a string or an array of strings");
        out.emplace_back(one.string());
        const auto names = {"object", "array", "string", "number", "integer", "boolean", "null"};
        want(std::find(names.begin(), names.end(), out.back()) != names.end(), where,
             cat("a JSON type, got \"", out.back(), "\""));
      }
      return out;
    }
    // Keywords of one type mean that type; of none, anything.
    for (const auto& [type, keywords] : kKeywordsOf)
      for (const std::string_view key : keywords)
        if (member(schema, key) && (out.empty() || out.back() != type)) out.emplace_back(type);
    if (out.empty()) out = {"object", "array", "string", "number", "boolean", "null"};
    return out;
  }

  int values(const Json& schema, const std::string& pointer) {
    const bool one = member(schema, "const").has_value();
    const std::string key = one ? "const" : "enum";
    only(schema, key, pointer, "type");
    std::vector<Json> all;
    const Json value = *member(schema, key);
    if (one) {
      all.push_back(value);
    } else {
      want(value.is_array() && value.size() > 0, cat(pointer, "/enum"),
           "an array of at least one value");
      for (size_t i = 0; i < value.size(); ++i) all.push_back(value[i]);
    }
    std::set<std::string> texts;
    const bool any = !member(schema, "type");
    const std::vector<std::string> wanted = types(schema, pointer);
    for (const Json& v : all)
      if (any || std::any_of(wanted.begin(), wanted.end(),
                             [&](const std::string& type) { return has_type(v, type); }))
        texts.insert(text_of(v));
    return one_of(std::vector<std::string>(texts.begin(), texts.end()), 0);
  }

  // Sorted texts that are the same up to `at`: what follows, common beginnings taken once.
  int one_of(std::span<const std::string> texts, size_t at) {
    if (texts.empty()) return p_.fail();
    const std::string &first = texts.front(), &last = texts.back();
    size_t same = at;  // sorted: what these two share, all share
    while (same < first.size() && same < last.size() && first[same] == last[same]) ++same;
    const std::string_view shared = std::string_view(first).substr(at, same - at);
    if (texts.size() == 1) return p_.literal(shared, p_.finish());
    std::vector<int> choices;
    for (size_t i = 0; i < texts.size();) {
      size_t end = i + 1;
      if (texts[i].size() == same) {
        choices.push_back(p_.finish());
      } else {
        while (end < texts.size() && texts[end][same] == texts[i][same]) ++end;
        choices.push_back(one_of(texts.subspan(i, end - i), same));
      }
      i = end;
    }
    return p_.literal(shared, p_.split(choices));
  }

  // ---- oneOf ---------------------------------------------------------------------------------

  // What a schema surely says of its documents: their types, and of objects the texts that a
  // required property may have.
  struct Profile {
    std::set<std::string> types;
    std::map<std::string, std::set<std::string>> tags;
  };

  Profile profile(Json schema, const std::string& pointer) {
    for (int hops = 0; hops < 32 && schema.is_object() && member(schema, "$ref"); ++hops) {
      const Json reference = *member(schema, "$ref");
      want(reference.is_string(), pointer + "/$ref", "a string");
      schema = resolve(std::string(reference.string()), pointer);
    }
    Profile out;
    if (!schema.is_object()) return out;
    for (const std::string_view key : {"anyOf", "oneOf", "allOf", "$ref"})
      if (member(schema, key)) return out;
    if (const auto value = member(schema, "const")) out.types = {std::string(value->kind())};
    const auto choices = member(schema, "enum");
    for (size_t i = 0; choices && choices->is_array() && i < choices->size(); ++i)
      out.types.emplace((*choices)[i].kind());
    if (out.types.empty())
      for (const std::string& type : types(schema, pointer))
        out.types.insert(type == "integer" ? "number" : type);
    const auto required = member(schema, "required"), properties = member(schema, "properties");
    if (!required || !required->is_array() || !properties || !properties->is_object()) return out;
    for (size_t i = 0; i < required->size(); ++i) {
      if (!(*required)[i].is_string()) continue;
      const std::string name((*required)[i].string());
      const auto property = member(*properties, name);
      if (!property || !property->is_object()) continue;
      if (const auto value = member(*property, "const")) out.tags[name] = {text_of(*value)};
      const auto values = member(*property, "enum");
      for (size_t v = 0; values && values->is_array() && v < values->size(); ++v)
        out.tags[name].insert(text_of((*values)[v]));
    }
    return out;
  }

  static bool disjoint(const std::set<std::string>& a, const std::set<std::string>& b) {
    return !a.empty() && !b.empty() &&
           std::none_of(a.begin(), a.end(), [&](const std::string& x) { return b.contains(x); });
  }

  void check_disjoint(const Json& schemas, const std::string& pointer) {
    std::vector<Profile> all;
    for (size_t i = 0; i < schemas.size(); ++i)
      all.push_back(profile(schemas[i], cat(pointer, '/', i)));
    for (size_t i = 0; i < all.size(); ++i)
      for (size_t j = 0; j < i; ++j) {
        bool apart = disjoint(all[i].types, all[j].types);
        if (all[i].types == std::set<std::string>{"object"} && all[i].types == all[j].types)
          for (const auto& [name, texts] : all[i].tags)
            if (const auto other = all[j].tags.find(name); other != all[j].tags.end())
              apart |= disjoint(texts, other->second);
        if (!apart)
          unsupported(pointer,
                      cat("alternatives ", j, " and ", i,
                          " may hold at once (different types, or a required property with "
                          "different const, tell them apart); anyOf is supported"));
      }
  }

  // ---- types ---------------------------------------------------------------------------------

  int typed(const std::string& type, const Json& schema, const std::string& pointer) {
    const int end = p_.finish();
    if (type == "null") return p_.literal("null", end);
    if (type == "boolean") return p_.split(p_.literal("true", end), p_.literal("false", end));
    if (type == "integer") return integer_grammar(bounds(schema, pointer), p_, end);
    if (type == "number") return number_grammar(bounds(schema, pointer), p_, end);
    if (type == "string") return typed_string(schema, pointer);
    return type == "array" ? typed_array(schema, pointer) : typed_object(schema, pointer);
  }

  static NumberBounds bounds(const Json& schema, const std::string& pointer) {
    NumberBounds out;
    const auto read = [&](std::string_view key, bool lower, bool excluded) {
      const auto value = member(schema, key);
      if (!value) return;
      const std::string where = cat(pointer, '/', key);
      want(value->is_number(), where, "a number");
      if (std::abs(value->number()) > 1e17 || !has_type(*value, "integer"))
        unsupported(where, "only whole numbers of at most 15 digits are supported");
      std::optional<int64_t>& bound = lower ? out.least : out.most;
      bool& excludes = lower ? out.above : out.under;
      const int64_t now = value->integer();
      const bool tighter = !bound || (lower ? now > *bound : now < *bound);
      if (tighter || (now == *bound && excluded)) excludes = excluded;
      if (tighter) bound = now;
    };
    read("minimum", true, false);
    read("maximum", false, false);
    read("exclusiveMinimum", true, true);
    read("exclusiveMaximum", false, true);
    return out;
  }

  static std::optional<int64_t> length(const Json& schema, std::string_view key,
                                       const std::string& pointer) {
    const auto value = member(schema, key);
    if (!value) return std::nullopt;
    const std::string where = cat(pointer, '/', key);
    want(value->is_number() && has_type(*value, "integer") && value->number() >= 0, where,
         "a whole number of at least 0");
    if (value->number() > kMostCounted) unsupported(where, cat("more than ", kMostCounted));
    return value->integer();
  }

  int typed_string(const Json& schema, const std::string& pointer) {
    const auto pattern = member(schema, "pattern"), format = member(schema, "format");
    const auto least = length(schema, "minLength", pointer),
               most = length(schema, "maxLength", pointer);
    if (!pattern && !format) return string(least.value_or(0), most, p_.finish());
    if (pattern && format) unsupported(pointer + "/format", "not supported beside pattern");
    const std::string where = pointer + (pattern ? "/pattern" : "/format");
    if (least || most) unsupported(where, "not supported beside minLength or maxLength");
    const Json& given = pattern ? *pattern : *format;
    want(given.is_string(), where, "a string");
    std::string expression(given.string());
    if (format) {
      const auto known = kFormats.find(given.string());
      if (known == kFormats.end()) unsupported(where, cat("the format \"", expression, "\""));
      expression = known->second;
    }
    const int end = p_.byte('"', '"', p_.finish());
    return p_.byte('"', '"', compile_pattern(expression, "schema: " + where, p_, end));
  }

  int string(int64_t least, std::optional<int64_t> most, int next) {
    if (most && *most < least) return p_.fail();
    const int loop = p_.loop();
    int more = loop, end = p_.byte('"', '"', next);
    const int cap = static_cast<int>(most.value_or(least));
    if (least > 0 || most) more = p_.count(cap, loop);
    more = json_character(p_, more);
    if (most) more = p_.below(cap, more);
    if (least > 0) end = p_.at_least(static_cast<int>(least), end);
    p_.close_loop(loop, more, end);
    return p_.byte('"', '"', loop);
  }

  int typed_array(const Json& schema, const std::string& pointer) {
    std::vector<int> first;
    if (const auto prefix = member(schema, "prefixItems")) {
      want(prefix->is_array(), pointer + "/prefixItems", "an array");
      for (size_t i = 0; i < prefix->size(); ++i)
        first.push_back(rule((*prefix)[i], cat(pointer, "/prefixItems/", i)));
    }
    const auto items = member(schema, "items");
    if (items && items->is_array())
      unsupported(pointer + "/items", "an array is not supported; prefixItems is");
    const int rest = items ? rule(*items, pointer + "/items") : free_value();
    return array(first, rest, length(schema, "minItems", pointer).value_or(0),
                 length(schema, "maxItems", pointer));
  }

  // first: the rules of the first items; rest: that of all others.
  int array(const std::vector<int>& first, int rest, int64_t least, std::optional<int64_t> most) {
    if (most && *most < least) return p_.fail();
    const int end = p_.call(space_, p_.byte(']', ']', p_.finish()));
    const int cap = static_cast<int>(std::max(most.value_or(0), least));
    const auto more = [&](int item, bool at_start, int next) {
      if (cap > 0) next = p_.count(cap, next);
      next = p_.call(space_, p_.call(item, next));
      if (!at_start) next = p_.byte(',', ',', next);
      return most ? p_.below(cap, next) : next;
    };
    const int loop = p_.loop();
    const auto close = [&] { return least > 0 ? p_.at_least(static_cast<int>(least), end) : end; };
    p_.close_loop(loop, close(), more(rest, false, loop));
    // Written out up to the first place where the least number may have been reached: there, what
    // cannot be continued is seen to be so.
    const size_t written = std::max<size_t>(first.size(), least > 0 ? 1 : 0) + (least > 0 ? 1 : 0);
    int next = loop;
    for (size_t i = std::max<size_t>(written, 1); i-- > 0;) {
      const int item = more(i < first.size() ? first[i] : rest, i == 0, next);
      if (most && static_cast<int64_t>(i) >= *most)
        next = end;
      else
        next = static_cast<int64_t>(i) < least ? item : p_.split(end, item);
    }
    return p_.byte('[', '[', next);
  }

  struct Property {
    std::string key;  // as JSON text, with quotes
    int rule;
    bool required;
  };

  int typed_object(const Json& schema, const std::string& pointer) {
    std::vector<Property> properties;
    std::map<std::string, size_t, std::less<>> index;
    const auto add = [&](std::string_view name, int value) {
      if (!index.try_emplace(std::string(name), properties.size()).second) return;
      JsonWriter key;
      key.value(name);
      properties.push_back({key.take(), value, false});
    };
    const auto declared = member(schema, "properties");
    if (declared) {
      want(declared->is_object(), pointer + "/properties", "an object");
      for (const auto& [name, value] : declared->members())
        add(name, rule(value, cat(pointer, "/properties/", name)));
    }
    const auto additional = member(schema, "additionalProperties");
    const int others = additional ? rule(*additional, pointer + "/additionalProperties")
                       : declared ? -1
                                  : free_value();
    if (const auto required = member(schema, "required")) {
      want(required->is_array(), pointer + "/required", "an array of strings");
      for (size_t i = 0; i < required->size(); ++i) {
        want((*required)[i].is_string(), pointer + "/required", "an array of strings");
        const std::string_view name = (*required)[i].string();
        add(name, others >= 0 ? others : free_value());
        properties[index.find(name)->second].required = true;
      }
    }
    return object(properties, others);
  }

  // others: the rule of additional properties' values, below 0 for none.
  int object(const std::vector<Property>& properties, int others) {
    const int close = p_.call(space_, p_.byte('}', '}', p_.finish()));
    int at_start = close, after = close;  // what follows `{`, and what follows a member
    if (others >= 0) {
      std::vector<std::u32string> taken;
      for (const Property& property : properties) {
        if (property.key.size() > kLongestKey)
          fail(Code::kUnsupported, "schema: want property names of at most ", kLongestKey,
               " bytes beside additionalProperties, got ", property.key.size());
        taken.push_back(content(property.key));
      }
      after = p_.loop();
      const int member =
          p_.call(space_, p_.byte('"', '"', other_key(taken, 0, value(others, after))));
      p_.close_loop(after, close, p_.byte(',', ',', member));
      at_start = p_.split(close, member);
    }
    for (size_t i = properties.size(); i-- > 0;) {
      const Property& property = properties[i];
      const int member = p_.call(space_, p_.literal(property.key, value(property.rule, after)));
      const int more = p_.byte(',', ',', member);
      at_start = property.required ? member : p_.split(member, at_start);
      after = property.required ? more : p_.split(more, after);
    }
    return p_.byte('{', '{', at_start);
  }

  // After a key: the colon and the value.
  int value(int rule, int next) {
    const int call = p_.call(rule, next);
    return p_.byte(':', ':', p_.split(p_.byte(' ', ' ', call), call));
  }

  // The characters between the quotes of a key's text.
  static std::u32string content(std::string_view quoted) {
    std::u32string out;
    for (size_t i = 1; i + 1 < quoted.size();) {
      const CodePoint c = decode_utf8(quoted, i);
      out += c.value;
      i += c.bytes;
    }
    return out;
  }

  // A key that is none of those, which are the same up to `at`. It has no escapes, so that a taken
  // key cannot come in another spelling.
  int other_key(const std::vector<std::u32string>& taken, size_t at, int next) {
    const int close = p_.byte('"', '"', next);
    const int rest = p_.loop();
    p_.close_loop(rest, close, plain_except({}, rest));
    std::map<char32_t, std::vector<std::u32string>> children;
    bool ends = false;
    for (const std::u32string& key : taken) {
      if (key.size() == at)
        ends = true;
      else
        children[key[at]].push_back(key);
    }
    std::vector<int> choices;
    if (!ends) choices.push_back(close);
    std::vector<char32_t> firsts;
    for (const auto& [c, keys] : children) {
      firsts.push_back(c);
      if (c != '"' && c != '\\' && c >= 0x20)
        choices.push_back(p_.code_points(c, c, other_key(keys, at + 1, next)));
    }
    choices.push_back(plain_except(firsts, rest));
    return p_.split(choices);
  }

  // A character that needs no escape and is none of those, which ascend.
  int plain_except(std::vector<char32_t> excluded, int next) {
    excluded.insert(excluded.end(), {U'"', U'\\'});
    std::sort(excluded.begin(), excluded.end());
    std::vector<int> choices;
    uint32_t from = 0x20;
    for (const char32_t c : excluded) {
      if (c < from) continue;
      if (c > from) choices.push_back(p_.code_points(from, c - 1, next));
      from = c + 1;
    }
    choices.push_back(p_.code_points(from, 0x10FFFF, next));
    return p_.split(choices);
  }

  Json root_;
  ByteProgram p_;
  int space_ = -1, free_value_ = -1, free_object_ = -1;
  std::map<std::string, int> rules_;
};

}  // namespace

Pushdown compile_json_schema(const Json& schema, const JsonFrame& frame) {
  return Compiler(schema).compile(frame);
}

}  // namespace winnow

#include "http/forced_call.h"

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace winnow {
namespace {

// The functions of `tools`, those of the name, or all.
std::vector<Json> functions_of(const Json& tools, const std::string& name) {
  std::vector<Json> out;
  for (size_t i = 0; i < tools.size(); ++i) {
    const Json function = tools[i].find("function").value_or(tools[i]);
    if (name.empty() || function.string("name") == name) out.push_back(function);
  }
  return out;
}

// A schema that stands at `root` in another: its references, which count from its own root, count
// from there.
void append_schema(JsonWriter& json, const Json& value, const std::string& root) {
  if (value.is_array()) {
    json.begin_array();
    for (size_t i = 0; i < value.size(); ++i) append_schema(json, value[i], root);
    json.end_array();
  } else if (value.is_object()) {
    json.begin_object();
    for (const auto& [key, member] : value.members()) {
      json.key(key);
      if (key == "$ref" && member.is_string() && member.string().starts_with('#'))
        json.value(root + std::string(member.string().substr(1)));
      else
        append_schema(json, member, root);
    }
    json.end_object();
  } else {
    append_json(json, value);
  }
}

void append_call(JsonWriter& json, const Json& function, const std::string& root) {
  json.begin_object().member("type", "object").key("properties").begin_object();
  json.key("name").begin_object().member("const", function.string("name")).end_object();
  json.key("arguments");
  const std::optional<Json> parameters = function.find("parameters");
  if (parameters && parameters->is_object() && parameters->size() > 0)
    append_schema(json, *parameters, root + "/properties/arguments");
  else
    json.begin_object().member("type", "object").end_object();
  json.end_object().key("required").begin_array().value("name").value("arguments").end_array();
  json.member("additionalProperties", false).end_object();
}

}  // namespace

std::optional<ForcedCall> forced_call_of(const Json& body) {
  const auto choice = body.find("tool_choice");
  if (!choice) return std::nullopt;
  ForcedCall call;
  if (choice->is_string()) {
    const std::string_view word = choice->string();
    if (word == "none" || word == "auto") return std::nullopt;
    require(word == "required",
            "`tool_choice`: want none, auto, required or a named function, got ", word);
  } else {
    require(choice->is_object() && choice->string("type", "") == "function",
            "`tool_choice`: want none, auto, required or a named function, got ", choice->kind(),
            choice->is_object() ? cat(" of type ", choice->string("type", "")) : "");
    call.name = choice->at("function").string("name");
  }
  const auto tools = body.find("tools");
  require(tools && tools->is_array() && !functions_of(*tools, call.name).empty(),
          "`tool_choice`: want a function that `tools` has, got ",
          call.name.empty() ? "no tools" : call.name);
  return call;
}

Json call_schema(const Json& tools, const ForcedCall& call) {
  const std::vector<Json> functions = functions_of(tools, call.name);
  JsonWriter json;
  if (functions.size() == 1) {
    append_call(json, functions[0], "#");
  } else {
    json.begin_object().key("anyOf").begin_array();
    for (size_t i = 0; i < functions.size(); ++i)
      append_call(json, functions[i], cat("#/anyOf/", i));
    json.end_array().end_object();
  }
  return Json::parse(json.text(), "`tools`");
}

}  // namespace winnow

// winnow.yaml: what the flags set, kept in a file. Flags beat it. docs/cli.md lists its keys.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/yes_no.h"

namespace winnow {

// A model to serve or to name with -m: a folder, a known name or a hub id, and the name it goes by.
struct ModelEntry {
  std::string name;   // empty: the place's own name
  std::string place;  // what hub/cache.h resolve_model takes
};

// What bounds the work; absent ones leave the defaults of EngineOptions and ServerOptions.
struct Limits {
  std::optional<int64_t> max_length, max_batch_tokens, max_queue_tokens;
  std::optional<int64_t> max_concurrent_requests, max_connections, max_client_batch_size;
  std::optional<int64_t> payload_limit_bytes, header_limit_bytes;
  std::optional<int64_t> request_timeout_ms, client_timeout_ms, idle_timeout_ms, drain_timeout_ms;
};

// A limit's name in the file ("max_length"; its flag is "--max-length"), its least value, and a
// line of help.
struct LimitKey {
  std::string name;
  std::optional<int64_t> Limits::*member;
  int64_t least;
  std::string help;
};
std::span<const LimitKey> limit_keys();
inline constexpr int64_t kMostOfLimit = 2'147'483'647;  // of every limit: they are ints inside

struct Settings {
  std::string path;  // of the file they came from; empty: none was found
  std::vector<ModelEntry> models;
  std::optional<std::string> reranker, embedder;  // what rerank and embed use without -m
  std::optional<std::string> generator;           // what chat and generate use without MODEL
  std::optional<std::string> host, device, dtype, max_memory, pooling, api_key;
  std::optional<std::string> task, kv_cache;  // of decoders: what for; memory for keys and values
  std::optional<int64_t> port, threads;
  std::optional<bool> auto_truncate, return_documents, sglang, strict;
  Limits limits;
  std::optional<YesNoPrompt> prompt;       // of yes/no rerankers
  std::optional<std::string> instruction;  // in place of their prompt's own
};

// "512M", "2G", "64K" (of 1024) or bytes. Throws kInvalidArgument, opened by `name`.
int64_t parse_size(std::string_view text, std::string_view name);

// A share of something, above 0 and up to 1, or else a size in bytes as parse_size. Throws as that.
double parse_share(std::string_view text, std::string_view name);

// What a dtype may be: EngineOptions::dtype.
const std::vector<std::string>& dtype_names();

// "NAME=FOLDER" or a place alone. Throws kInvalidArgument when either side of the sign is empty.
ModelEntry parse_model_entry(std::string_view text);

// The settings of a file's text; `path` names it in errors, and folders that start with "./" or
// "../" are its folder's. Throws kInvalidArgument with the line for an unknown or repeated key
// (naming the nearest) and for a value of another type or out of range, kCorrupt with line and
// column for what is not YAML.
Settings parse_settings(std::string_view yaml, const std::string& path);

// A prompt of yes/no rerankers: a map of YesNoPrompt's fields, of which `preset` says where the
// absent ones come from. Throws as parse_settings, and what check_prompt says, with the path.
YesNoPrompt parse_prompt(std::string_view yaml, const std::string& path);

// Reads the file of --config when given; else ./winnow.yaml; else winnow/winnow.yaml in
// $XDG_CONFIG_HOME (or
// ~/.config); else none, which is all settings absent. Throws as parse_settings, kNotFound when
// --config names no file.
Settings load_settings(const std::string& config_flag);

}  // namespace winnow

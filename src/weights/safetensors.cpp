#include "weights/safetensors.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>

#include "base/json.h"
#include "base/mapped_file.h"
#include "weights/blame.h"
#include "weights/named_tensors.h"
#include "weights/stored_shape.h"

namespace winnow {
namespace {

constexpr uint64_t kLongestHeader = 100'000'000;  // bytes; the reference reader's limit
constexpr JsonLimits kLimits{.max_depth = 8};     // a header needs 3: header, tensor, shape

// Where a member of the outermost object starts, and how many members its own object has by the
// text: a JSON reader keeps one of two equal keys, so only the text tells that there were two.
struct Member {
  std::string_view key;  // as written, without quotes
  int64_t offset;        // of the key, from the start of the text
  size_t members = 0;
};

// Wants text that is JSON.
std::vector<Member> outer_members(std::string_view text) {
  std::vector<Member> out;
  int depth = 0;
  size_t start = 0, end = 0;  // of the last string
  for (size_t i = 0; i < text.size(); ++i) switch (text[i]) {
      case '"':
        start = ++i;
        while (text[i] != '"') i += text[i] == '\\' ? 2 : 1;
        end = i;
        break;
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        --depth;
        break;
      case ':':
        if (depth == 1)
          out.push_back({text.substr(start, end - start), static_cast<int64_t>(start)});
        if (depth == 2) ++out.back().members;
        break;
    }
  return out;
}

// The members of an object that starts at byte `base` of the file, no name twice.
std::vector<Member> unique_members(std::string_view text, const Json& object, int64_t base,
                                   const std::string& path) {
  std::vector<Member> members = outer_members(text);
  if (members.size() == object.size()) return members;
  std::vector<Member> sorted = members;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Member& a, const Member& b) { return a.key < b.key; });
  const auto twice =
      std::adjacent_find(sorted.begin(), sorted.end(),
                         [](const Member& a, const Member& b) { return a.key == b.key; });
  // Two spellings of one name ("a" and "\u0061") are not found by their text.
  if (twice == sorted.end()) corrupt(path, base, "want each name once, got one twice");
  corrupt(path, base + (twice + 1)->offset, "want each name once, got ", shown_name(twice->key),
          " again");
}

DType stored_dtype(std::string_view name) {
  constexpr std::pair<std::string_view, DType> kNames[] = {
      {"F64", DType::f64}, {"F32", DType::f32},     {"F16", DType::f16}, {"BF16", DType::bf16},
      {"I64", DType::i64}, {"I32", DType::i32},     {"I16", DType::i16}, {"I8", DType::i8},
      {"U8", DType::u8},   {"BOOL", DType::boolean}};
  for (const auto& [stored, dtype] : kNames)
    if (stored == name) return dtype;
  const bool valid = name.starts_with("F8_") || name == "U16" || name == "U32" || name == "U64";
  fail(valid ? Code::kUnsupported : Code::kInvalidArgument,
       "want a dtype of F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL, got ", shown_name(name));
}

int64_t whole_number(const Json& json) {
  if (!json.is_integer() || json.number() < 0 || json.number() >= 0x1p63)
    fail(Code::kInvalidArgument, "want an integer from 0 to 2^63, got ",
         json.is_number() ? cat(json.number()) : std::string(json.kind()));
  return json.integer();
}

StoredTensor tensor_of(std::string_view name, const Json& entry, int64_t entry_offset,
                       std::span<const std::byte> bytes, int64_t buffer, const std::string& path) {
  StoredTensor tensor;
  tensor.name = name;
  tensor.dtype = stored_dtype(entry.string("dtype"));
  const Json range = entry.at("data_offsets");
  if (!range.is_array() || range.size() != 2)
    fail(Code::kInvalidArgument, "want data_offsets of 2 integers");
  const int64_t begin = whole_number(range[0]), end = whole_number(range[1]);
  const int64_t room = static_cast<int64_t>(bytes.size()) - buffer;
  if (begin > end || end > room)
    fail(Code::kInvalidArgument, "want data_offsets in order and within the buffer of ", room,
         " bytes, got ", begin, " to ", end);
  std::vector<int64_t> dims;
  const Json shape = entry.at("shape");
  if (!shape.is_array()) fail(Code::kInvalidArgument, "want shape as an array, got ", shape.kind());
  if (shape.size() > Shape::kMaxRank)
    fail(Code::kUnsupported, "want at most ", Shape::kMaxRank, " dimensions, got ", shape.size());
  for (size_t i = 0; i < shape.size(); ++i) dims.push_back(whole_number(shape[i]));
  tensor.shape = checked_shape(dims, tensor.dtype, end - begin, path, entry_offset, name);
  tensor.file_offset = buffer + begin;
  tensor.data = bytes.data() + tensor.file_offset;
  tensor.bytes = end - begin;
  return tensor;
}

// The buffer must be covered exactly: what two tensors share, or none names, is a mistake or
// something hidden.
void check_cover(const std::vector<StoredTensor>& tensors, int64_t buffer, int64_t file_end,
                 const std::string& path) {
  std::vector<const StoredTensor*> by_place;
  by_place.reserve(tensors.size());
  for (const StoredTensor& tensor : tensors) by_place.push_back(&tensor);
  std::sort(by_place.begin(), by_place.end(), [](const StoredTensor* a, const StoredTensor* b) {
    return std::pair(a->file_offset, a->bytes) < std::pair(b->file_offset, b->bytes);
  });
  int64_t covered = buffer;
  for (const StoredTensor* tensor : by_place) {
    if (tensor->file_offset < covered)
      corrupt(path, tensor->file_offset, "tensor ", shown_name(tensor->name),
              " overlaps another, which ends at byte ", covered);
    if (tensor->file_offset > covered)
      corrupt(path, covered, "want a tensor, got ", tensor->file_offset - covered,
              " bytes that belong to none, before ", shown_name(tensor->name));
    covered += tensor->bytes;
  }
  if (covered != file_end)
    corrupt(path, covered, "want the end of the file after the last tensor, got ",
            file_end - covered, " bytes more");
}

std::string_view header_of(std::span<const std::byte> bytes, const std::string& path) {
  if (bytes.size() < 8)
    corrupt(path, 0, "want the 8 bytes of a header's length, got a file of ", bytes.size());
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | std::to_integer<uint64_t>(bytes[i]);
  if (length > kLongestHeader || length > bytes.size() - 8)
    corrupt(path, 0, "want a header of at most ", kLongestHeader,
            " bytes that ends in the file of ", bytes.size(), ", got a length of ", length);
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + 8, length);
  if (!header.starts_with('{')) corrupt(path, 8, "want a header that starts with {");
  return header;
}

bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

ShardFile open_file(const std::string& path) {
  const auto file = MappedFile::open(path);
  return {read_safetensors(file->bytes(), path), {file}};
}

}  // namespace

std::vector<StoredTensor> read_safetensors(std::span<const std::byte> bytes,
                                           const std::string& path) {
  const std::string_view header = header_of(bytes, path);
  const Json json = Json::parse(header, cat(path, ": the header, which starts at byte 8"), kLimits);
  const std::vector<Member> members = unique_members(header, json, 8, path);
  const int64_t buffer = 8 + static_cast<int64_t>(header.size());
  std::vector<StoredTensor> tensors;
  const auto entries = json.members();
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto& [name, entry] = entries[i];
    const int64_t offset = 8 + members[i].offset;
    if (!entry.is_object() || entry.size() != members[i].members)
      corrupt(path, offset, shown_name(name), ": want an object with each key once, got ",
              entry.kind());
    if (name == "__metadata__") continue;  // free text about the file
    try {
      tensors.push_back(tensor_of(name, entry, offset, bytes, buffer, path));
    } catch (const Error& error) {
      if (error.code() == Code::kCorrupt) throw;  // it has its offset already
      const Code code = error.code() == Code::kUnsupported ? Code::kUnsupported : Code::kCorrupt;
      fail(code, path, ": at byte ", offset, ": tensor ", shown_name(name), ": ", error.what());
    }
  }
  check_cover(tensors, buffer, static_cast<int64_t>(bytes.size()), path);
  return tensors;
}

Json read_safetensors_metadata(std::span<const std::byte> bytes, const std::string& path) {
  const std::string_view header = header_of(bytes, path);
  return Json::parse(header, path, kLimits).find("__metadata__").value_or(Json());
}

std::vector<std::pair<std::string, std::string>> read_shard_index(std::string_view text,
                                                                  const std::string& path) {
  if (text.size() > kLongestHeader)
    corrupt(path, 0, "want an index of at most ", kLongestHeader, " bytes, got ", text.size());
  const Json json = Json::parse(text, path, kLimits);
  if (!json.is_object()) corrupt(path, 0, "want an object, got ", json.kind());
  const std::vector<Member> outer = unique_members(text, json, 0, path);
  const std::optional<Json> map = json.find("weight_map");
  if (!map || !map->is_object()) corrupt(path, 0, "want an object weight_map");
  std::vector<std::pair<std::string, std::string>> out;
  for (const Member& member : outer)
    if (member.key == "weight_map" && member.members != map->size())
      corrupt(path, member.offset, "want each tensor once in weight_map, got one twice");
  for (const auto& [name, file] : map->members()) {
    if (!file.is_string() || !is_plain_file_name(file.string()))
      fail(Code::kCorrupt, path, ": weight_map: tensor ", shown_name(name),
           ": want the name of a file in the same folder, got ",
           file.is_string() ? shown_name(file.string()) : std::string(file.kind()));
    out.emplace_back(name, file.string());
  }
  return out;
}

std::shared_ptr<const Checkpoint> open_shards(const std::string& index_path,
                                              ShardFile (*open)(const std::string& path)) {
  const std::filesystem::path folder = std::filesystem::path(index_path).parent_path();
  const auto index = MappedFile::open(index_path);
  std::map<std::string, std::map<std::string, StoredTensor, std::less<>>> shards;
  std::vector<std::shared_ptr<const void>> keep;
  std::vector<StoredTensor> tensors;
  for (const auto& [name, file] : read_shard_index(index->text(), index_path)) {
    const auto [shard, is_new] = shards.try_emplace(file);
    if (is_new) {
      const std::string path = (folder / file).string();
      std::error_code ignored;  // of a name that no file system takes
      if (!std::filesystem::exists(path, ignored))
        fail(Code::kNotFound, index_path, ": want the shard ", shown_name(file), " for tensor ",
             shown_name(name), ", got no such file");
      ShardFile opened = open(path);
      keep.insert(keep.end(), opened.keep.begin(), opened.keep.end());
      for (StoredTensor& tensor : opened.tensors) {
        std::string key = tensor.name;
        shard->second.emplace(std::move(key), std::move(tensor));
      }
    }
    const auto found = shard->second.find(name);
    if (found == shard->second.end())
      fail(Code::kCorrupt, index_path, ": want tensor ", shown_name(name), " in the shard ",
           shown_name(file), ", which has none of that name");
    tensors.push_back(found->second);
  }
  return std::make_shared<NamedTensors>(index_path, std::move(tensors), std::move(keep));
}

std::shared_ptr<const Checkpoint> open_safetensors_file(const std::string& path) {
  ShardFile file = open_file(path);
  return std::make_shared<NamedTensors>(path, std::move(file.tensors), std::move(file.keep));
}

std::shared_ptr<const Checkpoint> open_sharded_safetensors(const std::string& index_path) {
  return open_shards(index_path, open_file);
}

}  // namespace winnow

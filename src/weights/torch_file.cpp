#include "weights/torch_file.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/mapped_file.h"
#include "weights/blame.h"
#include "weights/named_tensors.h"
#include "weights/pickle.h"
#include "weights/safetensors.h"
#include "weights/stored_shape.h"
#include "weights/zip.h"

namespace winnow {
namespace {

using Kind = PickleKind;

// Views that repeat elements can ask for more than any file holds: all packed tensors together may
// take this, and four times the file.
constexpr int64_t kFreeRepack = 1 << 20;

// What trainers put a state dict under, beside an optimizer's.
constexpr std::array<std::string_view, 4> kWrappers{"state_dict", "model_state_dict", "model",
                                                    "module"};
constexpr int kDeepestWrapper = 4;

const PickleValue* member(const PickleValue& dict, std::string_view key) {
  for (size_t i = 0; i < dict.items.size(); i += 2)
    if (dict.items[i]->kind == Kind::kText && dict.items[i]->text == key) return dict.items[i + 1];
  return nullptr;
}

bool has_tensors(const PickleValue& dict) {
  for (size_t i = 1; i < dict.items.size(); i += 2)
    if (dict.items[i]->kind == Kind::kTensor) return true;
  return false;
}

// The dict that has the tensors: the root, or what it has under one of the usual keys.
const PickleValue& state_dict(const PickleValue& root, const std::string& path) {
  const PickleValue* dict = &root;
  for (int depth = 0; depth < kDeepestWrapper && dict->kind == Kind::kDict; ++depth) {
    if (has_tensors(*dict)) return *dict;
    const PickleValue* inner = nullptr;
    for (const std::string_view key : kWrappers)
      if (const PickleValue* found = member(*dict, key); found && found->kind == Kind::kDict) {
        inner = found;
        break;
      }
    if (!inner) break;
    dict = inner;
  }
  if (root.kind == Kind::kDict && root.items.empty()) return root;
  unsupported(path, root.offset,
              "want a dict of tensors, or one under state_dict, model_state_dict, model or module");
}

class TorchReader {
 public:
  TorchReader(std::span<const std::byte> bytes, const std::string& path, Repacked& repacked)
      : bytes_(bytes),
        path_(path),
        repacked_(repacked),
        budget_(kFreeRepack + 4 * static_cast<int64_t>(bytes.size())) {}

  std::vector<StoredTensor> run() {
    const Pickle pickle = looks_like_zip(bytes_) ? read_archive() : read_stream();
    const PickleValue& dict = state_dict(pickle.root(), path_);
    std::vector<StoredTensor> tensors;
    for (size_t i = 0; i < dict.items.size(); i += 2)
      if (dict.items[i]->kind == Kind::kText && dict.items[i + 1]->kind == Kind::kTensor)
        tensors.push_back(tensor_of(dict.items[i]->text, *dict.items[i + 1]));
    return tensors;
  }

 private:
  // The format since PyTorch 1.6: <root>/data.pkl, <root>/data/<key>.
  Pickle read_archive() {
    const std::vector<ZipEntry> entries = read_zip(bytes_, path_);
    const ZipEntry& data = find_pickle(entries);
    const std::string root(data.name.substr(0, data.name.size() - std::strlen("data.pkl")));
    for (const ZipEntry& entry : entries) {
      if (entry.name.starts_with(cat(root, "data/")))
        storages_.emplace(entry.name.substr(root.size() + std::strlen("data/")),
                          Place{entry.bytes, entry.offset});
      const std::string_view text(reinterpret_cast<const char*>(entry.bytes.data()),
                                  entry.bytes.size());
      if (entry.name == cat(root, "byteorder") && text != "little")
        unsupported(path_, entry.offset, "want storages in little-endian order, got ",
                    shown_name(text));
    }
    return Pickle::read(data.bytes, data.offset, path_);
  }

  const ZipEntry& find_pickle(const std::vector<ZipEntry>& entries) const {
    const ZipEntry* found = nullptr;
    for (const ZipEntry& entry : entries) {
      const std::string_view name = entry.name;
      if (!name.ends_with("/data.pkl") || name.find('/') != name.size() - 9) continue;
      if (found)
        corrupt(path_, entry.offset, "want one data.pkl, got ", shown_name(found->name), " and ",
                shown_name(name));
      found = &entry;
    }
    if (!found) corrupt(path_, 0, "want an entry */data.pkl, got none");
    return *found;
  }

  // The older format: pickles of a magic number, a protocol, the machine, the object and the
  // storages' keys, then each storage: its elements, then their bytes.
  Pickle read_stream() {
    const auto next = [&] {
      Pickle pickle = Pickle::read(bytes_.subspan(at_), static_cast<int64_t>(at_), path_);
      at_ += pickle.size();
      return pickle;
    };
    constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    if (const Pickle magic = next();
        magic.root().kind != Kind::kText || magic.root().text != kMagic)
      corrupt(path_, 0, "want PyTorch's magic number, got another pickle");
    const size_t protocol_at = at_;
    if (const Pickle protocol = next();
        protocol.root().kind != Kind::kInteger || protocol.root().integer != 1001)
      unsupported(path_, static_cast<int64_t>(protocol_at), "want PyTorch's protocol 1001");
    const Pickle machine = next();
    const PickleValue* little =
        machine.root().kind == Kind::kDict ? member(machine.root(), "little_endian") : nullptr;
    if (!little || little->kind != Kind::kBool || !little->integer)
      unsupported(path_, machine.root().offset, "want storages in little-endian order");
    Pickle object = next();
    const Pickle keys = next();
    if (keys.root().kind != Kind::kList)
      corrupt(path_, keys.root().offset, "want a list of the storages' keys");
    std::map<std::string_view, const PickleValue*> named;
    for (const PickleValue& value : object.values())
      if (value.kind == Kind::kStorage) named.emplace(value.text, &value);
    for (const PickleValue* key : keys.root().items) read_storage(*key, named);
    return object;
  }

  void read_storage(const PickleValue& key,
                    const std::map<std::string_view, const PickleValue*>& named) {
    const auto storage = key.kind == Kind::kText ? named.find(key.text) : named.end();
    if (storage == named.end() || storage->second->untyped)
      corrupt(path_, key.offset, "want the key of a storage with a type, got another");
    int64_t count = 0;
    const auto at = static_cast<int64_t>(at_);
    if (bytes_.size() - at_ < sizeof count)
      corrupt(path_, at, "want the elements of storage ", shown_name(key.text), ", got the end");
    std::memcpy(&count, bytes_.data() + at_, sizeof count);
    at_ += sizeof count;
    const int64_t width = size_of(storage->second->dtype),
                  left = static_cast<int64_t>(bytes_.size() - at_);
    if (count < 0 || count > left / width)
      corrupt(path_, at, "want storage ", shown_name(key.text), " within the ", left,
              " bytes that are left, got ", count, " elements");
    storages_.emplace(key.text,
                      Place{bytes_.subspan(at_, count * width), static_cast<int64_t>(at_)});
    at_ += count * width;
  }

  StoredTensor tensor_of(std::string_view name, const PickleValue& value) {
    if (name.empty() || invalid_utf8_at(name))
      corrupt(path_, value.offset, "want a tensor's name in UTF-8, got ", shown_name(name));
    const PickleValue& storage = *value.storage;
    const auto entry = storages_.find(storage.text);
    if (entry == storages_.end())
      corrupt(path_, storage.offset, "tensor ", shown_name(name), ": want a storage ",
              shown_name(storage.text), ", got none of that key");
    const std::span<const std::byte> bytes = entry->second.bytes;
    const int64_t width = size_of(value.dtype);
    if (storage.integer != static_cast<int64_t>(bytes.size()) / (storage.untyped ? 1 : width) ||
        bytes.size() % width != 0)
      corrupt(path_, storage.offset, "tensor ", shown_name(name), ": want a storage of ",
              storage.integer, storage.untyped ? " bytes" : " elements", ", got ", bytes.size(),
              " bytes");
    const Extent extent = extent_of(name, value);
    const int64_t room = static_cast<int64_t>(bytes.size()) / width;
    if (extent.elements > 0 &&
        (value.storage_offset >= room || extent.last >= room - value.storage_offset))
      corrupt(path_, value.offset, "tensor ", shown_name(name), ": want it within its storage of ",
              room, " elements, got offset ", value.storage_offset, " and ", extent.last, " more");
    StoredTensor tensor;
    tensor.name = name;
    tensor.dtype = value.dtype;
    tensor.bytes = extent.elements * width;
    tensor.shape = checked_shape(value.size, value.dtype, tensor.bytes, path_, value.offset, name);
    tensor.file_offset =
        entry->second.offset + (extent.elements ? value.storage_offset * width : 0);
    tensor.data = bytes.data() + (extent.elements ? value.storage_offset * width : 0);
    if (!extent.dense) tensor.data = repack(tensor, value.stride);
    return tensor;
  }

  struct Extent {
    int64_t elements = 1, last = 0;  // last: how far behind the first the last one lies
    bool dense = true;               // side by side, in order
  };
  Extent extent_of(std::string_view name, const PickleValue& value) const {
    Extent out;
    int64_t bytes = 0;
    bool fits = true;
    for (size_t i = value.size.size(); i-- > 0;) {
      const int64_t size = value.size[i], stride = value.stride[i];
      if (size > 1 && stride != out.elements) out.dense = false;
      int64_t reach = 0;
      fits = fits && !__builtin_mul_overflow(std::max<int64_t>(size - 1, 0), stride, &reach) &&
             !__builtin_add_overflow(out.last, reach, &out.last) &&
             !__builtin_mul_overflow(out.elements, std::max<int64_t>(size, 1), &out.elements);
    }
    fits = fits && !__builtin_mul_overflow(out.elements, int64_t{8}, &bytes);
    if (!fits)
      corrupt(path_, value.offset, "tensor ", shown_name(name), ": want fewer than 2^63 bytes");
    if (std::find(value.size.begin(), value.size.end(), 0) != value.size.end()) return {0, 0, true};
    return out;
  }

  const std::byte* repack(const StoredTensor& tensor, const std::vector<int64_t>& stride) {
    if (tensor.bytes > budget_)
      unsupported(path_, tensor.file_offset, "tensor ", shown_name(tensor.name),
                  ": want tensors whose elements lie once in the file, got views that repeat them");
    budget_ -= tensor.bytes;
    const int64_t width = size_of(tensor.dtype);
    std::vector<std::byte>& out = repacked_.emplace_back(tensor.bytes);
    std::array<int64_t, Shape::kMaxRank> index{};
    const std::byte* from = tensor.data;
    for (int64_t at = 0; at < tensor.bytes; at += width) {
      std::memcpy(out.data() + at, from, width);
      for (int d = tensor.shape.rank() - 1; d >= 0; --d) {
        from += stride[d] * width;
        if (++index[d] < tensor.shape.dim(d)) break;
        from -= tensor.shape.dim(d) * stride[d] * width;
        index[d] = 0;
      }
    }
    return out.data();
  }

  struct Place {
    std::span<const std::byte> bytes;
    int64_t offset;
  };
  std::span<const std::byte> bytes_;
  const std::string& path_;
  Repacked& repacked_;
  int64_t budget_;
  size_t at_ = 0;  // in the older format
  std::map<std::string, Place, std::less<>> storages_;
};

ShardFile open_shard(const std::string& path) {
  const auto file = MappedFile::open(path);
  const auto repacked = std::make_shared<Repacked>();
  return {read_torch_file(file->bytes(), path, *repacked), {file, repacked}};
}

}  // namespace

std::vector<StoredTensor> read_torch_file(std::span<const std::byte> bytes, const std::string& path,
                                          Repacked& repacked) {
  if (!looks_like_zip(bytes) && (bytes.empty() || bytes[0] != std::byte{0x80}))
    corrupt(path, 0, "want a PyTorch file, which starts with `PK` or as a pickle");
  return TorchReader(bytes, path, repacked).run();
}

std::shared_ptr<const Checkpoint> open_torch_file(const std::string& path) {
  ShardFile file = open_shard(path);
  return std::make_shared<NamedTensors>(path, std::move(file.tensors), std::move(file.keep));
}

std::shared_ptr<const Checkpoint> open_sharded_torch(const std::string& index_path) {
  return open_shards(index_path, open_shard);
}

}  // namespace winnow

// A restricted pickle reader: it builds values, never objects, and knows only the names that
// PyTorch's state dicts use; every other is refused by name. Nothing in a pickle is ever run.
// Internal to weights; docs/formats/pickle.md lists what is read. Source: Lib/pickletools.py of
// CPython; torch/_utils.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/dtype.h"

namespace winnow {

enum class PickleKind {
  kNone,
  kBool,
  kInteger,
  kReal,
  kText,
  kTuple,
  kList,
  kDict,
  kGlobal,
  kStorage,
  kTensor
};

// A storage or a dtype by its global, or what a global rebuilds.
enum class PickleGlobal {
  kOrderedDict,
  kRebuildTensor,
  kRebuildTensorV2,
  kRebuildTensorV3,
  kRebuildParameter,
  kSize,
  kStorage,
  kUntypedStorage,
  kDtype
};

struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  int64_t integer = 0;    // kBool, kInteger; kStorage: elements
  double real = 0;        // kReal
  std::string_view text;  // kText (also an integer above 8 bytes); kStorage: its key
  PickleGlobal global = PickleGlobal::kSize;  // kGlobal
  DType dtype = DType::u8;                    // kGlobal, kStorage, kTensor
  bool untyped = false;                       // kStorage: counts bytes, whatever is in it
  std::vector<const PickleValue*> items;      // kTuple, kList; kDict: key, value, key, ...
  const PickleValue* storage = nullptr;       // kTensor
  int64_t storage_offset = 0;                 // kTensor, in elements
  std::vector<int64_t> size, stride;          // kTensor, in elements
  int64_t offset = 0;                         // of its opcode in the file
};

// The value that a pickle of protocol 2 to 5 leaves. Values may be shared and may contain
// themselves: whoever walks them bounds its depth.
class Pickle {
 public:
  // bytes: the pickle, which lies at `offset` of the file and lives as long as the Pickle. Throws
  // kCorrupt and kUnsupported with the file's byte offset.
  static Pickle read(std::span<const std::byte> bytes, int64_t offset, const std::string& path);

  const PickleValue& root() const { return *root_; }
  size_t size() const { return size_; }                              // bytes up to its end
  const std::deque<PickleValue>& values() const { return values_; }  // in the order of their making

 private:
  friend class PickleMachine;
  std::deque<PickleValue> values_;
  const PickleValue* root_ = nullptr;
  size_t size_ = 0;
};

}  // namespace winnow

#include "weights/pickle.h"

#include <array>
#include <bit>
#include <cstring>
#include <unordered_map>

#include "weights/blame.h"

namespace winnow {
namespace {

using Kind = PickleKind;
using Value = const PickleValue*;

// A state dict of a thousand tensors takes about 20,000 values and 200 kB.
constexpr size_t kMostBytes = size_t{64} << 20, kMostValues = 1 << 20;
constexpr size_t kMostDimensions = 16;

struct GlobalRow {
  std::string_view name;  // module, a space, name
  PickleGlobal global;
  DType dtype = DType::u8;
};
constexpr std::array<GlobalRow, 28> kGlobals{{
    {"collections OrderedDict", PickleGlobal::kOrderedDict},
    {"torch._utils _rebuild_tensor", PickleGlobal::kRebuildTensor},
    {"torch._utils _rebuild_tensor_v2", PickleGlobal::kRebuildTensorV2},
    {"torch._utils _rebuild_tensor_v3", PickleGlobal::kRebuildTensorV3},
    {"torch._utils _rebuild_parameter", PickleGlobal::kRebuildParameter},
    {"torch Size", PickleGlobal::kSize},
    {"torch FloatStorage", PickleGlobal::kStorage, DType::f32},
    {"torch HalfStorage", PickleGlobal::kStorage, DType::f16},
    {"torch BFloat16Storage", PickleGlobal::kStorage, DType::bf16},
    {"torch DoubleStorage", PickleGlobal::kStorage, DType::f64},
    {"torch LongStorage", PickleGlobal::kStorage, DType::i64},
    {"torch IntStorage", PickleGlobal::kStorage, DType::i32},
    {"torch ShortStorage", PickleGlobal::kStorage, DType::i16},
    {"torch CharStorage", PickleGlobal::kStorage, DType::i8},
    {"torch ByteStorage", PickleGlobal::kStorage, DType::u8},
    {"torch BoolStorage", PickleGlobal::kStorage, DType::boolean},
    {"torch UntypedStorage", PickleGlobal::kUntypedStorage},
    {"torch.storage UntypedStorage", PickleGlobal::kUntypedStorage},
    {"torch float32", PickleGlobal::kDtype, DType::f32},
    {"torch float16", PickleGlobal::kDtype, DType::f16},
    {"torch bfloat16", PickleGlobal::kDtype, DType::bf16},
    {"torch float64", PickleGlobal::kDtype, DType::f64},
    {"torch int64", PickleGlobal::kDtype, DType::i64},
    {"torch int32", PickleGlobal::kDtype, DType::i32},
    {"torch int16", PickleGlobal::kDtype, DType::i16},
    {"torch int8", PickleGlobal::kDtype, DType::i8},
    {"torch uint8", PickleGlobal::kDtype, DType::u8},
    {"torch bool", PickleGlobal::kDtype, DType::boolean},
}};

std::string_view kind_name(Kind kind) {
  constexpr std::array<std::string_view, 11> kNames{
      "None",   "a bool", "an integer", "a float",   "a string", "a tuple",
      "a list", "a dict", "a global",   "a storage", "a tensor"};
  return kNames[static_cast<size_t>(kind)];
}

}  // namespace

class PickleMachine {
 public:
  PickleMachine(std::span<const std::byte> bytes, int64_t offset, const std::string& path,
                Pickle& out)
      : bytes_(bytes), offset_(offset), path_(path), out_(out) {}

  void run() {
    if (bytes_.empty()) corrupt(path_, offset_, "want a pickle, got the end of the file");
    while (!out_.root_) {
      op_at_ = at_;
      step(number<uint8_t>());
    }
    out_.size_ = at_;
  }

 private:
  template <typename... Parts>
  [[noreturn]] void bad(const Parts&... parts) const {
    corrupt(path_, offset_ + static_cast<int64_t>(op_at_), parts...);
  }

  const std::byte* take(uint64_t count) {
    if (count > bytes_.size() - at_)
      corrupt(path_, offset_ + static_cast<int64_t>(at_), "want ", count,
              " bytes more of the pickle, got its end after ", bytes_.size() - at_);
    if (count > kMostBytes - at_)
      unsupported(path_, offset_ + static_cast<int64_t>(op_at_), "want a pickle of at most ",
                  kMostBytes, " bytes, got more");
    at_ += count;
    return bytes_.data() + at_ - count;
  }
  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value), sizeof value);
    return value;
  }
  std::string_view text(uint64_t length) {
    return {reinterpret_cast<const char*>(take(length)), length};
  }
  std::string_view line() {
    const size_t start = at_;
    while (number<char>() != '\n') continue;
    return {reinterpret_cast<const char*>(bytes_.data()) + start, at_ - 1 - start};
  }

  PickleValue& make(Kind kind) {
    if (out_.values_.size() == kMostValues)
      unsupported(path_, offset_ + static_cast<int64_t>(op_at_), "want a pickle of at most ",
                  kMostValues, " values, got more");
    PickleValue& value = out_.values_.emplace_back();
    value.kind = kind;
    value.offset = offset_ + static_cast<int64_t>(op_at_);
    return value;
  }
  PickleValue& push(Kind kind) {
    PickleValue& value = make(kind);
    stack_.push_back(&value);
    return value;
  }
  void push_text(uint64_t length) { push(Kind::kText).text = text(length); }
  void push_integer(int64_t integer) { push(Kind::kInteger).integer = integer; }

  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  PickleValue* pop() {
    if (stack_.size() <= floor()) bad("want a value on the stack, got none");
    PickleValue* value = stack_.back();
    stack_.pop_back();
    return value;
  }
  PickleValue* top(Kind kind) const {
    if (stack_.size() <= floor()) bad("want ", kind_name(kind), " on the stack, got nothing");
    if (stack_.back()->kind != kind)
      bad("want ", kind_name(kind), " on the stack, got ", kind_name(stack_.back()->kind));
    return stack_.back();
  }
  std::vector<Value> pop_to_mark() {
    if (marks_.empty()) bad("want a mark on the stack, got none");
    std::vector<Value> items(stack_.begin() + static_cast<ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  void push_tuple(size_t count) {
    if (stack_.size() < floor() + count) bad("want ", count, " values on the stack, got fewer");
    std::vector<Value> items(stack_.end() - static_cast<ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    push(Kind::kTuple).items = std::move(items);
  }
  void push_dict(std::vector<Value> items) {
    if (items.size() % 2 != 0) bad("want keys with values, got a key alone");
    push(Kind::kDict).items = std::move(items);
  }
  void append(Kind kind, const std::vector<Value>& items) {
    PickleValue* to = top(kind);
    if (kind == Kind::kDict && items.size() % 2 != 0) bad("want keys with values, got a key alone");
    to->items.insert(to->items.end(), items.begin(), items.end());
  }

  void remember(uint32_t index) {
    if (stack_.size() <= floor()) bad("want a value to remember, got none");
    memo_[index] = stack_.back();
  }
  void recall(uint32_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) bad("want a value remembered as ", index, ", got none");
    stack_.push_back(found->second);
  }

  void push_global(std::string_view module, std::string_view name) {
    const std::string full = cat(module, ' ', name);
    for (const GlobalRow& row : kGlobals)
      if (row.name == full) {
        PickleValue& value = push(Kind::kGlobal);
        value.global = row.global;
        value.dtype = row.dtype;
        return;
      }
    unsupported(path_, offset_ + static_cast<int64_t>(op_at_),
                "want only names that a state dict of tensors uses, got ",
                shown_name(cat(module, '.', name)), ": winnow runs nothing that a pickle names");
  }

  // Little-endian two's complement; zero bytes are 0. What no int64 holds stays as its bytes: an
  // old file's magic number is one.
  void push_long(uint64_t length) {
    const std::byte* bytes = take(length);
    if (length > 8) {
      push(Kind::kText).text = {reinterpret_cast<const char*>(bytes), length};
      return;
    }
    uint64_t value = 0;
    for (uint64_t i = length; i-- > 0;) value = value << 8 | std::to_integer<uint64_t>(bytes[i]);
    if (length > 0 && length < 8 && (std::to_integer<int>(bytes[length - 1]) & 0x80))
      value |= ~uint64_t{0} << (8 * length);
    push_integer(static_cast<int64_t>(value));
  }

  Value item(const PickleValue& of, size_t i, Kind kind, std::string_view what) const {
    if (i >= of.items.size()) bad("want ", what, ", got only ", of.items.size(), " arguments");
    if (of.items[i]->kind != kind)
      bad("want ", what, " as ", kind_name(kind), ", got ", kind_name(of.items[i]->kind));
    return of.items[i];
  }

  // ('storage', class, key, location, elements)
  void persistent() {
    const PickleValue& id = *top(Kind::kTuple);
    pop();
    if (item(id, 0, Kind::kText, "`storage`")->text != "storage")
      bad("want an id of a storage, got one of ", shown_name(id.items[0]->text));
    const PickleValue& type = *item(id, 1, Kind::kGlobal, "a storage's class");
    if (type.global != PickleGlobal::kStorage && type.global != PickleGlobal::kUntypedStorage)
      bad("want a storage's class, got another global");
    const Value key = item(id, 2, Kind::kText, "a storage's key"),
                count = item(id, 4, Kind::kInteger, "a storage's size");
    if (id.items.size() > 5 && id.items[5]->kind != Kind::kNone)
      bad("want a storage that is not a view of another, got ", kind_name(id.items[5]->kind));
    if (count->integer < 0) bad("want a storage of 0 elements or more, got ", count->integer);
    PickleValue& storage = push(Kind::kStorage);
    storage.dtype = type.dtype;
    storage.untyped = type.global == PickleGlobal::kUntypedStorage;
    storage.text = key->text;
    storage.integer = count->integer;
  }

  std::vector<int64_t> integers(const PickleValue& args, size_t i, std::string_view what) const {
    const Value tuple = item(args, i, Kind::kTuple, what);
    if (tuple->items.size() > kMostDimensions)
      bad("want at most ", kMostDimensions, " dimensions, got ", tuple->items.size());
    std::vector<int64_t> out;
    for (const Value one : tuple->items) {
      if (one->kind != Kind::kInteger || one->integer < 0)
        bad("want ", what, " of integers from 0, got ",
            one->kind == Kind::kInteger ? cat(one->integer) : std::string(kind_name(one->kind)));
      out.push_back(one->integer);
    }
    return out;
  }

  // (storage, offset, size, stride, ...); version 3 has the dtype as the seventh.
  void rebuild_tensor(const PickleValue& args, bool has_dtype) {
    const Value storage = item(args, 0, Kind::kStorage, "a storage"),
                offset = item(args, 1, Kind::kInteger, "a storage's offset");
    std::vector<int64_t> size = integers(args, 2, "a size"), stride = integers(args, 3, "a stride");
    if (offset->integer < 0 || size.size() != stride.size())
      bad("want an offset from 0 and as many strides as dimensions, got offset ", offset->integer,
          ", ", size.size(), " and ", stride.size());
    DType dtype = storage->dtype;
    if (has_dtype) {
      const Value named = item(args, 6, Kind::kGlobal, "a dtype");
      if (named->global != PickleGlobal::kDtype) bad("want a dtype, got another global");
      dtype = named->dtype;
    } else if (storage->untyped) {
      bad("want a storage with a type, got one without");
    }
    PickleValue& tensor = push(Kind::kTensor);
    tensor.storage = storage;
    tensor.dtype = dtype;
    tensor.storage_offset = offset->integer;
    tensor.size = std::move(size);
    tensor.stride = std::move(stride);
  }

  void reduce() {
    PickleValue* args = top(Kind::kTuple);
    pop();
    const PickleValue* callee = top(Kind::kGlobal);
    pop();
    switch (callee->global) {
      case PickleGlobal::kOrderedDict:
        if (!args->items.empty()) bad("want an empty OrderedDict, got arguments");
        push_dict({});
        return;
      case PickleGlobal::kRebuildTensor:
      case PickleGlobal::kRebuildTensorV2:
        return rebuild_tensor(*args, false);
      case PickleGlobal::kRebuildTensorV3:
        return rebuild_tensor(*args, true);
      case PickleGlobal::kRebuildParameter:
        item(*args, 0, Kind::kTensor, "a tensor");
        stack_.push_back(const_cast<PickleValue*>(args->items[0]));
        return;
      case PickleGlobal::kSize:
        item(*args, 0, Kind::kTuple, "a size");
        stack_.push_back(const_cast<PickleValue*>(args->items[0]));
        return;
      default:
        bad("want a function that rebuilds something, got a type");
    }
  }

  void stop() {
    if (stack_.size() != 1 || !marks_.empty())
      bad("want one value at the end, got ", stack_.size());
    out_.root_ = stack_.back();
  }

  // Long because it is the table of opcodes.
  void step(uint8_t op) {
    switch (op) {
      case 0x80:
        if (const auto version = number<uint8_t>(); version < 2 || version > 5)
          unsupported(path_, offset_ + static_cast<int64_t>(op_at_),
                      "want a pickle of protocol 2 to 5, got ", int{version});
        return;
      case 0x95:  // FRAME: so many bytes follow, which says nothing new
        number<uint64_t>();
        return;
      case '.':
        return stop();
      case '(':
        marks_.push_back(stack_.size());
        return;
      case '0':
        pop();
        return;
      case '1':
        pop_to_mark();
        return;
      case 'N':
        push(Kind::kNone);
        return;
      case 0x88:
      case 0x89:
        push(Kind::kBool).integer = op == 0x88;
        return;
      case 'J':
        return push_integer(number<int32_t>());
      case 'K':
        return push_integer(number<uint8_t>());
      case 'M':
        return push_integer(number<uint16_t>());
      case 0x8A:
        return push_long(number<uint8_t>());
      case 0x8B:
        return push_long(number<uint32_t>());
      case 'G': {  // big-endian
        uint64_t bits = 0;
        for (int i = 0; i < 8; ++i) bits = bits << 8 | number<uint8_t>();
        push(Kind::kReal).real = std::bit_cast<double>(bits);
        return;
      }
      case 'X':  // BINUNICODE, BINSTRING, BINBYTES
      case 'T':
      case 'B':
        return push_text(number<uint32_t>());
      case 0x8C:  // SHORT_BINUNICODE, SHORT_BINSTRING, SHORT_BINBYTES
      case 'U':
      case 'C':
        return push_text(number<uint8_t>());
      case 0x8D:  // BINUNICODE8, BINBYTES8
      case 0x8E:
        return push_text(number<uint64_t>());
      case ')':
      case 0x85:
      case 0x86:
      case 0x87:
        return push_tuple(op == ')' ? 0 : op - 0x84);
      case 't': {
        std::vector<Value> items = pop_to_mark();
        push(Kind::kTuple).items = std::move(items);
        return;
      }
      case ']':
        push(Kind::kList);
        return;
      case 'l': {
        std::vector<Value> items = pop_to_mark();
        push(Kind::kList).items = std::move(items);
        return;
      }
      case 'a': {
        const Value item = pop();
        return append(Kind::kList, {item});
      }
      case 'e':
        return append(Kind::kList, pop_to_mark());
      case '}':
        return push_dict({});
      case 'd':
        return push_dict(pop_to_mark());
      case 's': {
        const Value value = pop(), key = pop();
        return append(Kind::kDict, {key, value});
      }
      case 'u':
        return append(Kind::kDict, pop_to_mark());
      case 'q':
        return remember(number<uint8_t>());
      case 'r':
        return remember(number<uint32_t>());
      case 0x94:
        return remember(static_cast<uint32_t>(memo_.size()));
      case 'h':
        return recall(number<uint8_t>());
      case 'j':
        return recall(number<uint32_t>());
      case 'c': {
        const std::string_view module = line();
        return push_global(module, line());
      }
      case 0x93: {
        const PickleValue* name = top(Kind::kText);
        pop();
        const PickleValue* module = top(Kind::kText);
        pop();
        return push_global(module->text, name->text);
      }
      case 'Q':
        return persistent();
      case 'R':
        return reduce();
      case 'b':  // a dict's own attributes (a state dict's _metadata), which are not needed
        pop();
        top(Kind::kDict);
        return;
    }
    constexpr std::string_view kDigits = "0123456789abcdef";
    unsupported(path_, offset_ + static_cast<int64_t>(op_at_),
                "want an opcode that a state dict uses, got 0x", kDigits[op >> 4],
                kDigits[op & 15]);
  }

  std::span<const std::byte> bytes_;
  int64_t offset_;
  const std::string& path_;
  Pickle& out_;
  size_t at_ = 0, op_at_ = 0;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, PickleValue*> memo_;
};

Pickle Pickle::read(std::span<const std::byte> bytes, int64_t offset, const std::string& path) {
  Pickle pickle;
  PickleMachine(bytes, offset, path, pickle).run();
  return pickle;
}

}  // namespace winnow

// Files for the tests of weights: written byte by byte, into a folder that goes away.
#pragma once

#include <doctest/doctest.h>
#include <stdlib.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace winnow::test {

class TempFolder {
 public:
  TempFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "winnow_weights_XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }
  std::string write(const std::string& name, std::string_view bytes) const {
    const std::filesystem::path path = std::filesystem::path(path_) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }

 private:
  std::string path_;
};

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

template <typename T>
std::string raw(std::initializer_list<T> values) {
  std::string out;
  for (const T value : values) out.append(reinterpret_cast<const char*>(&value), sizeof value);
  return out;
}

template <typename T>
std::vector<T> elements(const std::byte* data, int64_t bytes) {
  std::vector<T> out(static_cast<size_t>(bytes) / sizeof(T));
  std::memcpy(out.data(), data, static_cast<size_t>(bytes));
  return out;
}

// A safetensors file of this header, as its length says, and this buffer.
inline std::string safetensors(std::string_view header, std::string_view buffer) {
  return raw<uint64_t>({header.size()}) + std::string(header) + std::string(buffer);
}

// A protobuf message.
class Proto {
 public:
  Proto& integer(int field, int64_t value) {
    return tag(field, 0).varint(static_cast<uint64_t>(value));
  }
  Proto& real(int field, float value) { return tag(field, 5).add(raw<float>({value})); }
  Proto& text(int field, std::string_view bytes) {
    return tag(field, 2).varint(bytes.size()).add(bytes);
  }
  Proto& message(int field, const Proto& inner) { return text(field, inner.bytes_); }
  Proto& packed(int field, std::initializer_list<int64_t> values) {
    Proto inner;
    for (const int64_t value : values) inner.varint(static_cast<uint64_t>(value));
    return message(field, inner);
  }
  Proto& tag(int field, int wire) {
    return varint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(wire));
  }
  Proto& varint(uint64_t value) {
    for (; value > 0x7F; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
    return *this;
  }
  Proto& add(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// ONNX's messages, by their field numbers in onnx.proto3.
inline Proto onnx_tensor(std::string_view name, int type, std::initializer_list<int64_t> dims,
                         std::string_view data) {
  Proto out;
  for (const int64_t dim : dims) out.integer(1, dim);
  return out.integer(2, type).text(8, name).text(9, data);
}
inline Proto onnx_node(std::string_view op, std::string_view name,
                       std::initializer_list<std::string_view> inputs,
                       std::initializer_list<std::string_view> outputs) {
  Proto out;
  for (const auto input : inputs) out.text(1, input);
  for (const auto output : outputs) out.text(2, output);
  return out.text(3, name).text(4, op);
}
inline std::string onnx_model(std::initializer_list<Proto> nodes,
                              std::initializer_list<Proto> initializers) {
  Proto graph;
  for (const Proto& node : nodes) graph.message(1, node);
  for (const Proto& tensor : initializers) graph.message(5, tensor);
  return Proto().integer(1, 8).message(7, graph).bytes();
}

// A GGUF file, piece by piece: put() fixed-width values, text() a string with its length.
class Gguf {
 public:
  Gguf(uint64_t tensors, uint64_t entries, uint32_t version = 3) {
    bytes_ = "GGUF";
    put(version).put(tensors).put(entries);
  }
  template <typename T>
  Gguf& put(T value) {
    bytes_ += raw<T>({value});
    return *this;
  }
  Gguf& text(std::string_view text) {
    put<uint64_t>(text.size());
    bytes_ += text;
    return *this;
  }
  template <typename T>
  Gguf& entry(std::string_view key, uint32_t type, T value) {
    return text(key).put(type).put(value);
  }
  Gguf& entry(std::string_view key, std::string_view value) {
    return text(key).put<uint32_t>(8).text(value);
  }
  Gguf& tensor(std::string_view name, std::initializer_list<uint64_t> dims, uint32_t type,
               uint64_t offset) {
    text(name).put(static_cast<uint32_t>(dims.size()));
    for (const uint64_t dim : dims) put(dim);
    return put(type).put(offset);
  }
  // Up to a multiple of `alignment`, then so many zeros.
  Gguf& data(size_t bytes, size_t alignment = 32) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment + bytes);
    return *this;
  }
  size_t size() const { return bytes_.size(); }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// A ZIP archive of stored entries.
struct ZipPart {
  std::string name, bytes;
  uint16_t method = 0, flags = 0;
};
inline std::string zip(const std::vector<ZipPart>& parts) {
  std::string out, directory;
  for (const ZipPart& part : parts) {
    const auto size = static_cast<uint32_t>(part.bytes.size()),
               offset = static_cast<uint32_t>(out.size());
    const std::string middle = raw<uint16_t>({part.flags, part.method, 0, 0}) +
                               raw<uint32_t>({0, size, size}) +
                               raw<uint16_t>({static_cast<uint16_t>(part.name.size()), 0});
    out += "PK\3\4" + raw<uint16_t>({20}) + middle + part.name + part.bytes;
    directory += "PK\1\2" + raw<uint16_t>({20, 20}) + middle + raw<uint16_t>({0, 0, 0}) +
                 raw<uint32_t>({0, offset}) + part.name;
  }
  const auto count = static_cast<uint16_t>(parts.size());
  const auto at = static_cast<uint32_t>(out.size());
  return out + directory + "PK\5\6" + raw<uint16_t>({0, 0, count, count}) +
         raw<uint32_t>({static_cast<uint32_t>(directory.size()), at}) + raw<uint16_t>({0});
}

// The error that `work` throws; fails the test when it throws none.
template <typename Work>
Error error_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  FAIL("want an Error, got none");
  return Error(Code::kInternal, "");
}

inline bool holds(const Error& error, Code code, std::string_view part) {
  const bool held =
      error.code() == code && std::string_view(error.what()).find(part) != std::string_view::npos;
  if (!held) MESSAGE(cat("got ", code_name(error.code()), ": ", error.what()));
  return held;
}

}  // namespace winnow::test

#include "base/wire_reader.h"

#include "weights/files.h"

using namespace winnow;
using namespace winnow::test;

namespace {

const std::string kPath = "m.onnx";

WireReader reader(const std::string& bytes) { return WireReader(bytes_of(bytes), 100, kPath); }

std::vector<WireField> all(const std::string& bytes) {
  WireReader fields = reader(bytes);
  std::vector<WireField> out;
  for (WireField field; fields.next(field);) out.push_back(field);
  return out;
}

}  // namespace

TEST_CASE("every wire type reads as it was written, with the file's offsets") {
  const std::string bytes = Proto()
                                .integer(1, -1)
                                .real(2, 1.5f)
                                .text(3, "abc")
                                .tag(4, 1)
                                .add(raw<double>({2.5}))
                                .packed(5, {1, 300, -2})
                                .bytes();
  const std::vector<WireField> fields = all(bytes);
  const WireReader r = reader(bytes);
  REQUIRE(fields.size() == 5);
  CHECK(r.integer(fields[0]) == -1);
  CHECK(fields[0].offset == 100);
  CHECK(r.real(fields[1]) == 1.5f);
  CHECK(fields[1].offset == 111);
  CHECK(r.text(fields[2]) == "abc");
  CHECK(fields[2].bytes_offset == 118);
  CHECK(fields[3].value == 0x4004000000000000);
  std::vector<int64_t> numbers;
  r.integers(fields[4], [&](int64_t number) { numbers.push_back(number); });
  r.integers(fields[0], [&](int64_t number) { numbers.push_back(number); });
  CHECK(numbers == std::vector<int64_t>{1, 300, -2, -1});
}

TEST_CASE("a varint that ends early or is longer than 64 bits is refused") {
  CHECK(holds(error_of([] { all("\x80"); }), Code::kCorrupt, "m.onnx: at byte 100: want a varint"));
  CHECK(holds(error_of([] { all("\x08\xff\xff"); }), Code::kCorrupt, "at byte 101: want a varint"));
  const std::string nines(9, '\xff');
  CHECK(reader("\x08" + nines + "\x01").integer(all("\x08" + nines + "\x01")[0]) == -1);
  CHECK(holds(error_of([&] { all("\x08" + nines + "\x02"); }), Code::kCorrupt, "64 bits"));
  CHECK(holds(error_of([&] { all("\x08" + nines + "\xff\x01"); }), Code::kCorrupt, "64 bits"));
}

TEST_CASE("a length past the end is refused, whatever its size") {
  CHECK(holds(error_of([] {
                all("\x0a\x05"
                    "abcd");
              }),
              Code::kCorrupt, "got a length of 5 where 4 bytes are left"));
  CHECK(holds(error_of([] { all(Proto().tag(1, 2).varint(~uint64_t{0}).add("abc").bytes()); }),
              Code::kCorrupt, "18446744073709551615"));
  CHECK(holds(error_of([] {
                all("\x0d"
                    "abc");
              }),
              Code::kCorrupt, "want 4 bytes, got 3"));
  CHECK(holds(error_of([] {
                all("\x09"
                    "abcdefg");
              }),
              Code::kCorrupt, "want 8 bytes, got 7"));
  const std::string packed = Proto().text(1, "\x80").bytes();
  CHECK(holds(error_of([&] { reader(packed).integers(all(packed)[0], [](int64_t) {}); }),
              Code::kCorrupt, "at byte 102"));
}

TEST_CASE("groups, unknown wire types and field number 0 are refused") {
  for (const int wire : {3, 4, 6, 7}) {
    CAPTURE(wire);
    CHECK(holds(error_of([&] { all(Proto().tag(1, wire).bytes()); }), Code::kCorrupt,
                cat("got ", wire)));
  }
  CHECK(holds(error_of([] { all(Proto().tag(0, 0).varint(1).bytes()); }), Code::kCorrupt,
              "field number"));
  CHECK(holds(error_of([] { all(Proto().tag(1 << 29, 0).varint(1).bytes()); }), Code::kCorrupt,
              "field number"));
}

TEST_CASE("a field of another wire type than its reader wants is refused with both") {
  const std::string bytes = Proto().integer(1, 5).text(2, "\xff").bytes();
  const WireReader r = reader(bytes);
  const std::vector<WireField> fields = all(bytes);
  CHECK(holds(error_of([&] { r.text(fields[0]); }), Code::kCorrupt,
              "at byte 100: field 1: want wire type 2, got 0"));
  CHECK(holds(error_of([&] { r.integer(fields[1]); }), Code::kCorrupt, "want wire type 0, got 2"));
  CHECK(holds(error_of([&] { r.real(fields[0]); }), Code::kCorrupt, "want wire type 5, got 0"));
  CHECK(holds(error_of([&] { r.message(fields[0]); }), Code::kCorrupt, "want wire type 2"));
  CHECK(holds(error_of([&] { r.text(fields[1]); }), Code::kCorrupt,
              "at byte 104: field 2: want UTF-8"));
}

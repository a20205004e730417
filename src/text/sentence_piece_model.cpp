#include "text/sentence_piece_model.h"

#include "base/error.h"
#include "base/wire_reader.h"
#include "text/vocabulary.h"

namespace winnow {
namespace {

SentencePiece read_piece(WireReader fields) {
  SentencePiece piece;
  for (WireField field; fields.next(field);) {
    if (field.number == 1) piece.text = fields.text(field);
    if (field.number == 2) piece.score = static_cast<double>(fields.real(field));
    if (field.number == 3) piece.type = fields.integer(field);
  }
  return piece;
}

void read_trainer(WireReader fields, SentencePieceModel& model) {
  for (WireField field; fields.next(field);) {
    if (field.number == 3) model.kind = fields.integer(field);
    if (field.number == 24) model.spaces_behind = fields.integer(field) != 0;
    if (field.number == 35) model.byte_fallback = fields.integer(field) != 0;
    if (field.number == 40) model.unknown = fields.integer(field);
  }
}

void read_normalizer(WireReader fields, SentencePieceModel& model) {
  for (WireField field; fields.next(field);) {
    if (field.number == 2) {
      const auto bytes = fields.bytes(field);
      model.char_map = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    if (field.number == 3) model.prefix = fields.integer(field) != 0;
    if (field.number == 4) model.single_spaces = fields.integer(field) != 0;
    if (field.number == 5) model.marks_spaces = fields.integer(field) != 0;
  }
}

}  // namespace

SentencePieceModel read_sentence_piece_model(std::span<const std::byte> bytes,
                                             const std::string& path) {
  SentencePieceModel model;
  WireReader fields(bytes, 0, path);
  for (WireField field; fields.next(field);) {
    if (field.number == 1) model.pieces.push_back(read_piece(fields.message(field)));
    if (field.number == 2) read_trainer(fields.message(field), model);
    if (field.number == 3) read_normalizer(fields.message(field), model);
  }
  const auto size = static_cast<int64_t>(model.pieces.size());
  if (size > Vocabulary::kMaxIds)
    fail(Code::kCorrupt, path, ": want at most ", Vocabulary::kMaxIds, " pieces, got ", size);
  if (model.unknown < 0 || model.unknown >= size)
    fail(Code::kCorrupt, path, ": trainer_spec.unk_id: want 0 to ", size - 1, ", got ",
         model.unknown);
  return model;
}

}  // namespace winnow

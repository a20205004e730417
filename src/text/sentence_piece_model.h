// SentencePiece's own file: a protobuf of pieces, trainer and normalizer. Source: the format is
// sentencepiece_model.proto.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace winnow {

struct SentencePiece {
  enum Type : int64_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4 };
  std::string text;
  double score = 0;
  int64_t type = kNormal;
};

struct SentencePieceModel {
  enum Kind : int64_t { kUnigram = 1, kBpe = 2 };
  std::vector<SentencePiece> pieces;  // by id
  int64_t kind = kUnigram;            // trainer_spec.model_type
  int64_t unknown = 0;                // trainer_spec.unk_id
  bool byte_fallback = false;
  bool spaces_behind = false;  // treat_whitespace_as_suffix: a word's mark stands after it
  std::string_view char_map;   // of the file; empty: none
  bool prefix = true;          // add_dummy_prefix: a mark is put before a text
  bool single_spaces = true;   // remove_extra_whitespaces: none at the ends, runs are one
  bool marks_spaces = true;    // escape_whitespaces
};

// Throws kCorrupt with the byte offset of what is no such message, or naming the key: more pieces
// than a vocabulary may have, or an unknown piece that is none of them.
SentencePieceModel read_sentence_piece_model(std::span<const std::byte> bytes,
                                             const std::string& path);

}  // namespace winnow

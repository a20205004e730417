// What a ColBERT checkpoint's folder says of its texts: their markers, lengths, expansion and what
// is skipped.
#pragma once

#include <string>

#include "base/json.h"
#include "tasks/late.h"

namespace winnow {

// PyLate's config_sentence_transformers.json, or Stanford's artifact.metadata; what neither says is
// PyLate's default, for HF_ColBERT [unused0] and [unused1] as prefixes. Throws kCorrupt naming file
// and key: a length below 4 or one that is no number.
ColbertSettings read_colbert_settings(const std::string& folder, const Json& config);

}  // namespace winnow

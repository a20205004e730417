#include "tasks/stop_text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "base/error.h"
#include "base/utf8.h"

using namespace winnow;

TEST_CASE("a stop string that is split over pieces is never sent, nor is what follows it") {
  StopText stop({"</s>", "\n\nUser:"});
  CHECK(stop.push("Yes.\n") == "Yes.");
  CHECK(stop.push("\nUs") == "");
  CHECK(stop.push("ual") == "\n\nUsual");
  CHECK(stop.push(" <") == " ");
  CHECK(!stop.stopped());
  CHECK(stop.push("/s> more") == "");
  CHECK(stop.stopped());
  CHECK(stop.push("more") == "");
  CHECK(stop.finish() == "");
}

TEST_CASE("a beginning of a stop string is sent when the stream ends") {
  StopText stop({"<|end|>"});
  CHECK(stop.push("a <|en") == "a ");
  CHECK(stop.finish() == "<|en");
  CHECK(!stop.stopped());
}

TEST_CASE("the stop string that begins first wins, and a shorter one inside it waits for it") {
  StopText whole({"abcde", "c"});
  CHECK(whole.push("xabc") == "x");
  CHECK(whole.push("de") == "");
  CHECK(whole.stopped());
  StopText broken({"abcde", "c"});
  CHECK(broken.push("xabc") == "x");
  CHECK(broken.push("d!") == "ab");
  CHECK(broken.stopped());
  StopText ended({"abcde", "c"});
  CHECK(ended.push("xabc") == "x");
  CHECK(ended.finish() == "ab");
  CHECK(ended.stopped());
}

TEST_CASE("an empty stop string is refused, none at all lets everything pass") {
  CHECK_THROWS_WITH(StopText({"a", ""}),
                    "stop[1]: want a string of at least one character, got \"\"");
  StopText none({});
  CHECK(none.push("all of it") == "all of it");
  CHECK(none.finish() == "");
}

TEST_CASE("whatever the pieces, what is sent is the text before the first stop string") {
  std::mt19937 rng(5);
  const std::vector<std::string> letters = {"a", "b", "é", "語", "🙂"};
  const auto random_text = [&](int most) {
    std::string text;
    for (int n = rng() % (most + 1); n > 0; --n) text += letters[rng() % (2 + rng() % 4)];
    return text;
  };
  int stopped = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::string> stops;
    for (int n = rng() % 4; n > 0; --n)
      stops.emplace_back(letters[rng() % 5]).append(random_text(4));
    StopText stop(stops);
    std::string text, sent;
    for (int n = rng() % 12; n > 0; --n) {
      const std::string piece = random_text(3);
      text += piece;
      const std::string now = stop.push(piece);
      CHECK(!invalid_utf8_at(now));
      sent += now;
    }
    sent += stop.finish();
    size_t first = text.size();
    for (const std::string& s : stops) first = std::min(first, text.find(s));
    CAPTURE(text);
    CAPTURE(stops);
    CHECK(sent == text.substr(0, first));
    CHECK(stop.stopped() == (first < text.size()));
    stopped += stop.stopped();
  }
  CHECK(stopped > 5000);
  CHECK(stopped < 19000);
}

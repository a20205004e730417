#include "http/generate_stream.h"

#include <utility>

#include "base/error.h"
#include "http/status.h"

namespace winnow {

GenerateStream::GenerateStream(std::unique_ptr<Generation> generation, Work& work)
    : generation_(std::move(generation)), work_(work), clock_(work) {}

bool GenerateStream::wait_for(double seconds) {
  return !events_.empty() || over_ || generation_->wait_for(seconds);
}

BodyStream::Piece GenerateStream::next() {
  if (events_.empty() && !over_) advance();
  if (events_.empty()) return {};
  Piece piece{std::move(events_.front()), false};
  events_.pop_front();
  piece.last = over_ && events_.empty();
  return piece;
}

// The next delta's events; the border that no exception of a generation passes.
void GenerateStream::advance() {
  const auto failed = [&](Code code, std::string_view message) {
    work_.error = code;
    say(openai_error_json(status_of(ErrorFamily::kGenerate, code), message));
    over_ = true;
  };
  try {
    const std::optional<Delta> delta = generation_->next();
    if (delta) {
      clock_.on_delta(*delta);
      on_delta(*delta);
    } else {
      on_end();
      over_ = true;
    }
  } catch (const Error& error) {
    failed(error.code(), error.what());
  } catch (const std::exception& error) {
    failed(Code::kInternal, error.what());
  }
  clock_.on_usage(generation_->usage());
  if (over_) events_.emplace_back(kSseDone);
}

}  // namespace winnow

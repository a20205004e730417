// A running generation as server-sent events: what both generating routes share of it.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "engine/generation.h"
#include "http/generate_body.h"
#include "http/message.h"

namespace winnow {

// Ends with "data: [DONE]". What the generation throws becomes one event with an error object
// before it. A route says what a delta's events are. Destroying it ends the generation.
class GenerateStream : public BodyStream {
 public:
  GenerateStream(std::unique_ptr<Generation> generation, Work& work);
  bool wait_for(double seconds) override;
  Piece next() override;

 protected:
  virtual void on_delta(const Delta& delta) = 0;  // calls say() for each event, or not at all
  virtual void on_end() = 0;                      // after the last delta
  void say(std::string_view json) { events_.push_back(sse_event(json)); }
  GenerateUsage usage() const { return generation_->usage(); }

 private:
  void advance();

  std::unique_ptr<Generation> generation_;
  Work& work_;
  GenerationClock clock_;
  std::deque<std::string> events_;
  bool over_ = false;
};

}  // namespace winnow

#include "text/decode_stage.h"

#include <utility>

namespace winnow {
namespace {

class Chained final : public DecodeStage {
 public:
  explicit Chained(std::vector<std::unique_ptr<DecodeStage>> stages) : stages_(std::move(stages)) {}

  void push(TokenPiece piece, std::vector<TokenPiece>& out) override {
    std::vector<TokenPiece> pieces(1);
    pieces[0] = std::move(piece);
    through(0, std::move(pieces), out);
  }
  void finish(std::vector<TokenPiece>& out) override {
    for (size_t i = 0; i < stages_.size(); ++i) {
      std::vector<TokenPiece> rest;
      stages_[i]->finish(rest);
      through(i + 1, std::move(rest), out);
    }
  }
  bool whole() const override { return stages_.empty() || stages_.back()->whole(); }

 private:
  void through(size_t first, std::vector<TokenPiece> pieces, std::vector<TokenPiece>& out) {
    for (size_t i = first; i < stages_.size() && !pieces.empty(); ++i) {
      std::vector<TokenPiece> next;
      for (TokenPiece& piece : pieces) stages_[i]->push(std::move(piece), next);
      pieces = std::move(next);
    }
    for (TokenPiece& piece : pieces) out.push_back(std::move(piece));
  }

  std::vector<std::unique_ptr<DecodeStage>> stages_;
};

}  // namespace

std::unique_ptr<DecodeStage> chained(std::vector<std::unique_ptr<DecodeStage>> stages) {
  return std::make_unique<Chained>(std::move(stages));
}

}  // namespace winnow

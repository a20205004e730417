#include "weights/named_tensors.h"

#include <algorithm>
#include <array>

#include "weights/blame.h"

namespace winnow {
namespace {

// What a checkpoint saved with a task's head puts before the names of the bare model.
constexpr std::array<std::string_view, 5> kPrefixes{"bert.", "roberta.", "deberta.", "model.",
                                                    "distilbert."};

// BERT files converted from TensorFlow name a LayerNorm's parameters so.
void modernize(std::string& name) {
  for (const auto& [old_end, new_end] :
       {std::pair<std::string_view, std::string_view>{"LayerNorm.gamma", "weight"},
        {"LayerNorm.beta", "bias"}})
    if (name.ends_with(old_end)) {
      name.resize(name.rfind('.') + 1);
      name += new_end;
      return;
    }
}

}  // namespace

NamedTensors::NamedTensors(std::string path, std::vector<StoredTensor> tensors,
                           std::vector<std::shared_ptr<const void>> keep)
    : path_(std::move(path)), tensors_(std::move(tensors)), keep_(std::move(keep)) {
  for (StoredTensor& tensor : tensors_) modernize(tensor.name);
  const auto by_name = [](const StoredTensor& a, const StoredTensor& b) { return a.name < b.name; };
  std::sort(tensors_.begin(), tensors_.end(), by_name);
  for (size_t i = 1; i < tensors_.size(); ++i)
    if (tensors_[i - 1].name == tensors_[i].name)
      corrupt(path_, tensors_[i].file_offset, "want one tensor ", shown_name(tensors_[i].name),
              ", got another at byte ", tensors_[i - 1].file_offset);
}

const StoredTensor* NamedTensors::exactly(std::string_view name) const {
  const auto found = std::lower_bound(
      tensors_.begin(), tensors_.end(), name,
      [](const StoredTensor& tensor, std::string_view want) { return tensor.name < want; });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

const StoredTensor* NamedTensors::find(std::string_view name) const {
  if (const StoredTensor* found = exactly(name)) return found;
  for (const std::string_view prefix : kPrefixes) {
    if (const StoredTensor* found = exactly(cat(prefix, name))) return found;
    if (name.starts_with(prefix))
      if (const StoredTensor* found = exactly(name.substr(prefix.size()))) return found;
  }
  return nullptr;
}

std::vector<const StoredTensor*> NamedTensors::tensors() const {
  std::vector<const StoredTensor*> out;
  out.reserve(tensors_.size());
  for (const StoredTensor& tensor : tensors_) out.push_back(&tensor);
  return out;
}

}  // namespace winnow

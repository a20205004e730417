#include "models/modules.h"

#include <array>
#include <utility>

#include "base/error.h"

namespace winnow {
namespace {

// A pooling's name here, and those of sentence-transformers' two kinds of config.
struct Name {
  Pooling pooling;
  std::string_view ours, theirs;
};
constexpr std::array<Name, 6> kNames{
    {{Pooling::kCls, "cls", "cls_token"},
     {Pooling::kMax, "max", "max_tokens"},
     {Pooling::kMean, "mean", "mean_tokens"},
     {Pooling::kMeanSqrtLength, "mean_sqrt_len", "mean_sqrt_len_tokens"},
     {Pooling::kWeightedMean, "weightedmean", "weightedmean_tokens"},
     {Pooling::kLast, "lasttoken", "lasttoken"}}};

// One step after the pooling: [B, in] to [B, out]; or on each token: [T, in] to [T, out].
class Step {
 public:
  virtual ~Step() = default;
  virtual Tensor apply(Ops& f, const Tensor& x) const = 0;
  virtual int64_t width(int64_t in) const = 0;  // throws kCorrupt when it cannot take `in`
};

class Dense final : public Step {
 public:
  Dense(Linear linear, std::string path) : linear_(std::move(linear)), path_(std::move(path)) {}
  Dense(const Module& module, const Kernels& kernels)
      : linear_(Weights(module.checkpoint, kernels, DType::f32).linear("linear")),
        path_(module.checkpoint->path()) {
    if (module.activation == "Tanh")
      tanh_ = true;
    else if (module.activation == "ReLU")
      activation_ = Activation::kRelu;
    else if (module.activation == "GELU")
      activation_ = Activation::kGelu;
    else if (module.activation != "Identity")
      fail(Code::kUnsupported, path_,
           ": activation_function: want Identity, Tanh, ReLU or GELU, got ", module.activation);
  }
  int64_t width(int64_t in) const override {
    if (in != linear_.in)
      fail(Code::kCorrupt, path_, ": want ", in, " inputs as the module before gives, got ",
           linear_.in);
    return linear_.out;
  }
  Tensor apply(Ops& f, const Tensor& x) const override {
    const Tensor y = f.linear(x, linear_, activation_);
    return tanh_ ? f.tanh(y) : y;
  }

 private:
  Linear linear_;
  std::string path_;
  Activation activation_ = Activation::kNone;
  bool tanh_ = false;
};

class LayerNorm final : public Step {
 public:
  LayerNorm(const Module& module, const Kernels& kernels)
      : norm_(Weights(module.checkpoint, kernels, DType::f32).norm("norm")),
        path_(module.checkpoint->path()) {}
  int64_t width(int64_t in) const override {
    const auto size = norm_.weight.size();
    if (in != size)
      fail(Code::kCorrupt, path_, ": want a norm of ", in, " as the module before gives, got ",
           size);
    return in;
  }
  Tensor apply(Ops& f, const Tensor& x) const override { return f.layer_norm(x, norm_, 1e-5f); }

 private:
  Norm norm_;
  std::string path_;
};

class Normalize final : public Step {
 public:
  int64_t width(int64_t in) const override { return in; }
  Tensor apply(Ops& f, const Tensor& x) const override { return f.normalize_rows(x); }
};

class Modules final : public Head {
 public:
  Modules(const Module& pooling, int64_t hidden_size)
      : pooling_(pooling.pooling),
        include_prompt_(pooling.include_prompt),
        width_(hidden_size * static_cast<int64_t>(pooling.pooling.size())) {}
  explicit Modules(int64_t hidden_size)
      : include_prompt_(true), width_(hidden_size) {}  // no pooling

  void add(std::unique_ptr<Step> step) {
    width_ = step->width(width_);
    steps_.push_back(std::move(step));
  }

  Rows rows() const override { return first_row_alone() ? Rows::kFirst : Rows::kAll; }
  int64_t width() const override { return width_; }
  Tensor apply(Ops& f, const Tensor& hidden, const Batch& batch) const override {
    Tensor x = hidden;
    if (!pooling_.empty() && !first_row_alone())
      x = f.pool_rows(hidden, batch.starts,
                      include_prompt_ ? std::span<const int32_t>{} : batch.prompts, pooling_);
    for (const std::unique_ptr<Step>& step : steps_) x = step->apply(f, x);
    return x;
  }

 private:
  bool first_row_alone() const {
    return include_prompt_ && pooling_ == std::vector<Pooling>{Pooling::kCls};
  }

  std::vector<Pooling> pooling_;  // empty: every token stays
  bool include_prompt_;
  int64_t width_;
  std::vector<std::unique_ptr<Step>> steps_;
};

}  // namespace

Pooling pooling_named(std::string_view name) {
  std::string known;
  for (const Name& n : kNames) {
    if (name == n.ours || name == n.theirs) return n.pooling;
    known += (known.empty() ? "" : ", ") + std::string(n.ours);
  }
  fail(Code::kInvalidArgument, "pooling: want one of ", known, ", got ", name);
}

std::string_view name_of(Pooling pooling) {
  for (const Name& n : kNames)
    if (n.pooling == pooling) return n.ours;
  fail(Code::kInternal, "pooling: one without a name");
}

std::unique_ptr<Head> make_modules(const std::vector<Module>& modules, int64_t hidden_size,
                                   const Kernels& kernels) {
  require(
      !modules.empty() && modules[0].kind == Module::Kind::kPooling && !modules[0].pooling.empty(),
      "modules: want a pooling first");
  auto head = std::make_unique<Modules>(modules[0], hidden_size);
  for (size_t i = 1; i < modules.size(); ++i) {
    switch (modules[i].kind) {
      case Module::Kind::kPooling:
        fail(Code::kUnsupported, "modules: want one pooling, got another as module ", i);
      case Module::Kind::kDense:
        head->add(std::make_unique<Dense>(modules[i], kernels));
        break;
      case Module::Kind::kLayerNorm:
        head->add(std::make_unique<LayerNorm>(modules[i], kernels));
        break;
      case Module::Kind::kNormalize:
        if (i + 1 < modules.size()) head->add(std::make_unique<Normalize>());
        break;
    }
  }
  return head;
}

std::unique_ptr<Head> make_token_modules(const std::vector<Module>& modules, int64_t hidden_size,
                                         const Kernels& kernels) {
  auto head = std::make_unique<Modules>(hidden_size);
  for (size_t i = 0; i < modules.size(); ++i) {
    if (modules[i].kind == Module::Kind::kDense)
      head->add(std::make_unique<Dense>(modules[i], kernels));
    else if (modules[i].kind == Module::Kind::kLayerNorm)
      head->add(std::make_unique<LayerNorm>(modules[i], kernels));
    else if (modules[i].kind == Module::Kind::kPooling)
      fail(Code::kUnsupported, "modules: want no pooling after a layer on each token, got one as ",
           i);
  }
  return head;
}

std::unique_ptr<Head> make_token_linear(Linear linear, int64_t hidden_size, std::string path) {
  auto head = std::make_unique<Modules>(hidden_size);
  head->add(std::make_unique<Dense>(std::move(linear), std::move(path)));
  return head;
}

}  // namespace winnow

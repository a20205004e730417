// Attention: its values against f64 loops, and that a row's bits are its text's alone.
#include "ops/cuda/attention.h"

#include <algorithm>
#include <numeric>

#include "gpu/gpu_rig.h"
#include "ops/cuda/attention_tiles.h"

using namespace winnow;
using namespace winnow::test;

namespace {

constexpr int64_t kHeads = 3;

// Texts in a matrix [T, 3 H E] of queries, keys and values, as a layer's product leaves it.
struct Batch {
  std::vector<int32_t> starts{0};
  int64_t head_size;
  std::vector<float> values;

  int64_t tokens() const { return starts.back(); }
  int64_t row() const { return 3 * kHeads * head_size; }
  void add(const float* rows, int64_t count) {
    values.insert(values.end(), rows, rows + count * row());
    starts.push_back(static_cast<int32_t>(tokens() + count));
  }
};

Batch random_batch(std::initializer_list<int64_t> lengths, int64_t head_size, uint32_t seed) {
  Batch batch;
  batch.head_size = head_size;
  for (const int64_t length : lengths)
    batch.add(random_values(length * batch.row(), seed++, 1.5f).data(), length);
  return batch;
}

AttentionArgs args_of(const Batch& batch, const Array& qkv, void* out, int64_t window) {
  const int64_t e = batch.head_size;
  AttentionArgs args{};
  args.q = {qkv.at(0), e, batch.row()};
  args.k = {qkv.at(kHeads * e), e, batch.row()};
  args.v = {qkv.at(2 * kHeads * e), e, batch.row()};
  args.out = out, args.type = qkv.type();
  args.q_starts = args.k_starts = batch.starts;
  args.heads = kHeads, args.head_size = e;
  args.scale = 1.0f / std::sqrt(static_cast<float>(e)), args.window = window;
  return args;
}

// [T, H E]; with `pooled`, of each text's first query only: [texts, H E].
std::vector<std::byte> attend(GpuRig& rig, const Batch& batch, DType type, int64_t window,
                              bool pooled = false) {
  rig.stream.begin();
  const Array qkv(rig, type, batch.values);
  const int64_t width = kHeads * batch.head_size;
  const auto texts = static_cast<int64_t>(batch.starts.size()) - 1;
  const Array out(rig, type, (pooled ? texts : batch.tokens()) * width);
  AttentionArgs args = args_of(batch, qkv, out.data(), window);
  std::vector<int32_t> first(texts + 1);
  std::iota(first.begin(), first.end(), 0);
  std::vector<float> queries;
  for (int64_t text = 0; pooled && text < texts; ++text) {
    const float* row = batch.values.data() + batch.starts[text] * batch.row();
    queries.insert(queries.end(), row, row + width);
  }
  const Array q(rig, type, queries);
  if (pooled) args.q = {q.data(), batch.head_size, width}, args.q_starts = first;
  cuda::attention(args, rig.stream);
  return out.raw();
}

// [T, H E] by loops in f64 over the values as the type has them.
std::vector<double> plain(const Batch& batch, const std::vector<float>& x, int64_t window) {
  const int64_t e = batch.head_size, row = batch.row(), width = kHeads * e;
  const double scale = 1.0f / std::sqrt(static_cast<float>(e));
  std::vector<double> out(batch.tokens() * width);
  for (size_t text = 0; text + 1 < batch.starts.size(); ++text) {
    const int64_t first = batch.starts[text], count = batch.starts[text + 1] - first;
    for (int64_t h = 0; h < kHeads; ++h)
      for (int64_t i = 0; i < count; ++i) {
        const int64_t begin = window ? std::max<int64_t>(0, i - window) : 0;
        const int64_t end = window ? std::min(count, i + window + 1) : count;
        std::vector<double> p(end - begin);
        double top = -INFINITY, sum = 0;
        for (int64_t j = begin; j < end; ++j) {
          double score = 0;
          for (int64_t c = 0; c < e; ++c)
            score +=
                double(x[(first + i) * row + h * e + c]) * x[(first + j) * row + width + h * e + c];
          p[j - begin] = score * scale;
          top = std::max(top, score * scale);
        }
        for (double& v : p) sum += v = std::exp(v - top);
        for (int64_t j = begin; j < end; ++j)
          for (int64_t c = 0; c < e; ++c)
            out[(first + i) * width + h * e + c] +=
                p[j - begin] / sum * x[(first + j) * row + 2 * width + h * e + c];
      }
  }
  return out;
}

double relative_error(const std::vector<std::byte>& got, DType type,
                      const std::vector<double>& want) {
  double difference = 0, length = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double d = float_of(got.data() + i * size_of(type), type) - want[i];
    difference += d * d, length += want[i] * want[i];
  }
  return std::sqrt(difference / length);
}

struct Form {
  DType type;
  int64_t head_size, window;
};
std::ostream& operator<<(std::ostream& out, const Form& form) {
  return out << form.type << ", heads of " << form.head_size << ", window " << form.window;
}
std::vector<Form> forms() {
  std::vector<Form> forms;
  for (const DType type : {DType::bf16, DType::f16, DType::f32})
    for (const int64_t head_size : {32, 64, 128, 24})
      for (const int64_t window : {0, 40}) forms.push_back({type, head_size, window});
  return forms;
}

}  // namespace

TEST_CASE("attention on a GPU is what loops in f64 give") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  for (const Form& f : forms()) {
    CAPTURE(f);
    const Batch batch =
        random_batch({1, 63, 64, 65, 0, 127, 128, 129, 2, 230, 17, 0}, f.head_size, 11);
    const Array rounded(*rig, f.type, batch.values);
    const double error = relative_error(attend(*rig, batch, f.type, f.window), f.type,
                                        plain(batch, rounded.rounded, f.window));
    CHECK(error < (f.type == DType::bf16 ? 4e-3 : f.type == DType::f16 ? 5e-4 : 2e-6));
  }
}

TEST_CASE("attention on a GPU gives a text the same bits alone, among any others, even NaN") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  for (const Form& f : forms()) {
    CAPTURE(f);
    const Batch batch = random_batch({70, 5, 200, 64, 129, 16}, f.head_size, 23);
    const std::vector<std::byte> whole = attend(*rig, batch, f.type, f.window);
    const int64_t row = kHeads * f.head_size * size_of(f.type);
    for (size_t text = 0; text + 1 < batch.starts.size(); ++text) {
      const int64_t first = batch.starts[text], count = batch.starts[text + 1] - first;
      const float* rows = batch.values.data() + first * batch.row();
      const std::vector<float> nothing(90 * batch.row(), NAN);
      Batch alone, among;
      alone.head_size = among.head_size = f.head_size;
      alone.add(rows, count);
      among.add(nothing.data(), 33);
      among.add(rows, count);
      among.add(nothing.data(), 90);
      const std::byte* want = whole.data() + first * row;
      CHECK(std::memcmp(attend(*rig, alone, f.type, f.window).data(), want, count * row) == 0);
      CHECK(std::memcmp(attend(*rig, among, f.type, f.window).data() + 33 * row, want,
                        count * row) == 0);
    }
  }
}

TEST_CASE("attention on a GPU of each text's first query alone has the bits of all queries") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  for (const Form& f : forms()) {
    CAPTURE(f);
    const Batch batch = random_batch({70, 5, 300, 64, 129, 1, 512}, f.head_size, 37);
    const std::vector<std::byte> whole = attend(*rig, batch, f.type, f.window);
    const std::vector<std::byte> pooled = attend(*rig, batch, f.type, f.window, true);
    const int64_t row = kHeads * f.head_size * size_of(f.type);
    for (size_t text = 0; text + 1 < batch.starts.size(); ++text)
      CHECK(std::memcmp(pooled.data() + text * row, whole.data() + batch.starts[text] * row, row) ==
            0);
  }
}

TEST_CASE("on Hopper attention by wgmma has the bits of attention by mma.sync") {
  GpuRig* rig = gpu_rig();
  if (!rig || !rig->stream.gpu().hopper()) return;
  for (const Form& f : forms()) {
    CAPTURE(f);
    rig->stream.begin();
    const Batch batch = random_batch({512, 300, 77, 1000, 64, 16, 1}, f.head_size, 41);
    const Array qkv(*rig, f.type, batch.values);
    std::vector<std::byte> bits[3];
    for (const int height : {16, 64, cuda::attention_wgmma_height(f.head_size)}) {
      const bool wgmma = height > 64;
      const Array out(*rig, f.type, batch.tokens() * kHeads * f.head_size);
      const AttentionArgs args = args_of(batch, qkv, out.data(), f.window);
      if (!cuda::fits_attention_mma(args)) continue;
      REQUIRE(cuda::fits_attention_wgmma(args));
      const auto tiles = cuda::attention_tiles(batch.starts, batch.starts, height);
      const auto count = static_cast<int64_t>(tiles.size()) - 1;
      const cuda::AttentionTile* list = rig->stream.upload(tiles);
      if (wgmma)
        cuda::attention_wgmma(args, list, count, rig->stream.gpu().processors, rig->stream.queue());
      else
        cuda::attention_mma(args, list, count, height, rig->stream.queue());
      bits[height == 16 ? 0 : height == 64 ? 1 : 2] = out.raw();
    }
    CHECK(bits[0] == bits[1]);
    CHECK(bits[1] == bits[2]);
  }
}

TEST_CASE("attention on a GPU says which head sizes it has, and takes no texts") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  Batch none;
  none.head_size = 64;
  CHECK(attend(*rig, none, DType::bf16, 0).empty());
  AttentionArgs args{};
  args.head_size = 257;
  CHECK_THROWS_WITH_AS(cuda::attention(args, rig->stream),
                       "attention: want a head size of 1 to 256, got 257", Error);
}

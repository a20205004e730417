// Decoders against transformers, and against themselves: however a text is cut into steps, and
// whoever shares them, its bits are the same.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "models/decoders.h"
#include "parity/goldens.h"

using namespace winnow;
using test::floats;
using test::ints;

namespace {

// Texts of one decoder, each in pages of its own.
struct Reader {
  Reader(const std::string& folder, const std::string& isa, bool keep_blocks = false,
         int threads = 2)
      : checkpoint(Checkpoint::open_folder(folder)),
        config(read_model_folder(folder, *checkpoint).config),
        network(build_decoder(config, NextToken{}, weights(isa, keep_blocks))),
        pool(threads),
        ops(cpu_kernels(isa), pool),
        cache(ops.kernels(), shape().layers, shape().kv_heads, shape().head_size, 64) {}

  Weights weights(const std::string& isa, bool keep_blocks) const {
    return Weights(checkpoint, cpu_kernels(isa), DType::f32, keep_blocks);
  }
  KvShape shape() const { return network.model->kv_shape(); }

  struct Text {
    std::vector<int32_t> ids, pages;
    int64_t done = 0;
  };
  Text text(std::vector<int32_t> ids, int64_t room = 0) {
    Text out{std::move(ids), {}, 0};
    for (int64_t p = 0; p * kPageTokens < std::max<int64_t>(room, out.ids.size()); ++p)
      out.pages.push_back(next_page++);
    return out;
  }

  // Computes the next counts[i] tokens of each text; the logits after the last of each.
  std::vector<std::vector<float>> step(std::vector<Text*> texts, std::vector<int64_t> counts,
                                       const LayerProbe& probe = {}) {
    std::vector<int32_t> ids, positions, starts{0}, table, page_starts{0}, rows;
    for (size_t i = 0; i < texts.size(); ++i) {
      Text& t = *texts[i];
      for (int64_t n = 0; n < counts[i]; ++n, ++t.done) {
        ids.push_back(t.ids.at(t.done));
        positions.push_back(static_cast<int32_t>(t.done));
      }
      starts.push_back(ids.size());
      rows.push_back(ids.size() - 1);
      table.insert(table.end(), t.pages.begin(), t.pages.end());
      page_starts.push_back(table.size());
    }
    ops.arena().reset();
    const Tensor out =
        network.run(ops, {ids, positions, starts, {table, page_starts}}, cache, rows, probe);
    std::vector<std::vector<float>> logits;
    for (int64_t r = 0; r < out.dim(0); ++r)
      logits.emplace_back(out.as<float>() + r * out.cols(), out.as<float>() + (r + 1) * out.cols());
    return logits;
  }

  std::vector<float> logits(const std::vector<int32_t>& ids, const LayerProbe& probe = {}) {
    next_page = 0;
    Text t = text(ids);
    return step({&t}, {static_cast<int64_t>(ids.size())}, probe)[0];
  }

  std::vector<int32_t> greedy(const std::vector<int32_t>& prompt, int64_t count, int32_t end = -1) {
    next_page = 0;
    Text t = text(prompt, prompt.size() + count);
    std::vector<int32_t> out;
    while (static_cast<int64_t>(out.size()) < count) {
      const std::vector<float> row = step({&t}, {static_cast<int64_t>(t.ids.size()) - t.done})[0];
      out.push_back(std::max_element(row.begin(), row.end()) - row.begin());
      t.ids.push_back(out.back());
      if (out.back() == end) break;
    }
    return out;
  }

  std::shared_ptr<const Checkpoint> checkpoint;
  Json config;
  DecoderNetwork network;
  ThreadPool pool;
  Ops ops;
  KvCache cache;
  int32_t next_page = 0;
};

Json read(const std::string& file) { return Json::parse(MappedFile::open(file)->text(), file); }

const std::vector<std::string> kTiny{"tiny-llama", "tiny-qwen2", "tiny-qwen3"};

}  // namespace

TEST_CASE("a decoder's layers, logits and greedy tokens are the reference's") {
  for (const std::string& name : kTiny)
    for (const std::string& isa : usable_isas()) {
      Reader reader(test::kData + "/" + name, isa);
      const Json cases = read(test::kData + "/" + name + "/decoder_goldens.json").at("cases");
      double worst = 0;
      for (size_t i = 0; i < cases.size(); ++i) {
        const std::vector<int32_t> ids = ints(cases[i].at("ids"));
        const std::vector<float> sums = floats(cases[i].at("hidden_sums")),
                                 sizes = floats(cases[i].at("hidden_abs_sums"));
        size_t seen = 0;
        reader.logits(ids, [&](int layer, const Tensor& hidden) {
          CAPTURE(name);
          CAPTURE(i);
          CAPTURE(layer);
          double sum = 0;
          for (int64_t e = 0; e < hidden.shape().elements(); ++e) sum += hidden.as<float>()[e];
          CHECK(std::abs(sum - sums.at(layer)) < 1e-5 * sizes.at(layer) + 1e-3);
          ++seen;
        });
        CHECK(seen == sums.size());
        const std::vector<float> got = reader.logits(ids), want = floats(cases[i].at("logits"));
        REQUIRE(got.size() == want.size());
        for (size_t v = 0; v < want.size(); ++v)
          worst = std::max(worst, double(std::abs(got[v] - want[v])));
        CHECK(reader.greedy(ids, 12) == ints(cases[i].at("greedy")));
      }
      MESSAGE(name, " ", isa, ": worst difference ", worst);
      CHECK(worst < 1e-4);
    }
}

TEST_CASE("a text's logits have the same bits in any steps, in any company, on any threads") {
  for (const std::string& name : kTiny) {
    CAPTURE(name);
    const Json cases = read(test::kData + "/" + name + "/decoder_goldens.json").at("cases");
    const std::vector<int32_t> a = ints(cases[5].at("ids")), b = ints(cases[4].at("ids"));
    std::vector<float> first;
    for (const std::string& isa : usable_isas())
      for (const int threads : {1, 3}) {
        Reader whole(test::kData + "/" + name, isa, false, threads);
        const std::vector<float> want = whole.logits(a);
        if (first.empty()) first = want;
        CHECK(want == first);
        whole.next_page = 0;
        Reader::Text ta = whole.text(a), tb = whole.text(b);
        std::vector<float> got;
        for (const int64_t count : {1, 50, 1, 1, 63, 84}) {
          const int64_t others = std::min<int64_t>(13, b.size() - tb.done);
          if (others > 0)
            got = whole.step({&tb, &ta}, {others, count}).back();
          else
            got = whole.step({&ta}, {count}).back();
        }
        CHECK(ta.done == 200);
        CHECK(got == want);
      }
  }
}

TEST_CASE("weights in 16 bits stay so, and give the bits of their values in f32") {
  const std::string folder = test::kData + "/tiny-llama-bf16";
  const Json cases = read(test::kData + "/tiny-llama/decoder_goldens.json").at("cases");
  for (const std::string& isa : usable_isas()) {
    CAPTURE(isa);
    Reader kept(folder, isa, true), widened(folder, isa, false);
    CHECK(kept.weights(isa, true).linear("model.layers.0.mlp.down_proj").dtype == DType::bf16);
    for (const size_t i : {1, 4}) {
      const std::vector<int32_t> ids = ints(cases[i].at("ids"));
      CHECK(kept.logits(ids) == widened.logits(ids));
    }
  }
}

TEST_CASE("stories260K tells its story: a real trained Llama, token by token") {
  const char* shared = std::getenv("WINNOW_SHARED");
  const std::string folder = std::string(shared ? shared : "") + "/data/models/stories260K";
  if (!shared || !std::filesystem::exists(folder)) {
    MESSAGE("skipped: stories260K is not there (WINNOW_SHARED)");
    return;
  }
  Reader reader(folder, best_isa());
  std::vector<int32_t> want = ints(read(folder + "/golden.json").at("greedy_ids"));
  CHECK(want.size() > 100);
  const std::vector<int32_t> start{want.front()};
  want.erase(want.begin());
  CHECK(reader.greedy(start, want.size()) == want);
}

TEST_CASE("SmolLM2's quantised file continues as transformers does with its weights in f32") {
  const char* shared = std::getenv("WINNOW_SHARED");
  const std::optional<std::string> folder = test::real_model("smollm2-135m");
  if (!shared || !folder) {
    MESSAGE("skipped: smollm2-135m or its goldens are not there (WINNOW_MODELS, WINNOW_SHARED)");
    return;
  }
  const Json cases = read(std::string(shared) + "/data/models/smollm2_goldens.json").at("cases");
  Reader exact(*folder, best_isa());
  Reader kept(*folder, best_isa(), true);
  int close = 0, steps = 0;
  for (size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(i);
    const std::vector<int32_t> prompt = ints(cases[i].at("prompt_ids")),
                               want = ints(cases[i].at("greedy_ids"));
    const std::vector<float> margins = floats(cases[i].at("margins"));
    CHECK(exact.greedy(prompt, want.size(), 2) == want);
    // Blocks as they are quantise activations: the same token wherever the best leads by 0.5.
    kept.next_page = 0;
    Reader::Text t = kept.text(prompt, prompt.size() + want.size());
    for (size_t step = 0; step < want.size(); ++step, ++steps) {
      CAPTURE(step);
      const std::vector<float> row =
          kept.step({&t}, {static_cast<int64_t>(t.ids.size()) - t.done})[0];
      const bool same = std::max_element(row.begin(), row.end()) - row.begin() == want[step];
      if (margins[step] > 0.5f) CHECK(same);
      close += !same;
      t.ids.push_back(want[step]);
    }
  }
  MESSAGE("blocks as they are: ", close, " of ", steps, " tokens differ, all of them near ties");
}

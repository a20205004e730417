// ColBERT checkpoints against tools/goldens_late.py: ids, vectors and MaxSim.
#include "tasks/late.h"

#include <doctest/doctest.h>

#include <cmath>

#include "parity/goldens.h"

using namespace winnow;

namespace {

struct Tiny {
  Json json;
  std::unique_ptr<Engine> engine;
  LateForm form;

  explicit Tiny(const std::string& name) {
    const std::string folder = test::kData + "/" + name, file = folder + "/late_goldens.json";
    json = Json::parse(MappedFile::open(file)->text(), file);
    EngineOptions options;
    options.folder = folder;
    engine = Engine::load(options);
    form = late_form(read_model_folder(folder, *Checkpoint::open_folder(folder)).colbert.value(),
                     engine->tokenizer());
  }
};

TextSide side_of(const Json& one) {
  return one.string("side") == "query" ? TextSide::kQuery : TextSide::kDocument;
}

}  // namespace

TEST_CASE("ColBERT texts have the markers, the length and the [MASK]s that their checkpoint says") {
  for (const char* name : {"tiny-colbert", "tiny-pylate"}) {
    const Tiny tiny(name);
    const Json cases = tiny.json.at("cases");
    for (size_t i = 0; i < cases.size(); ++i) {
      CAPTURE(name);
      CAPTURE(i);
      EmbedRequest request;
      request.inputs = {std::string(cases[i].string("text"))};
      request.side = side_of(cases[i]);
      const Encoded e = encode_embed(request, tiny.engine->tokenizer(),
                                     tiny.engine->info().max_length, tiny.form)[0];
      CHECK(e.sequence.ids == test::ints(cases[i].at("ids")));
      const auto size = static_cast<int64_t>(e.sequence.ids.size());
      CHECK((e.sequence.keys > 0 ? e.sequence.keys : size) == cases[i].integer("seen"));
      CHECK(e.sequence.type_ids.size() == e.sequence.ids.size());
    }
  }
}

TEST_CASE("ColBERT vectors and MaxSim are the published formula's, texts together or alone") {
  for (const char* name : {"tiny-colbert", "tiny-pylate"}) {
    const Tiny tiny(name);
    CHECK(tiny.engine->info().multi_dimensions == 20);
    CHECK(tiny.engine->info().query_and_document);
    const Json cases = tiny.json.at("cases");
    double worst = 0;
    int compared = 0;
    for (const TextSide side : {TextSide::kQuery, TextSide::kDocument}) {
      EmbedRequest request;
      request.side = side;
      request.outputs = Sequence::kMulti;
      std::vector<Json> wanted;
      for (size_t i = 0; i < cases.size(); ++i)
        if (side_of(cases[i]) == side) {
          wanted.push_back(cases[i]);
          request.inputs.emplace_back(std::string(cases[i].string("text")));
        }
      const std::vector<Embedding> got = tiny.engine->embed_outputs(request);
      for (size_t i = 0; i < wanted.size(); ++i) {
        CAPTURE(name);
        CAPTURE(i);
        EmbedRequest alone = request;
        alone.inputs = {request.inputs[i]};
        CHECK(tiny.engine->embed_outputs(alone)[0].multi.values == got[i].multi.values);
        REQUIRE(got[i].multi.count() == wanted[i].integer("count"));
        const auto vectors = wanted[i].find("vectors");
        if (!vectors) continue;
        for (size_t v = 0; v < vectors->size(); ++v, ++compared)
          for (size_t c = 0; c < 20; ++c)
            worst = std::max(worst,
                             std::abs(got[i].multi.values[v * 20 + c] - (*vectors)[v][c].number()));
      }
    }
    MESSAGE(std::string(name), ": ", compared, " vectors, worst difference ", worst);
    CHECK(compared > 60);
    CHECK(worst < 1e-5);
    const Json queries = tiny.json.at("queries"), documents = tiny.json.at("documents"),
               scores = tiny.json.at("scores");
    for (size_t q = 0; q < queries.size(); ++q) {
      RerankRequest request;
      request.query = queries[q].string();
      for (size_t d = 0; d < documents.size(); ++d)
        request.documents.emplace_back(documents[d].string());
      for (const RerankResult& r : tiny.engine->rerank(request).results) {
        CAPTURE(name);
        CAPTURE(q);
        CAPTURE(r.index);
        CHECK(std::abs(r.score - scores[q][r.index].number()) < 1e-5);
      }
    }
  }
}

TEST_CASE("a ColBERT has no vector for a whole text, and says so") {
  const Tiny tiny("tiny-colbert");
  CHECK(tiny.engine->info().kind == ModelKind::kEmbedder);
  CHECK(tiny.engine->info().dimensions == 0);
  EmbedRequest request;
  request.inputs = {std::string("a")};
  CHECK_THROWS_WITH(
      tiny.engine->embed(request),
      "tiny-colbert: the model gives a vector a token and none a text: ask for those, "
      "or rerank with it");
}

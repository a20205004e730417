#include "http/models.h"

#include <doctest/doctest.h>

#include "http/throws.h"

namespace winnow {
namespace {

using test::check_throws;

struct Served {
  std::vector<ModelInfo> infos;
  std::vector<const ModelInfo*> pointers;

  explicit Served(const std::vector<std::pair<std::string, ModelKind>>& models) {
    for (const auto& [name, kind] : models) {
      infos.emplace_back();
      infos.back().name = name;
      infos.back().kind = kind;
    }
    for (const ModelInfo& info : infos) pointers.push_back(&info);
  }

  std::string choose(Need need, std::string_view name,
                     UnknownModel unknown = UnknownModel::kDefault) const {
    return infos[choose_model(pointers, need, name, unknown)].name;
  }
};

TEST_CASE("without a name the first model of the route's kind serves") {
  const Served served({{"e1", ModelKind::kEmbedder},
                       {"r1", ModelKind::kReranker},
                       {"r2", ModelKind::kReranker},
                       {"c1", ModelKind::kClassifier}});
  CHECK(served.choose(Need::kRerank, "") == "r1");
  CHECK(served.choose(Need::kEmbed, "") == "e1");
  CHECK(served.choose(Need::kClassify, "") == "c1");
  CHECK(served.choose(Need::kTokenize, "") == "e1");
  CHECK(served.choose(Need::kRerank, "r2") == "r2");
  CHECK(served.choose(Need::kClassify, "r2") == "r2");
}

TEST_CASE("a reranker classifies where there is no classifier") {
  const Served served({{"e", ModelKind::kEmbedder}, {"r", ModelKind::kReranker}});
  CHECK(served.choose(Need::kClassify, "") == "r");
}

TEST_CASE("a generator generates, and does nothing else but tokenize") {
  const Served served({{"g", ModelKind::kGenerator}});
  CHECK(served.choose(Need::kGenerate, "") == "g");
  CHECK(served.choose(Need::kTokenize, "") == "g");
  for (const Need need : {Need::kRerank, Need::kEmbed, Need::kClassify})
    check_throws(Code::kUnsupported, "", [&] { served.choose(need, "g"); });
  const Served others({{"r", ModelKind::kReranker}});
  check_throws(Code::kUnsupported, "model is not a generator: r",
               [&] { others.choose(Need::kGenerate, "r"); });
}

TEST_CASE("a model of the wrong kind is refused in TEI's words") {
  const Served served({{"e", ModelKind::kEmbedder}});
  check_throws(Code::kUnsupported, "model is not a re-ranker model",
               [&] { served.choose(Need::kRerank, ""); });
  check_throws(Code::kUnsupported, "model is not a re-ranker model: e",
               [&] { served.choose(Need::kRerank, "e"); });
  check_throws(Code::kUnsupported, "model is not a classifier model",
               [&] { served.choose(Need::kClassify, ""); });
  const Served rerankers({{"r", ModelKind::kReranker}});
  check_throws(Code::kUnsupported, "model is not an embedding model",
               [&] { rerankers.choose(Need::kEmbed, ""); });
}

TEST_CASE("an unknown name is the default for TEI's routes and not found for the others") {
  const Served served({{"a", ModelKind::kEmbedder}, {"b", ModelKind::kEmbedder}});
  CHECK(served.choose(Need::kEmbed, "x") == "a");
  check_throws(Code::kNotFound, "model `x` not found: this server has a, b",
               [&] { served.choose(Need::kEmbed, "x", UnknownModel::kNotFound); });
}

TEST_CASE("a prompt goes by its name, by the input's type, or is the model's default") {
  ModelInfo model{};
  model.prompts = {{"query", "query: "}, {"passage", "passage: "}};
  CHECK(prompt_of(model, "") == "");
  CHECK(prompt_of(model, "query") == "query: ");
  CHECK(prompt_of(model, prompt_for(model, "search_query")) == "query: ");
  CHECK(prompt_of(model, prompt_for(model, "document")) == "passage: ");
  CHECK(prompt_for(ModelInfo{}, "query") == "");
  CHECK_THROWS_AS(prompt_for(model, "image"), Error);
  CHECK_THROWS_WITH(prompt_of(model, "title"),
                    "`prompt_name`: want one of the model's prompts (passage, query), got title");
  model.default_prompt = "passage";
  CHECK(prompt_of(model, "") == "passage: ");
}

TEST_CASE("a ColBERT's texts are queries where the prompt's name says so") {
  ModelInfo plain{}, colbert{};
  colbert.query_and_document = true;
  CHECK(side_of(colbert, "query") == TextSide::kQuery);
  CHECK(side_of(colbert, "document") == TextSide::kDocument);
  CHECK(side_of(colbert, "") == TextSide::kDocument);
  CHECK(prompt_of(colbert, "query") == "");
  CHECK(side_of(plain, "query") == TextSide::kDocument);
  CHECK_THROWS_AS(prompt_of(plain, "query"), Error);
}

TEST_CASE("an embedder with a vector a token reranks where there is no reranker") {
  ModelInfo dense{}, late{}, cross{};
  dense.kind = late.kind = ModelKind::kEmbedder;
  cross.kind = ModelKind::kReranker;
  late.multi_dimensions = 128, late.sparse = true;
  const auto pick = [](std::vector<const ModelInfo*> models, Need need) {
    return choose_model(models, need, "", UnknownModel::kDefault);
  };
  CHECK(pick({&dense, &late}, Need::kRerank) == 1);
  CHECK(pick({&dense, &late, &cross}, Need::kRerank) == 2);
  CHECK(pick({&dense, &late}, Need::kSparse) == 1);
  CHECK_THROWS_AS(pick({&dense}, Need::kSparse), Error);
  CHECK_THROWS_AS(pick({&dense}, Need::kRerank), Error);
}

}  // namespace
}  // namespace winnow

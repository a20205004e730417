// Goldens (tests/data/README.md says their format) and the models they are of.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/mapped_file.h"
#include "engine/engine.h"
#include "engine/model_folder.h"
#include "engine/packed_batch.h"
#include "models/registry.h"
#include "ops/cpu/cpu_kernels.h"
#include "real_models.h"

namespace winnow::test {

inline const std::string kData = WINNOW_TEST_DATA;

struct Golden {
  std::string name, folder;
  Json json;
};

inline std::vector<Golden> tiny_goldens() {
  std::vector<Golden> out;
  for (const auto& entry : std::filesystem::directory_iterator(kData)) {
    const std::string file = entry.path().string() + "/goldens.json";
    if (entry.path().filename().string().starts_with("tiny-") && std::filesystem::exists(file))
      out.push_back({entry.path().filename(), entry.path(),
                     Json::parse(MappedFile::open(file)->text(), file)});
  }
  return out;
}

// Those of the real models that are here; says which are not.
inline std::vector<Golden> real_goldens() {
  std::vector<Golden> out;
  for (const char* name : {"ms-marco-minilm-l12", "bge-small-en", "all-minilm-l6"}) {
    const std::string file = kData + "/goldens/" + name + ".json";
    const std::optional<std::string> folder = real_model(name);
    if (folder)
      out.push_back({name, *folder, Json::parse(MappedFile::open(file)->text(), file)});
    else
      MESSAGE(why_skipped(name));
  }
  return out;
}

inline std::vector<float> floats(const Json& array) {
  std::vector<float> out;
  for (size_t i = 0; i < array.size(); ++i) out.push_back(static_cast<float>(array[i].number()));
  return out;
}

inline std::vector<int32_t> ints(const Json& array) {
  std::vector<int32_t> out;
  for (size_t i = 0; i < array.size(); ++i) out.push_back(static_cast<int32_t>(array[i].integer()));
  return out;
}

// A network below the engine, to look inside.
struct Loaded {
  std::shared_ptr<const Checkpoint> checkpoint;
  Network network;
  ThreadPool pool{2};
  Ops ops;

  Loaded(const Golden& golden, const std::string& isa, DType dtype)
      : checkpoint(Checkpoint::open_folder(golden.folder)), ops(cpu_kernels(isa), pool) {
    const ModelFolder folder = read_model_folder(golden.folder, *checkpoint);
    EmbedderParts parts = folder.parts;
    if (parts.modules.empty() && golden.json.find("pooling"))
      parts.modules = {{.kind = Module::Kind::kPooling,
                        .pooling = {pooling_named(golden.json.string("pooling"))}}};
    network = build_network(folder.config, parts, Weights(checkpoint, cpu_kernels(isa), dtype));
  }

  std::vector<Output> run(const std::vector<Sequence>& sequences, const LayerProbe& probe = {}) {
    PackedBatch packed;
    for (const Sequence& s : sequences) packed.add(s);
    ops.arena().reset();
    const Batch view{packed.ids,    packed.types,   packed.positions,
                     packed.starts, packed.prompts, packed.keys};
    // A probe wants every row, so the last layer must not be pooled: run the model by itself then.
    const Tensor hidden =
        network.model->forward(ops, view, probe ? Rows::kAll : network.head->rows(), probe);
    if (probe) return {};
    const Tensor out = network.head->apply(ops, hidden, view);
    std::vector<Output> rows;
    for (int64_t r = 0; r < out.dim(0); ++r)
      rows.emplace_back(out.as<float>() + r * out.row_stride(),
                        out.as<float>() + r * out.row_stride() + out.cols());
    return rows;
  }
};

inline std::vector<Sequence> sequences_of(const Json& cases) {
  std::vector<Sequence> out;
  for (size_t i = 0; i < cases.size(); ++i)
    out.push_back({ints(cases[i].at("ids")), ints(cases[i].at("type_ids"))});
  return out;
}

}  // namespace winnow::test

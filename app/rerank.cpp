// winnow rerank: documents by their relevance to a query.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "app/commands.h"
#include "app/documents.h"
#include "app/model_flags.h"
#include "app/ranking.h"
#include "app/result_stream.h"
#include "app/score_table.h"
#include "base/error.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/utf8.h"
#include "http/ranking_route.h"
#include "http/status.h"

namespace winnow {
namespace {

struct Flags {
  ModelFlags model;
  ComputeFlags compute;
  std::optional<std::string> query;
  std::string file, queries;
  std::string format = "auto";
  bool json = false, jsonl = false, raw_scores = false, return_documents = false;
  int top_n = 0;
  LongDocuments long_documents;
};

std::string id_json(const DocumentId& id) {
  return id.integer ? id.text : JsonWriter().value(repair_utf8(id.text)).take();
}

// The object that /v1/rerank answers, made by the route's own function.
std::string answer_json(const RankingJob& job, const RankingAnswer& answer, const ModelInfo& model,
                        bool return_documents) {
  Ranking want;
  want.return_documents = return_documents;
  bool any_id = false;
  for (const Document& document : *job.documents) {
    want.request.documents.push_back(document.text);
    want.ids.push_back(document.id ? id_json(*document.id) : "");
    any_id = any_id || document.id;
  }
  if (!any_id) want.ids.clear();
  Work work;
  work.model = &model;
  work.times = answer.times;
  return ranking_json(want, {answer.results}, work, RankingVersion::kV1, random_uuid());
}

// That object with the query's id (where it has one) and text in front.
std::string answer_line(const RankingJob& job, const std::string& object) {
  JsonWriter head;
  head.begin_object();
  if (job.query->id) head.key("query_id").raw(id_json(*job.query->id));
  head.member("query", repair_utf8(job.query->text));
  return head.take() + "," + object.substr(1);
}

std::vector<TableRow> table_rows(const RankingJob& job, const RankingAnswer& answer,
                                 bool raw_scores) {
  std::vector<TableRow> rows;
  int rank = 0;
  for (const RerankResult& result : answer.results) {
    const Document& document = (*job.documents)[result.index];
    rows.push_back({.rank = ++rank,
                    .score = result.score,
                    .probability = raw_scores ? sigmoid(result.score) : result.score,
                    .id = document.id ? document.id->text : "",
                    .text = document.text});
  }
  return rows;
}

// rank, score, index, id and text between tabs, after the query's id (or its number) where there
// are many.
std::string columns(const RankingJob& job, const RankingAnswer& answer, const std::string& first) {
  std::string lines;
  int rank = 0;
  for (const RerankResult& result : answer.results) {
    const Document& document = (*job.documents)[result.index];
    lines +=
        cat(first, ++rank, '\t', JsonWriter().value(result.score).text(), '\t', result.index, '\t',
            document.id ? one_line(document.id->text) : "", '\t', one_line(document.text), '\n');
  }
  return lines;
}

// The queries of the flags: one, or the lines of a file.
std::vector<Query> queries_of(const Flags& flags) {
  if (flags.query) return {{.text = *flags.query, .id = std::nullopt, .documents = std::nullopt}};
  return parse_queries(read_input(flags.queries), input_name(flags.queries));
}

DocumentFormat format_named(const std::string& name) {
  if (name == "lines") return DocumentFormat::kLines;
  return name == "jsonl" ? DocumentFormat::kJsonl : DocumentFormat::kAuto;
}

void check_usage(const Flags& flags) {
  const bool many = !flags.queries.empty();
  if (flags.query.has_value() == many)
    throw CLI::ValidationError("--query", "want -q QUERY or --queries FILE, and not both");
  if (flags.json && flags.jsonl)
    throw CLI::ValidationError("--json", "want --json or --jsonl, and not both");
  if (flags.json && many)
    throw CLI::ValidationError("--json", "want --jsonl with --queries: an object a line");
  if (many && flags.queries == "-" && flags.file == "-")
    throw CLI::ValidationError("--queries",
                               "want stdin for the queries or for the documents, and not both");
  if (!many && flags.file.empty() && ::isatty(STDIN_FILENO) == 1)
    throw CLI::ValidationError("FILE", "want a file of documents, or documents piped into stdin");
}

class Reranking {
 public:
  explicit Reranking(const Flags& flags)
      : flags_(flags), settings_(load_settings(flags.model.config)) {}

  // Reads everything before it loads a model, so that a typing mistake costs no wait.
  int run() {
    queries_ = queries_of(flags_);
    const bool needs_file =
        std::any_of(queries_.begin(), queries_.end(), [](const Query& q) { return !q.documents; });
    if (needs_file) read_documents();
    std::vector<RankingJob> jobs;
    int64_t pairs = 0;
    for (const Query& query : queries_) {
      jobs.push_back({&query, query.documents ? &*query.documents : &documents_});
      pairs += static_cast<int64_t>(jobs.back().documents->size());
    }
    const auto engine = load_engine(flags_.model, flags_.compute, settings_,
                                    settings_.reranker.value_or(kDefaultReranker));
    {
      Progress progress("rerank", pairs, "pairs");
      int64_t done_pairs = 0;
      rank(
          *engine, jobs,
          {.raw_scores = flags_.raw_scores,
           .top_n = flags_.top_n,
           .long_documents = flags_.long_documents},
          [&](size_t job, const RankingAnswer& answer) {
            write(job, jobs[job], answer, engine->info());
          },
          [&](int64_t done) { progress.advance_to(done_pairs += done); });
    }
    out_.write(held_);
    out_.finish();
    return refused_ == 0 ? 0 : 1;
  }

 private:
  void read_documents() {
    if (flags_.file.empty() && !flags_.queries.empty())
      throw CLI::ValidationError("FILE", "want a file of documents: a query has none of its own");
    const std::string path = flags_.file.empty() ? "-" : flags_.file;
    documents_ = parse_documents(read_input(path), input_name(path), format_named(flags_.format));
    if (documents_.empty())
      fail(Code::kEmpty, input_name(path), ": want a document a line, got none");
  }

  void write(size_t number, const RankingJob& job, const RankingAnswer& answer,
             const ModelInfo& model) {
    const bool many = !flags_.queries.empty();
    if (flags_.json || flags_.jsonl) {
      const std::string object = answer_json(job, answer, model, flags_.return_documents);
      print((flags_.json ? object : answer_line(job, object)) + "\n");
    } else if (out_.is_terminal()) {
      if (many) print((number > 0 ? "\n" : "") + one_line(job.query->text) + "\n");
      print(draw_table(table_rows(job, answer, flags_.raw_scores), terminal_style()));
    } else {
      const std::string name =
          job.query->id ? one_line(job.query->id->text) : std::to_string(number);
      print(columns(job, answer, many ? name + "\t" : ""));
    }
    for (const RerankResult& result : answer.refused) name_refused(job, result);
  }

  // A terminal has its results after the progress bar, everything else has them at once.
  void print(const std::string& text) {
    if (out_.is_terminal()) {
      held_ += text;
    } else {
      out_.write(text);
    }
  }

  // A bad document has a line on stderr and no score; its neighbours keep theirs.
  void name_refused(const RankingJob& job, const RerankResult& result) {
    const Document& document = (*job.documents)[result.index];
    const bool own = job.query->documents.has_value();
    const std::string where =
        own ? cat(input_name(flags_.queries), ":", job.query->line, ": documents[", result.index,
                  "]")
            : cat(input_name(flags_.file.empty() ? "-" : flags_.file), ":", document.line);
    std::fprintf(stderr, "winnow rerank: no score for %s: %s\n", where.c_str(),
                 result.error->message.c_str());
    ++refused_;
  }

  const Flags& flags_;
  const Settings settings_;
  std::vector<Query> queries_;
  std::vector<Document> documents_;
  ResultStream out_;
  std::string held_;
  int64_t refused_ = 0;
};

void add_long_document_flags(CLI::App& app, LongDocuments& how) {
  const auto option = [&](const char* name, int& value, int least, const char* help) {
    app.add_option(name, value, help)
        ->check(CLI::Range(least, 1 << 20).description(""))
        ->type_name("N");
  };
  option("--max-chunks", how.max_chunks, 1,
         "Cut a document that is too long into at most so many overlapping windows, of which the "
         "best counts; without it such a document is truncated");
  option("--overlap", how.overlap, 0, "Tokens that neighbouring windows share");
  option("--max-document-tokens", how.max_document_tokens, 1,
         "Read so many tokens of each document");
  option("--max-query-tokens", how.max_query_tokens, 1, "Read so many tokens of the query");
}

}  // namespace

Command add_rerank(CLI::App& program) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* app = program.add_subcommand("rerank", "Order documents by their relevance to a query");
  app->add_option("FILE", flags->file,
                  "Documents, one a line, or JSONL with `text` and optional `id` and `title`; - or "
                  "nothing is stdin")
      ->type_name("");
  app->add_option("-q,--query", flags->query, "The question")->type_name("TEXT");
  app->add_option("--queries", flags->queries,
                  "Many questions: JSONL with `query` and optional `id` and `documents` (without "
                  "them FILE's)")
      ->type_name("FILE");
  app->add_option("--format", flags->format,
                  "How FILE is written; auto looks at its name and first line")
      ->check(CLI::IsMember({"auto", "lines", "jsonl"}))
      ->type_name("FORMAT");
  app->add_flag("--json", flags->json, "Print the object that /v1/rerank answers");
  app->add_flag("--jsonl", flags->jsonl,
                "Print such an object a line for each query, with the query in front");
  app->add_option("--top-n", flags->top_n, "Print the best so many; without it all")
      ->check(CLI::Range(1, 1 << 30).description(""))
      ->type_name("N");
  app->add_flag("--raw-scores", flags->raw_scores,
                "Print the model's logits instead of scores in [0, 1]");
  app->add_flag("--return-documents", flags->return_documents,
                "Put the documents' text into --json and --jsonl");
  add_long_document_flags(*app, flags->long_documents);
  add_model_flags(*app, flags->model, kDefaultReranker);
  add_compute_flags(*app, flags->compute);
  add_prompt_flags(*app, flags->compute);
  add_limit_flag(*app, "max_length", flags->compute.limits);
  app->footer(
      "On a terminal a table; elsewhere rank, score, index, id and text between tabs. A title is "
      "read before its "
      "text. A document that cannot be scored is named on stderr, and the exit code is then 1.\n\n"
      "Example:\n"
      "  winnow rerank -q \"What do bees eat?\" documents.txt --top-n 5\n"
      "  winnow rerank --queries queries.jsonl documents.jsonl --jsonl > ranked.jsonl");
  return {app, [flags] {
            check_usage(*flags);
            return Reranking(*flags).run();
          }};
}

}  // namespace winnow

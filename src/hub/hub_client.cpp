#include "hub/hub_client.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/progress.h"
#include "hub/digest.h"
#include "hub/disk.h"
#include "hub/known_models.h"

namespace winnow {
namespace {

constexpr size_t kMostListingBytes = 32 << 20;
constexpr int kMostRedirects = 10;
constexpr int kMostWaitMs = 8000, kMostAskedWaitMs = 30000;
// An attempt that got this far is not counted as failed, so that a poor line finishes a large file.
constexpr int64_t kProgressBytes = 1 << 20;

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  text.erase(0, std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  return text;
}

std::optional<int64_t> decimal(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// W/"abc" -> abc.
std::string bare_etag(std::string text) {
  if (text.starts_with("W/")) text.erase(0, 2);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  return text;
}

// The first byte's place that a 206 answer states ("bytes 100-199/200").
std::optional<int64_t> range_start(const std::string& content_range) {
  if (!content_range.starts_with("bytes ")) return std::nullopt;
  return decimal(std::string_view(content_range).substr(6, content_range.find('-') - 6));
}

bool is_redirect(const HttpAnswer& answer) {
  return answer.failure.empty() && answer.status / 100 == 3 && !answer.location.empty();
}

std::string token_from_file() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  std::string path = variable("HF_TOKEN_PATH");
  if (path.empty() && !variable("HF_HOME").empty()) path = variable("HF_HOME") + "/token";
  if (path.empty() && !variable("XDG_CACHE_HOME").empty())
    path = variable("XDG_CACHE_HOME") + "/huggingface/token";
  if (path.empty()) path = variable("HOME") + "/.cache/huggingface/token";
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return "";
  return std::string(MappedFile::open(path)->text());
}

}  // namespace

HubServer hub_server() {
  HubServer server;
  const char* endpoint = std::getenv("HF_ENDPOINT");
  server.endpoint = endpoint && *endpoint ? endpoint : "https://huggingface.co";
  while (server.endpoint.ends_with('/')) server.endpoint.pop_back();
  require(!url_origin(server.endpoint).empty(), "HF_ENDPOINT: want an http or https URL, got ",
          server.endpoint);
  const char* token = std::getenv("HF_TOKEN");
  server.token = trimmed(token && *token ? token : token_from_file());
  for (const unsigned char c : server.token)  // never shown
    require(c > 0x20 && c < 0x7F,
            "HF_TOKEN: want letters, digits and marks, got a space or control byte");
  return server;
}

HubClient::HubClient(HubServer server, HubId id, const PullOptions& options)
    : server_(std::move(server)),
      origin_(url_origin(server_.endpoint)),
      id_(std::move(id)),
      options_(options) {}

std::string HubClient::file_url(const std::string& commit, const std::string& path) const {
  return cat(server_.endpoint, '/', id_.id, "/resolve/", commit, '/', url_escape(path, true));
}

// Where a redirect leads. A way from https to http would hand the file, or its hash, to whoever is
// on the line.
std::string HubClient::redirected(const HttpRequest& request, const HttpAnswer& answer) const {
  if (request.url.starts_with("https:") && !answer.location.starts_with("https:"))
    fail(Code::kNetwork, "pull ", id_.id, ": ", url_shown(request.url), " leads from https to ",
         url_shown(answer.location), ", which is refused");
  return answer.location;
}

// Sends the request, and again to wherever it is redirected; the token to the endpoint alone. A
// HEAD request ends at the answer that describes the file: the redirect to a CDN carries the linked
// file's hash and size, the CDN's own ETag says nothing. That answer's status is then 200.
HttpAnswer HubClient::follow(HttpRequest request, const HttpClient::Body& body) {
  std::string commit;
  for (int hop = 0; hop < kMostRedirects; ++hop) {
    request.bearer = url_origin(request.url) == origin_ ? server_.token : "";
    HttpAnswer answer = http_.send(request, [&](const HttpAnswer& head, std::string_view bytes) {
      if (head.status / 100 == 2) body(head, bytes);
    });
    if (commit.empty()) commit = answer.header("x-repo-commit");
    answer.headers["x-repo-commit"] = commit;
    if (!is_redirect(answer)) return answer;
    if (request.head && !answer.header("x-linked-etag").empty()) {
      answer.status = 200;
      return answer;
    }
    request.url = redirected(request, answer);
  }
  fail(Code::kNetwork, "pull ", id_.id, ": more than ", kMostRedirects, " redirects at ",
       url_shown(request.url));
}

// True after a wait when the failure may pass and attempts are left.
bool HubClient::again(const HttpAnswer& answer, int& attempt) const {
  const bool busy = answer.status == 408 || answer.status == 429 || answer.status == 500 ||
                    (answer.status >= 502 && answer.status <= 504);
  const bool passing = answer.failure.empty() ? busy : answer.passing;
  if (!passing || ++attempt >= options_.attempts) return false;
  int64_t wait_ms =
      std::min<int64_t>(int64_t{options_.backoff_ms} << std::min(attempt - 1, 10), kMostWaitMs);
  if (const auto asked = decimal(answer.header("retry-after")))
    wait_ms = std::max(wait_ms, std::min<int64_t>(*asked, kMostAskedWaitMs / 1000) * 1000);
  std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
  return true;
}

void HubClient::fail_answer(const HttpAnswer& answer, const std::string& what,
                            const std::string& url) const {
  const std::string want =
      cat("pull ", id_.id, ": want ", what, " from ", url_shown(url), ", got ");
  if (!answer.failure.empty())
    fail(Code::kNetwork, want, answer.failure,
         answer.passing ? "; run it again to resume, or use --offline for what is on disk" : "");
  std::string status = cat("HTTP ", answer.status);
  if (const std::string said = answer.header("x-error-message"); !said.empty())
    status += " (" + said + ")";
  if (answer.status == 401 || answer.status == 403)
    fail(Code::kNetwork, want, status,
         server_.token.empty()
             ? "; no such model, or it wants a token that may read it in HF_TOKEN; "
             : "; no such model, or the token in use may not read it; ",
         known_name_advice(id_.id));
  if (answer.status == 404)
    fail(Code::kNotFound, want, status, "; no such model, revision or file; ",
         known_name_advice(id_.id));
  fail(Code::kNetwork, want, status);
}

HubListing HubClient::list() {
  const std::string url =
      cat(server_.endpoint, "/api/models/", id_.id, "/revision/", url_escape(id_.revision, false));
  std::string text;
  HttpAnswer answer;
  int attempt = 0;
  do {
    text.clear();
    answer = follow({.url = url}, [&](const HttpAnswer&, std::string_view bytes) {
      text += bytes;
      if (text.size() > kMostListingBytes)
        fail(Code::kCorrupt, "pull ", id_.id, ": want a listing of at most ",
             human_bytes(kMostListingBytes), " from ", url_shown(url), ", got more");
    });
  } while ((!answer.failure.empty() || answer.status != 200) && again(answer, attempt));
  if (!answer.failure.empty() || answer.status != 200)
    fail_answer(answer, "the list of revision " + id_.revision, url);
  HubListing listing;
  try {
    const Json json = Json::parse(text, url_shown(url));
    listing.commit = json.string("sha");
    const Json siblings = json.at("siblings");
    for (size_t i = 0; i < siblings.size(); ++i)
      listing.files.emplace_back(siblings[i].string("rfilename"));
  } catch (const Error& error) {
    fail(Code::kCorrupt, "pull ", id_.id, ": ", error.what());
  }
  if (!is_hex(listing.commit, 40))
    fail(Code::kCorrupt, "pull ", id_.id, ": ", url_shown(url), ": want sha of 40 hex digits, got ",
         listing.commit);
  return listing;
}

HubFile HubClient::inspect(const std::string& commit, const std::string& path) {
  const std::string url = file_url(commit, path);
  HttpAnswer answer;
  int attempt = 0;
  do {
    answer = follow({.url = url, .head = true}, [](const HttpAnswer&, std::string_view) {});
  } while ((!answer.failure.empty() || answer.status != 200) && again(answer, attempt));
  if (!answer.failure.empty() || answer.status != 200) fail_answer(answer, path, url);
  if (const std::string got = answer.header("x-repo-commit"); !got.empty() && got != commit)
    fail(Code::kCorrupt, "pull ", id_.id, ": ", path, ": want it of commit ", commit, ", got ",
         got);
  HubFile file{.path = path, .etag = bare_etag(answer.header("x-linked-etag")), .bytes = {}};
  const bool linked = !file.etag.empty();
  if (!linked) file.etag = bare_etag(answer.header("etag"));
  file.bytes = decimal(answer.header(linked ? "x-linked-size" : "content-length"));
  // The etag is the hash that the bytes are checked against and a file name: nothing else will do.
  if (!is_hex(file.etag, 64) && !is_hex(file.etag, 40))
    fail(Code::kCorrupt, "pull ", id_.id, ": ", path,
         ": want an ETag that is a SHA-256 or a git SHA-1, got '", file.etag, "'");
  return file;
}

void HubClient::download(const std::string& commit, const HubFile& file,
                         const std::string& incomplete) {
  const std::string url = file_url(commit, file.path);
  OutputFile out(incomplete, OutputFile::Open::kAppend);
  if (file.bytes && out.size() > *file.bytes) out.restart();
  std::optional<Progress> bar;
  if (options_.progress) bar.emplace(file.path, file.bytes.value_or(0), "bytes");
  int attempt = 0;
  int64_t furthest = out.size();
  while (!file.bytes || out.size() < *file.bytes) {
    const int64_t from = out.size();
    bool first = true;
    HttpAnswer answer =
        follow({.url = url, .from = from}, [&](const HttpAnswer& head, std::string_view bytes) {
          if (std::exchange(first, false) && from > 0) {
            if (head.status != 206) {
              out.restart();  // the server does not know ranges and sends it all
            } else if (range_start(head.header("content-range")) != from) {
              fail(Code::kCorrupt, "pull ", id_.id, ": ", file.path, ": want bytes from ", from,
                   ", got ", head.header("content-range"));
            }
          }
          if (file.bytes && out.size() + static_cast<int64_t>(bytes.size()) > *file.bytes)
            fail(Code::kCorrupt, "pull ", id_.id, ": ", file.path, ": want ", *file.bytes,
                 " bytes, got more");
          out.write(bytes);
          if (bar) bar->advance_to(out.size());
        });
    const bool ended = answer.failure.empty() && answer.status / 100 == 2;
    if (ended && (!file.bytes || out.size() == *file.bytes)) break;
    if (ended) {  // a clean end, too early
      answer.failure = cat("the end at byte ", out.size(), " of ", *file.bytes);
      answer.passing = true;
    }
    if (answer.status == 416) {  // what we have is not a beginning of what they have
      out.restart();
      answer.failure = "HTTP 416 for a range";
      answer.passing = true;
    }
    if (out.size() >= furthest + kProgressBytes) {
      attempt = 0;
      furthest = out.size();
    }
    if (!again(answer, attempt)) fail_answer(answer, file.path, url);
  }
  out.close();
}

}  // namespace winnow

// The Hugging Face hub's file API: what a repository holds, what a file is, its bytes. The token
// goes to the endpoint's own origin and nowhere else. What may pass is tried again. Not
// thread-safe. Source: huggingface.co/docs/hub/api, and huggingface_hub, file_download.py.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hub/cache.h"
#include "hub/http_client.h"
#include "hub/pull.h"

namespace winnow {

struct HubServer {
  std::string endpoint;  // "https://huggingface.co", no slash at the end
  std::string token;     // empty: anonymous
};

// $HF_ENDPOINT, else huggingface.co; $HF_TOKEN, else the file $HF_TOKEN_PATH, $HF_HOME/token or the
// like in the user's cache. Throws kInvalidArgument when the endpoint is no http(s) URL or the
// token has bytes that no token has.
HubServer hub_server();

struct HubListing {
  std::string commit;              // 40 hex digits
  std::vector<std::string> files;  // paths in the repository, as the hub names them: not checked
};

struct HubFile {
  std::string path;              // in the repository
  std::string etag;              // 64 hex digits: its SHA-256; 40: its SHA-1 as a git blob
  std::optional<int64_t> bytes;  // empty when the server does not say
};

class HubClient {
 public:
  HubClient(HubServer server, HubId id, const PullOptions& options);

  // The commit that the id's revision names now, and its files.
  HubListing list();

  // What the file is at that commit.
  HubFile inspect(const std::string& commit, const std::string& path);

  // Appends to `incomplete` what it lacks of the file; a connection that breaks is taken up where
  // it broke. The bytes are on disk on return, their number checked, their hash not.
  void download(const std::string& commit, const HubFile& file, const std::string& incomplete);

 private:
  HttpAnswer follow(HttpRequest request, const HttpClient::Body& body);
  std::string redirected(const HttpRequest& request, const HttpAnswer& answer) const;
  bool again(const HttpAnswer& answer, int& attempt) const;
  [[noreturn]] void fail_answer(const HttpAnswer& answer, const std::string& what,
                                const std::string& url) const;
  std::string file_url(const std::string& commit, const std::string& path) const;

  HubServer server_;
  std::string origin_;
  HubId id_;
  PullOptions options_;
  HttpClient http_;
};

}  // namespace winnow

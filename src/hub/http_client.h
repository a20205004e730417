// HTTP requests, one at a time. Wraps libcurl. Redirects are reported, not followed: who asks
// decides what may be sent on to where. Not thread-safe; connections are kept between requests.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace winnow {

struct HttpRequest {
  std::string url = {};
  bool head = false;        // HEAD, else GET
  std::string bearer = {};  // sent as Authorization: Bearer ...; empty: not sent
  int64_t from = 0;         // more than 0: ask for the bytes from there on
};

struct HttpAnswer {
  int status = 0;        // 0: no answer came
  std::string failure;   // what broke before the answer was whole; empty: nothing
  bool passing = false;  // the failure may pass: a cut connection rather than a bad certificate
  std::map<std::string, std::string> headers;  // names in lower case
  std::string location;  // where a redirect leads, absolute; empty when it is none

  std::string header(const std::string& name) const;  // empty when absent
};

class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Hands the body on as it comes; `answer` has its status and headers by then. What `body` throws
  // ends the transfer and is thrown on. A connection that carries nothing for 30 seconds is cut.
  using Body = std::function<void(const HttpAnswer& answer, std::string_view bytes)>;
  HttpAnswer send(const HttpRequest& request, const Body& body);

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

// "https://host:443", lower case, with the scheme's own port filled in; empty when the text is no
// http(s) URL.
std::string url_origin(const std::string& url);

// The text with every byte but letters, digits and -._~ (and '/' when keep_slash) as %XX.
std::string url_escape(std::string_view text, bool keep_slash);

// The URL without its query, user and password: fit to be shown.
std::string url_shown(const std::string& url);

}  // namespace winnow

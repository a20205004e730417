#include "hub/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/progress.h"
#include "hub/disk.h"

namespace winnow {
namespace {

struct FreeArchive {
  void operator()(archive* handle) const { archive_read_free(handle); }
};

struct Reader {
  explicit Reader(const std::string& file) : path(file), handle(archive_read_new()) {
    if (!handle) fail(Code::kInternal, "unpack ", path, ": out of memory");
    archive_read_support_format_zip(handle.get());
    if (archive_read_open_filename(handle.get(), path.c_str(), 1 << 16) != ARCHIVE_OK) corrupt("");
  }

  // False at the archive's end.
  bool next(archive_entry*& entry) {
    const int result = archive_read_next_header(handle.get(), &entry);
    if (result == ARCHIVE_EOF) return false;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) corrupt("");
    return true;
  }

  [[noreturn]] void corrupt(const std::string& entry) {
    const char* why = archive_error_string(handle.get());
    fail(Code::kCorrupt, "unpack ", path, entry.empty() ? "" : ": ", entry, ": ",
         why ? why : "not a zip archive");
  }

  const std::string path;
  const std::unique_ptr<archive, FreeArchive> handle;
};

// Returns the bytes written.
int64_t copy_entry(Reader& reader, const std::string& name, const std::string& target,
                   int64_t max_bytes) {
  make_folders(std::filesystem::path(target).parent_path());
  OutputFile file(target, OutputFile::Open::kNew);
  std::vector<char> buffer(1 << 18);
  while (true) {
    // The library checks the entry's size and CRC-32 at its end.
    const la_ssize_t got = archive_read_data(reader.handle.get(), buffer.data(), buffer.size());
    if (got < 0) reader.corrupt(name);
    if (got == 0) break;
    if (file.size() + got > max_bytes)
      fail(Code::kCorrupt, "unpack ", reader.path, ": ", name, ": want at most ",
           human_bytes(max_bytes), " more, got more");
    file.write({buffer.data(), static_cast<size_t>(got)});
  }
  file.close();
  return file.size();
}

}  // namespace

void unpack_zip(const std::string& archive, const std::string& prefix,
                std::span<const std::string> wanted, const std::string& folder, int64_t max_bytes) {
  Reader reader(archive);
  std::set<std::string> absent(wanted.begin(), wanted.end());
  archive_entry* entry = nullptr;
  while (reader.next(entry)) {
    const char* pathname = archive_entry_pathname_utf8(entry);
    if (!pathname) continue;  // not UTF-8, so none of the wanted
    const std::string name = pathname;
    if (!name.starts_with(prefix + "/") || name.ends_with('/')) continue;
    const std::string rest = name.substr(prefix.size() + 1);
    if (!safe_relative(rest))
      fail(Code::kCorrupt, "unpack ", archive, ": ", name, ": the name leaves its folder");
    if (std::find(wanted.begin(), wanted.end(), rest) == wanted.end()) continue;
    if (archive_entry_filetype(entry) != AE_IFREG)
      fail(Code::kCorrupt, "unpack ", archive, ": ", name,
           ": want a regular file, got a link or device");
    if (absent.erase(rest) == 0)
      fail(Code::kCorrupt, "unpack ", archive, ": ", name, ": want it once, got it twice");
    max_bytes -= copy_entry(reader, name, folder + "/" + rest, max_bytes);
  }
  if (!absent.empty())
    fail(Code::kCorrupt, "unpack ", archive, ": want ", prefix, '/', *absent.begin(),
         ", got no such file");
  for (const std::string& name : wanted)
    sync_folder(std::filesystem::path(folder + "/" + name).parent_path());
}

}  // namespace winnow

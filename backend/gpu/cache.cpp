#include "backend/gpu/cache.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include "backend/gpu/sha256.h"

namespace mlx_rocm::gpu {
namespace {

constexpr const char* kMagic = "mlx_rocm kernel 1 ";

// Bound to the key: a file that was renamed does not pass for another kernel.
std::string header(const std::string& key, std::string_view code) {
  std::string bound = key + "\n";
  bound += code;
  return kMagic + std::to_string(code.size()) + " " + sha256(bound) + "\n";
}

// Private to the user: whoever can write here decides what runs on the GPU.
bool make_folders(const std::string& path) {
  for (size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    std::string folder = path.substr(0, at);
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST && access(folder.c_str(), X_OK) != 0)
      return false;
    if (at == path.npos) return true;
  }
}

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    ssize_t n = write(file, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(size_t(n));
  }
  return true;
}

}  // namespace

std::string cache_folder() {
  if (const char* base = std::getenv("XDG_CACHE_HOME"); base && *base == '/')
    return std::string(base) + "/mlx_rocm";
  if (const char* home = std::getenv("HOME"); home && *home == '/')
    return std::string(home) + "/.cache/mlx_rocm";
  const passwd* user = getpwuid(getuid());
  return user && user->pw_dir && *user->pw_dir == '/' ? std::string(user->pw_dir) + "/.cache/mlx_rocm" : "";
}

std::string entries_folder(const std::string& root, const std::string& arch) {
  std::string name = arch;
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '+' && c != '-') c = '_';
  }
  return root + "/" + name;
}

std::optional<std::string> load_entry(const std::string& folder, const std::string& key) {
  std::ifstream file(folder + "/" + key, std::ios::binary);
  std::string first;
  if (!file || !std::getline(file, first) || !first.starts_with(kMagic)) return std::nullopt;
  std::string code{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (code.empty() || first + "\n" != header(key, code)) return std::nullopt;
  return code;
}

bool write_file(const std::string& path, const std::string& text) {
  size_t slash = path.rfind('/');
  if (path.empty() || slash == path.npos || !make_folders(path.substr(0, slash))) return false;
  static std::atomic<int> counter{0};
  std::string temporary =
      path.substr(0, slash) + "/tmp-" + std::to_string(getpid()) + "-" + std::to_string(counter++);
  int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return false;
  bool written = write_all(file, text);
  written = close(file) == 0 && written;
  if (written && rename(temporary.c_str(), path.c_str()) == 0) return true;
  unlink(temporary.c_str());
  return false;
}

bool append_to_file(const std::string& path, const std::string& text) {
  const size_t slash = path.rfind('/');
  if (path.empty() || slash == path.npos || !make_folders(path.substr(0, slash))) return false;
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const bool written = write(file, text.data(), text.size()) == ssize_t(text.size());
  return close(file) == 0 && written;
}

bool store_entry(const std::string& folder, const std::string& key, const std::string& code) {
  return write_file(folder + "/" + key, header(key, code) + code);
}

CompileLock::CompileLock(const std::string& root, const std::string& key) {
  using namespace std::chrono_literals;
  if (root.empty() || !make_folders(root)) return;
  file_ = open((root + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file_ < 0) return;
  // One byte of one file for each key. Locks of the open file, not of the process: threads exclude each other
  // as well, and closing some other descriptor of the file does not release them.
  struct flock range{};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = off_t(std::strtoull(key.substr(0, 15).c_str(), nullptr, 16));
  range.l_len = 1;
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (fcntl(file_, F_OFD_SETLK, &range) != 0) {
    bool held = errno == EAGAIN || errno == EACCES || errno == EINTR;
    if (!held || std::chrono::steady_clock::now() > end) return;
    std::this_thread::sleep_for(10ms);
  }
}

CompileLock::~CompileLock() {
  if (file_ >= 0) close(file_);
}

}  // namespace mlx_rocm::gpu

#include "backend/gpu/jit.h"

#include <cstdlib>
#include <future>
#include <map>
#include <mutex>

#include "backend/core/error.h"
#include "backend/gpu/cache.h"
#include "backend/gpu/compiler.h"
#include "backend/gpu/manifest.h"
#include "backend/gpu/progress.h"
#include "backend/gpu/sha256.h"

namespace mlx_rocm::gpu {
namespace {

// Raised when code made from the same source by the same compiler is no longer what the launcher expects.
constexpr const char* kAbi = "1";

// One variant for one architecture, ready to be looked up or compiled.
struct Job {
  const KernelSpec& spec;
  const std::string& arch;
  std::string source;

  Job(const KernelSpec& s, const std::string& a) : spec(s), arch(a), source(kernel_source(s, target_of(a))) {}

  std::string key(const std::string& compiler) const { return key(arch, compiler); }
  // Of a seed, which may come from another compiler, and may be for any setting of the architecture's features.
  std::string seed_key(const std::string& seed_arch) const { return key(seed_arch, ""); }

 private:
  std::string key(const std::string& full_arch, const std::string& compiler) const {
    std::string text;
    for (const std::string* part : {&full_arch, &spec.entry, &compiler, &source}) {
      text += std::to_string(part->size()) + " " + *part + "\n";  // lengths keep the parts apart
    }
    return sha256(text + kAbi);
  }
};

std::string last_lines(std::string text, int count) {
  text.erase(text.find_last_not_of(" \n") + 1);
  size_t start = text.size();
  while (count-- > 0 && start != std::string::npos && start > 0) start = text.rfind('\n', start - 1);
  return start == std::string::npos ? text : text.substr(start > 0 ? start + 1 : 0);
}

std::string save_failed(const Job& job, const std::string& key, const CompileFailure& failure) {
  const std::string root = cache_folder();
  if (root.empty()) return {};
  const std::string path =
      root + "/failed/" + job.spec.file.substr(0, job.spec.file.find('.')) + "-" + key.substr(0, 16);
  write_file(path + ".log", failure.what() + ("\n" + failure.noise));
  return write_file(path + ".hip", job.source) ? path + ".hip" : "";
}

[[noreturn]] void refused(const Job& job, const std::string& key, const Compiler& compiler,
                          const CompileFailure& failure) {
  std::string defines;
  for (const Define& d : job.spec.defines) defines += std::string(" ") + d.name + "=" + d.value;
  const std::string saved = save_failed(job, key, failure);
  runtime_error("[gpu] Kernel ", job.spec.entry, " of ", job.spec.file, " does not compile for ", job.arch,
                ".\ndefines:", defines, "\ncompiler: ", compiler.identity(), "\n",
                last_lines(failure.what(), 40),
                saved.empty() ? "\nThe source could not be saved." : "\nsource: " + saved);
}

std::string compile(const Job& job, Compiler& compiler, const std::string& key) {
  CompileProgress progress(job.arch);
  try {
    return compiler.compile(job.source, job.spec.file, job.arch);
  } catch (const CompileFailure& failure) {
    refused(job, key, compiler, failure);
  }
}

struct Code {
  std::string bytes;
  bool stored;  // on disk
};

Code cached_or_compiled(const Job& job, Compiler& compiler, const std::string& key) {
  const std::string root = cache_folder();
  if (root.empty()) return {compile(job, compiler, key), false};
  const std::string folder = entries_folder(root + "/kernels", job.arch);
  if (auto code = load_entry(folder, key)) return {std::move(*code), true};
  CompileLock lock(root + "/kernels", key);
  if (auto code = load_entry(folder, key)) return {std::move(*code), true};  // another process was faster
  Code code{compile(job, compiler, key), false};
  code.stored = store_entry(folder, key, code.bytes);
  return code;
}

// Codes being made, so that threads which ask for the same one wait for it; and those that could not be
// stored.
class InFlight {
 public:
  template <class Make>
  std::string get(const std::string& key, const Make& make) {
    std::promise<std::string> promise;
    std::unique_lock lock(mutex_);
    if (auto found = codes_.find(key); found != codes_.end()) {
      auto code = found->second;
      lock.unlock();
      return code.get();
    }
    codes_[key] = promise.get_future().share();
    lock.unlock();
    try {
      Code code = make();
      promise.set_value(code.bytes);
      if (code.stored) forget(key);
      return std::move(code.bytes);
    } catch (...) {
      promise.set_exception(std::current_exception());
      forget(key);
      throw;
    }
  }

 private:
  void forget(const std::string& key) {
    std::lock_guard lock(mutex_);
    codes_.erase(key);
  }
  std::mutex mutex_;
  std::map<std::string, std::shared_future<std::string>> codes_;
};

// Never destroyed: see prefetch.cpp about threads at exit.
InFlight& in_flight() {
  static InFlight& codes = *new InFlight;
  return codes;
}

std::optional<std::string> seed_entry(const Job& job) {
  const char* root = std::getenv("MLX_ROCM_KERNEL_SEED");
  if (!root || !*root) return std::nullopt;
  const std::string plain = job.arch.substr(0, job.arch.find(':'));
  for (const std::string& arch : {job.arch, plain}) {
    if (auto code = load_entry(entries_folder(root, arch), job.seed_key(arch))) return code;
  }
  return std::nullopt;
}

}  // namespace

std::string machine_code(const KernelSpec& spec, Api api, const std::string& arch) {
  Job job(spec, arch);
  if (auto code = seed_entry(job)) return *code;
  Compiler& compiler = device_compiler(api);
  const std::string key = job.key(compiler.identity());
  std::string code = in_flight().get(key, [&] { return cached_or_compiled(job, compiler, key); });
  record(spec);
  return code;
}

bool make_seed(const KernelSpec& spec, Api api, const std::string& arch, const std::string& root) {
  Job job(spec, arch);
  const std::string folder = entries_folder(root, arch), key = job.seed_key(arch);
  if (load_entry(folder, key)) return false;
  if (!store_entry(folder, key, compile(job, offline_compiler(api), key))) {
    runtime_error("[gpu] Compiled kernels cannot be written to ", folder, ".");
  }
  return true;
}

}  // namespace mlx_rocm::gpu

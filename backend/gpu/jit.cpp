#include "backend/gpu/jit.h"

#include <cstdlib>
#include <future>
#include <map>
#include <mutex>

#include "backend/core/error.h"
#include "backend/gpu/cache.h"
#include "backend/gpu/compiler.h"
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
  std::string seed_key;  // names the source alone: a seed may come from another compiler

  Job(const KernelSpec& s, const std::string& a)
      : spec(s), arch(a), source(kernel_source(s, target_of(a))), seed_key(key_with("")) {}

  std::string key_with(const std::string& compiler) const {
    std::string text;
    for (const std::string* part : {&arch, &spec.entry, &compiler, &source}) {
      text += std::to_string(part->size()) + " " + *part + "\n";  // lengths keep the parts apart
    }
    return sha256(text + kAbi);
  }
};

std::optional<std::string> seed_entry(const Job& job) {
  const char* root = std::getenv("MLX_ROCM_KERNEL_SEED");
  if (!root || !*root) return std::nullopt;
  return load_entry(entries_folder(root, job.arch), job.seed_key);
}

std::string last_lines(const std::string& text, int count) {
  size_t end = text.find_last_not_of(" \n"), at = end;
  if (end == text.npos) return {};
  for (int n = 0; n < count && at != text.npos && at > 0; ++n) at = text.rfind('\n', at - 1);
  return text.substr(at == text.npos || at == 0 ? 0 : at + 1, end + 1 - (at == text.npos || at == 0 ? 0 : at + 1));
}

[[noreturn]] void refused(const Job& job, const std::string& key, const std::string& compiler, const std::string& log) {
  std::string defines;
  for (const Define& d : job.spec.defines) defines += std::string(" ") + d.name + "=" + d.value;
  std::string root = cache_folder();
  std::string path = root + "/failed/" + job.spec.file.substr(0, job.spec.file.find('.')) + "-" + key.substr(0, 16) + ".hip";
  bool saved = !root.empty() && write_file(path, job.source);
  runtime_error("[gpu] Kernel ", job.spec.entry, " of ", job.spec.file, " does not compile for ", job.arch,
                ".\ndefines:", defines, "\ncompiler: ", compiler, "\n", last_lines(log, 40),
                saved ? "\nsource: " + path : std::string("\nThe source could not be saved."));
}

std::string compile_and_store(const Job& job, Compiler& compiler) {
  const std::string root = cache_folder(), key = job.key_with(compiler.identity());
  const std::string kernels = root.empty() ? "" : root + "/kernels";
  const std::string folder = entries_folder(kernels, job.arch);
  auto look = [&] { return kernels.empty() ? std::nullopt : load_entry(folder, key); };
  if (auto code = look()) return *code;
  CompileLock lock(kernels, key);
  if (auto code = look()) return *code;  // another process was faster
  try {
    std::string code = compiler.compile(job.source, job.spec.file, job.arch);
    if (!kernels.empty()) store_entry(folder, key, code);
    return code;
  } catch (const CompileFailure& failure) {
    refused(job, key, compiler.identity(), failure.what());
  }
}

}  // namespace

std::string machine_code(const KernelSpec& spec, Api api, const std::string& arch) {
  Job job(spec, arch);
  if (auto code = seed_entry(job)) return *code;
  return compile_and_store(job, device_compiler(api));
}

}  // namespace mlx_rocm::gpu

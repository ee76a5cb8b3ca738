// clang as a compiler of AMD code: for machines without hiprtc, and for architectures that are not in this
// machine.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>

#include "backend/core/error.h"
#include "backend/gpu/compilers.h"
#include "backend/gpu/process.h"
#include "backend/gpu/sha256.h"

namespace mlx_rocm::gpu {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Words rocm_folders() {
  Words folders = {"/opt/rocm"};
  if (std::string own = variable("ROCM_PATH"); !own.empty()) folders.insert(folders.begin(), own);
  return folders;
}

Words candidates() {
  if (std::string own = variable("MLX_ROCM_CLANG"); !own.empty()) return {own};
  Words names;
  for (const std::string& rocm : rocm_folders()) names.push_back(rocm + "/llvm/bin/clang");
  for (const char* name : {"clang-23", "clang-22", "clang-21", "clang-20", "clang-19", "clang"})
    names.push_back(name);
  return names;
}

// The folder of AMD's device library (the math functions behind sin, exp and the like); empty when it is
// nowhere.
std::string bitcode_folder() {
  Words folders;
  if (std::string own = variable("MLX_ROCM_BITCODE"); !own.empty()) folders.push_back(own);
  for (const std::string& rocm : rocm_folders()) folders.push_back(rocm + "/amdgcn/bitcode");
  folders.push_back("/usr/lib/x86_64-linux-gnu/amdgcn/bitcode");
  for (const std::string& folder : folders) {
    if (access((folder + "/ocml.bc").c_str(), R_OK) == 0) return folder;
  }
  return {};
}

std::string without_features(const std::string& arch) { return arch.substr(0, arch.find(':')); }

// gfx90a is 9010 to the device library, gfx1151 is 11501: the last two digits are hexadecimal.
int isa_number(const std::string& arch) {
  const std::string digits = without_features(arch).substr(3);
  const size_t n = digits.size();
  auto hex = [&](size_t at) { return int(std::strtol(digits.substr(at, 1).c_str(), nullptr, 16)); };
  return std::atoi(digits.substr(0, n - 2).c_str()) * 1000 + hex(n - 2) * 100 + hex(n - 1);
}

// The device library reads these constants. ROCm ships them as files, one for each ISA it knew; the compiler
// makes them for any ISA that it knows itself.
std::string control_constants(const std::string& arch, bool wave64) {
  const std::string place = "const __attribute__((address_space(4), visibility(\"protected\"))) ";
  return place + "int __oclc_ISA_version = " + std::to_string(isa_number(arch)) +
         ", __oclc_ABI_version = 500;\n" + place +
         "unsigned char __oclc_finite_only_opt = 0, __oclc_unsafe_math_opt = 0, __oclc_daz_opt = 0, " +
         "__oclc_correctly_rounded_sqrt32 = 1, __oclc_wavefrontsize64 = " + (wave64 ? "1" : "0") +
         ", __oclc_wavefrontsize_log2 = " + (wave64 ? "6" : "5") + ";\n";
}

class Clang final : public Compiler {
 public:
  Clang(std::string path, const std::string& version) : path_(std::move(path)), bitcode_(bitcode_folder()) {
    identity_ = version.substr(0, version.find('\n'));
    if (!bitcode_.empty()) {
      std::error_code ignored;
      identity_ += " " + bitcode_ + " " + std::to_string(fs::file_size(bitcode_ + "/ocml.bc", ignored));
    }
    for (const std::string& option : options_) identity_ += " " + option;
  }
  const std::string& identity() const override { return identity_; }

  std::string compile(const std::string& source, const std::string& name, const std::string& arch) override {
    TemporaryFolder folder;
    const std::string in = folder.file(name), out = folder.file("code");
    std::ofstream(in) << source;
    Words command = {path_,       "-x",       "hip", "--cuda-device-only", "--offload-arch=" + arch,
                     "-nogpuinc", "-nogpulib"};
    command.push_back("--no-gpu-bundle-output");
    command.insert(command.end(), options_.begin(), options_.end());
    for (const std::string& library : libraries(arch, folder)) {
      command.insert(command.end(), {"-Xclang", "-mlink-builtin-bitcode", "-Xclang", library});
    }
    command.insert(command.end(), {in, "-o", out});
    return result(command, out);
  }

 private:
  static std::string result(const Words& command, const std::string& out) {
    ProcessResult run = run_process(command);
    std::string code = run.status == 0 ? read_all(out) : "";
    if (code.empty())
      throw CompileFailure(run.output + "\n" + command[0] + ": status " + std::to_string(run.status));
    return code;
  }

  Words libraries(const std::string& arch, const TemporaryFolder& folder) {
    if (bitcode_.empty()) return {};  // kernels that need it fail to link, which says so
    const std::string constants = folder.file("oclc.bc");
    std::ofstream(constants, std::ios::binary) << constants_of(arch, folder);
    return {bitcode_ + "/ocml.bc", bitcode_ + "/ockl.bc", constants};
  }

  const std::string& constants_of(const std::string& arch, const TemporaryFolder& folder) {
    std::lock_guard lock(mutex_);
    std::string& code = constants_[arch];
    if (!code.empty()) return code;
    const std::string in = folder.file("oclc.c"), out = folder.file("new-oclc.bc");
    std::ofstream(in) << control_constants(arch, target_of(arch).wave == 64);
    code = result({path_, "-target", "amdgcn-amd-amdhsa", "-mcpu=" + without_features(arch), "-nogpulib",
                   "-Xclang", "-mcode-object-version=none", "-emit-llvm", "-c", "-O1", in, "-o", out},
                  out);
    return code;
  }

  const std::string path_, bitcode_;
  std::string identity_;
  std::mutex mutex_;
  std::map<std::string, std::string> constants_;  // by architecture
  // As hiprtc.cpp; no cuid, a symbol named after the path of the source.
  const Words options_ = {"-O3", "-std=c++17", "-munsafe-fp-atomics", "-mcode-object-version=5",
                          "-fuse-cuid=none"};
};

}  // namespace

std::unique_ptr<Compiler> make_clang(std::string& why) {
  why = "clang with the AMDGPU target: tried";
  for (const std::string& name : candidates()) {
    ProcessResult version = run_process({name, "--version"});
    if (version.status == 0 &&
        run_process({name, "--print-targets"}).output.find("amdgcn") != std::string::npos) {
      return std::make_unique<Clang>(name, version.output);
    }
    why += " " + name;
  }
  return nullptr;
}

}  // namespace mlx_rocm::gpu

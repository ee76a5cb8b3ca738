// libhiprtc: compiles with clang, or forwards to a real libhiprtc (AMDEMU_HIPRTC=path).
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "faults.h"
#include "settings.h"
#include "target.h"

namespace {

namespace fs = std::filesystem;

enum Result {
  kSuccess = 0,
  kOutOfMemory = 1,
  kProgramCreation = 2,
  kInvalidInput = 3,
  kInvalidProgram = 4,
  kInvalidOption = 5,
  kCompilation = 6
};

struct Program {
  std::string source, name, log, code;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct Output {
  int status;
  std::string text;
};

std::string environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value && *value ? value : otherwise;
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

Output run(const std::string& command) {
  Output out{-1, {}};
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (!pipe) return out;
  char buffer[4096];
  while (const size_t n = fread(buffer, 1, sizeof buffer, pipe)) out.text.append(buffer, n);
  const int status = pclose(pipe);
  out.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return out;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    char name[] = "/tmp/amdemu-rtc-XXXXXX";
    if (mkdtemp(name)) path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string compiler() { return environment("AMDEMU_CLANG", "clang-22"); }

fs::path bitcode_folder() {
  for (const std::string& folder :
       {environment("MLX_ROCM_BITCODE", ""), std::string("/usr/lib/x86_64-linux-gnu/amdgcn/bitcode"),
        std::string("/opt/rocm/amdgcn/bitcode")}) {
    if (!folder.empty() && fs::exists(fs::path(folder) / "ocml.bc")) return folder;
  }
  return {};
}

// gfx90a is 9010 to the device library, gfx1151 is 11501.
int isa_number(const std::string& arch) {
  const std::string digits = arch.substr(3);
  const auto hex = [](char c) {
    return static_cast<int>(std::strtol(std::string(1, c).c_str(), nullptr, 16));
  };
  const size_t n = digits.size();
  return std::atoi(digits.substr(0, n - 2).c_str()) * 1000 + hex(digits[n - 2]) * 100 + hex(digits[n - 1]);
}

// The device library asks for a few constants; the compiler makes them for any ISA that it knows.
bool write_control_constants(const std::string& arch, bool wave64, const fs::path& out) {
  const std::string place = "const __attribute__((address_space(4), visibility(\"protected\"))) ";
  const std::string text =
      place + "int __oclc_ISA_version = " + std::to_string(isa_number(arch)) + ";\n" + place +
      "int __oclc_ABI_version = 500;\n" + place + "unsigned char __oclc_finite_only_opt = 0, " +
      "__oclc_unsafe_math_opt = 0, __oclc_daz_opt = 0, __oclc_correctly_rounded_sqrt32 = 1, " +
      "__oclc_wavefrontsize64 = " + (wave64 ? "1" : "0") +
      ", __oclc_wavefrontsize_log2 = " + (wave64 ? "6" : "5") + ";\n";
  const fs::path source = out.string() + ".c";
  std::ofstream(source) << text;
  return run(compiler() + " -target amdgcn-amd-amdhsa -mcpu=" + arch +
             " -nogpulib -Xclang -mcode-object-version=none " + "-emit-llvm -c -O1 " +
             quoted(source.string()) + " -o " + quoted(out.string()))
             .status == 0;
}

std::string library_options(const std::string& arch, bool wave64, const fs::path& folder) {
  const fs::path bitcode = bitcode_folder();
  if (bitcode.empty()) return "";
  const fs::path constants = folder / "oclc.bc";
  if (!write_control_constants(arch, wave64, constants)) return "";
  std::string options;
  for (const fs::path& library : {bitcode / "ocml.bc", bitcode / "ockl.bc", constants}) {
    options += " -Xclang -mlink-builtin-bitcode -Xclang " + quoted(library.string());
  }
  return options;
}

Result compile(Program& program, int count, const char* const* options) {
  if (emu::should_fail(emu::FaultKind::Compile)) {
    program.log = "compilation failed (injected)";
    return kCompilation;
  }
  std::string arch = emu::settings().archs.empty() ? "gfx1151" : emu::settings().archs.front(), flags;
  bool wave64 = false;
  for (int i = 0; i < count; ++i) {
    const std::string option = options[i];
    if (option.starts_with("--offload-arch=") || option.starts_with("--gpu-architecture=")) {
      arch = option.substr(option.find('=') + 1);
    } else {
      flags += " " + quoted(option);
    }
    wave64 |= option == "-mwavefrontsize64";
  }
  const std::string base = arch.substr(0, arch.find(':'));
  if (!emu::find_target(base)) {
    // The real library aborts the process here.
    program.log = "[emulator] no such architecture: " + arch + " (a real libhiprtc aborts the process)";
    return kInvalidOption;
  }
  const TemporaryFolder folder;
  for (const auto& [name, text] : program.headers) {
    const fs::path path = folder.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  const fs::path source = folder.path() / "program.hip", code = folder.path() / "program.co";
  std::ofstream(source) << "#line 1 \"" << program.name << "\"\n" << program.source;
  const Output out =
      run(compiler() + " -x hip --cuda-device-only --offload-arch=" + arch +
          " -nogpuinc -nogpulib --no-gpu-bundle-output -O3 -mcode-object-version=5 -D__HIPCC_RTC__" + " -I " +
          quoted(folder.path().string()) + flags +
          library_options(base, wave64 || base.starts_with("gfx9"), folder.path()) + " " +
          quoted(source.string()) + " -o " + quoted(code.string()));
  program.log = out.text;
  if (out.status != 0) return kCompilation;
  program.code = read_file(code);
  return kSuccess;
}

// The same function of the real library, or null when there is none to forward to.
template <class F>
F real(F, const char* name) {
  static void* const library = [] {
    const std::string& path = emu::settings().hiprtc;
    return path.empty() ? nullptr : dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  }();
  return library ? reinterpret_cast<F>(dlsym(library, name)) : nullptr;
}

}  // namespace

using hiprtcResult = int;

extern "C" {

hiprtcResult hiprtcVersion(int* major, int* minor) {
  if (auto f = real(&hiprtcVersion, "hiprtcVersion")) return f(major, minor);
  *major = 7;
  *minor = 1;
  return kSuccess;
}

const char* hiprtcGetErrorString(hiprtcResult result) {
  static const char* const names[] = {"HIPRTC_SUCCESS",
                                      "HIPRTC_ERROR_OUT_OF_MEMORY",
                                      "HIPRTC_ERROR_PROGRAM_CREATION_FAILURE",
                                      "HIPRTC_ERROR_INVALID_INPUT",
                                      "HIPRTC_ERROR_INVALID_PROGRAM",
                                      "HIPRTC_ERROR_INVALID_OPTION",
                                      "HIPRTC_ERROR_COMPILATION"};
  return result >= 0 && result < 7 ? names[result] : "HIPRTC_ERROR_INTERNAL_ERROR";
}

hiprtcResult hiprtcCreateProgram(void** out, const char* source, const char* name, int headers,
                                 const char** texts, const char** names) {
  if (auto f = real(&hiprtcCreateProgram, "hiprtcCreateProgram"))
    return f(out, source, name, headers, texts, names);
  if (!out || !source) return kInvalidInput;
  auto* program = new Program;
  program->source = source;
  program->name = name ? name : "program.hip";
  for (int i = 0; i < headers; ++i) program->headers.emplace_back(names[i], texts[i]);
  *out = program;
  return kSuccess;
}

hiprtcResult hiprtcDestroyProgram(void** program) {
  if (auto f = real(&hiprtcDestroyProgram, "hiprtcDestroyProgram")) return f(program);
  if (!program || !*program) return kInvalidProgram;
  delete static_cast<Program*>(*program);
  *program = nullptr;
  return kSuccess;
}

hiprtcResult hiprtcCompileProgram(void* program, int count, const char** options) {
  if (auto f = real(&hiprtcCompileProgram, "hiprtcCompileProgram")) return f(program, count, options);
  if (!program) return kInvalidProgram;
  return compile(*static_cast<Program*>(program), count, options);
}

hiprtcResult hiprtcGetProgramLogSize(void* program, size_t* bytes) {
  if (auto f = real(&hiprtcGetProgramLogSize, "hiprtcGetProgramLogSize")) return f(program, bytes);
  *bytes = static_cast<Program*>(program)->log.size() + 1;
  return kSuccess;
}

hiprtcResult hiprtcGetProgramLog(void* program, char* out) {
  if (auto f = real(&hiprtcGetProgramLog, "hiprtcGetProgramLog")) return f(program, out);
  std::strcpy(out, static_cast<Program*>(program)->log.c_str());
  return kSuccess;
}

hiprtcResult hiprtcGetCodeSize(void* program, size_t* bytes) {
  if (auto f = real(&hiprtcGetCodeSize, "hiprtcGetCodeSize")) return f(program, bytes);
  *bytes = static_cast<Program*>(program)->code.size();
  return kSuccess;
}

hiprtcResult hiprtcGetCode(void* program, char* out) {
  if (auto f = real(&hiprtcGetCode, "hiprtcGetCode")) return f(program, out);
  const std::string& code = static_cast<Program*>(program)->code;
  std::memcpy(out, code.data(), code.size());
  return kSuccess;
}

}  // extern "C"

#include "backend/gpu/rtc.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <cstdlib>
#include <memory>

#include "backend/gpu/compiler.h"

namespace mlx_rocm::gpu {
namespace {

// The name behind all links, which has the full version in it, and the size of the file that holds a
// function.
std::string file_of(const void* function) {
  Dl_info info{};
  if (!dladdr(function, &info) || !info.dli_fname) return {};
  std::unique_ptr<char, void (*)(void*)> path(realpath(info.dli_fname, nullptr), std::free);
  struct stat facts{};
  if (!path || stat(path.get(), &facts) != 0) return {};
  std::string name = path.get();
  return name.substr(name.rfind('/') + 1) + " " + std::to_string(facts.st_size);
}

}  // namespace

Rtc::Rtc(Library library, const std::string& prefix, const std::string& code) : library_(std::move(library)) {
  auto bind = [&](auto& function, const std::string& name) {
    library_.bind(function, (prefix + name).c_str());
  };
  bind(version_number_, "Version");
  bind(error_string_, "GetErrorString");
  bind(create_, "CreateProgram");
  bind(destroy_, "DestroyProgram");
  bind(compile_, "CompileProgram");
  bind(log_size_, "GetProgramLogSize");
  bind(log_, "GetProgramLog");
  bind(code_size_, "Get" + code + "Size");
  bind(code_, "Get" + code);
  int major = 0, minor = 0;
  version_number_(&major, &minor);
  version_ = prefix + " " + std::to_string(major) + "." + std::to_string(minor) + " " +
             file_of(reinterpret_cast<const void*>(version_number_));
}

class Rtc::Program {
 public:
  Program(Rtc& rtc, const std::string& source, const std::string& name) : rtc_(rtc) {
    check(rtc.create_(&program_, source.c_str(), name.c_str(), 0, nullptr, nullptr), "CreateProgram");
  }
  ~Program() {
    if (program_) rtc_.destroy_(&program_);
  }
  void compile(std::vector<const char*> options) {
    check(rtc_.compile_(program_, int(options.size()), options.data()), "CompileProgram");
  }
  std::string code() {
    size_t size = 0;
    check(rtc_.code_size_(program_, &size), "the size of the code");
    std::string code(size, '\0');
    if (size) check(rtc_.code_(program_, code.data()), "the code");
    if (code.empty()) throw CompileFailure("the compiler made no code for this architecture");
    return code;
  }

 private:
  std::string log() {
    size_t size = 0;
    if (!program_ || rtc_.log_size_(program_, &size) != 0 || size < 2) return {};
    std::string text(size, '\0');
    if (rtc_.log_(program_, text.data()) != 0) return {};
    return text.c_str();  // without the terminating zero
  }
  void check(int status, const char* what) {
    if (status == 0) return;
    const char* meaning = rtc_.error_string_(status);
    throw CompileFailure(log() + "\n" + what + ": " + (meaning ? meaning : std::to_string(status)));
  }

  Rtc& rtc_;
  void* program_ = nullptr;
};

std::string Rtc::compile(const std::string& source, const std::string& name,
                         const std::vector<std::string>& options) {
  std::vector<const char*> list;
  for (const std::string& option : options) list.push_back(option.c_str());
  Program program(*this, source, name);
  program.compile(list);
  return program.code();
}

}  // namespace mlx_rocm::gpu

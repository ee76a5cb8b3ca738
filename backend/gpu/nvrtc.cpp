#include "backend/gpu/compilers.h"
#include "backend/gpu/rtc.h"

namespace mlx_rocm::gpu {
namespace {

class Nvrtc final : public Compiler {
 public:
  explicit Nvrtc(Library library) : rtc_(std::move(library), "nvrtc", "CUBIN") {
    identity_ = rtc_.version() + " " + kStandard;
  }
  const std::string& identity() const override { return identity_; }

  std::string compile(const std::string& source, const std::string& name, const std::string& arch) override {
    std::vector<std::string> options = {"--gpu-architecture=" + arch, kStandard};
    if (source.find("#define EXACT_ROUNDING 1") != std::string::npos) options.push_back("--fmad=false");
    return rtc_.compile(source, name, options);
  }

 private:
  static constexpr const char* kStandard = "-std=c++17";
  Rtc rtc_;
  std::string identity_;
};

// 12040 for CUDA 12.4; 0 without a driver.
int driver_version() {
  Library cuda({"libcuda.so.1"});
  auto get = reinterpret_cast<int (*)(int*)>(cuda.find("cuDriverGetVersion"));
  int version = 0;
  return get && get(&version) == 0 ? version : 0;
}

// A driver need not load what a compiler of a later CUDA made, so the newest that is not later comes first.
Library find_nvrtc() {
  std::vector<std::string> names = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"};
  const int driver = driver_version();
  if (driver && driver < 13000) std::swap(names[0], names[1]);
  for (const std::string& name : names) {
    if (Library library({name}); library) return library;
  }
  return Library(names);  // for its error
}

}  // namespace

std::unique_ptr<Compiler> make_nvrtc(std::string& why) {
  Library library = find_nvrtc();
  if (library) return std::make_unique<Nvrtc>(std::move(library));
  why = "NVRTC: " + library.error();
  return nullptr;
}

}  // namespace mlx_rocm::gpu

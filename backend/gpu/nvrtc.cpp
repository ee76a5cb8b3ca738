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
    return rtc_.compile(source, name, {"--gpu-architecture=" + arch, kStandard});
  }

 private:
  static constexpr const char* kStandard = "-std=c++17";
  Rtc rtc_;
  std::string identity_;
};

}  // namespace

std::unique_ptr<Compiler> make_nvrtc(std::string& why) {
  Library library({"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"});
  if (library) return std::make_unique<Nvrtc>(std::move(library));
  why = "NVRTC: " + library.error();
  return nullptr;
}

}  // namespace mlx_rocm::gpu

#include <mutex>

#include "backend/gpu/compilers.h"
#include "backend/gpu/rtc.h"
#include "backend/gpu/stderr_capture.h"

namespace mlx_rocm::gpu {
namespace {

class Hiprtc final : public Compiler {
 public:
  explicit Hiprtc(Library library) : rtc_(std::move(library), "hiprtc", "Code") {
    identity_ = rtc_.version();
    for (const std::string& option : options_) identity_ += " " + option;
  }
  const std::string& identity() const override { return identity_; }

  std::string compile(const std::string& source, const std::string& name, const std::string& arch) override {
    std::vector<std::string> options = {"--offload-arch=" + arch};
    options.insert(options.end(), options_.begin(), options_.end());
    // One at a time: parallel compiles are not documented to be safe, and the capture is of the whole
    // process.
    std::lock_guard lock(mutex_);
    StderrCapture capture;
    try {
      return rtc_.compile(source, name, options);
    } catch (CompileFailure& failure) {
      failure.noise = capture.take();  // the log has the messages, standard error may have the whole source
      throw;
    }
  }

 private:
  Rtc rtc_;
  std::mutex mutex_;
  std::string identity_;
  // Without unsafe-fp-atomics a float atomic in global memory is a compare-and-swap loop. Kernels read their
  // hidden arguments where code object version 5 has them.
  const std::vector<std::string> options_ = {"-O3", "-std=c++17", "-munsafe-fp-atomics",
                                             "-mcode-object-version=5"};
};

}  // namespace

std::unique_ptr<Compiler> make_hiprtc(std::string& why) {
  Library library({"libhiprtc.so.7", "libhiprtc.so.6", "libhiprtc.so"});
  why = library ? "" : "hiprtc: " + library.error();
  if (!library) library = Library({"libamdhip64.so.5", "libamdhip64.so"});  // where it was before ROCm 6
  if (!library || !library.find("hiprtcCompileProgram")) return nullptr;
  return std::make_unique<Hiprtc>(std::move(library));
}

}  // namespace mlx_rocm::gpu

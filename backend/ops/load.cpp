#include "backend/ops/load.h"

#include <algorithm>

#include "backend/core/op.h"

namespace mlx_rocm {
namespace {

// From here on an array is a view of the mapped file. Smaller ones are read: their memory is then reused and counted.
constexpr uint64_t kMapFrom = 1 << 20;

void swap_bytes(char* data, int64_t count, size_t width) {
  for (int64_t i = 0; i < count; ++i, data += width) std::reverse(data, data + width);
}

class Load : public OpBase<Load> {
 public:
  static constexpr const char* kName = "load";
  std::string path;
  uint64_t offset = 0;
  Shape shape;
  Dtype dtype;
  bool swapped = false;
  Load() = default;
  Load(std::shared_ptr<io::File> f, uint64_t o, Shape s, Dtype d, bool w)
      : path(f->path()), offset(o), shape(std::move(s)), dtype(d), swapped(w), file_(std::move(f)) {}
  static auto fields(auto& self) {
    return std::tie(self.path, self.offset, self.shape, self.dtype, self.swapped);
  }
  // Another file may have the same name by now.
  bool equals(const Op& other) const override {
    return OpBase<Load>::equals(other) && file_ == static_cast<const Load&>(other).file_;
  }

  std::vector<Spec> infer(const Arrays&) const override { return {{shape, dtype}}; }

  void cpu(const Arrays&, const Arrays& out) override {
    if (!file_) file_ = io::File::open(path);  // an imported function
    const uint64_t bytes = out[0].nbytes();
    const bool as_stored = !swapped && dtype != bool_;
    if (bytes >= kMapFrom && as_stored && offset % dtype.size() == 0 && share_pages(out[0], bytes)) return;
    out[0].allocate();
    if (bytes == 0) return;
    file_->read(offset, bytes, out[0].bytes());
    if (dtype == bool_) io::normalise_bools(out[0].bytes(), bytes);
    if (swapped) {
      const size_t parts = is_complex(dtype) ? 2 : 1;
      swap_bytes(out[0].bytes(), out[0].size() * int64_t(parts), dtype.size() / parts);
    }
  }

 private:
  bool share_pages(const array& out, uint64_t bytes) {
    if (file_->size() < offset + bytes) return false;  // read() says what is wrong
    char* start = file_->map();
    if (!start) return false;
    auto buffer = Buffer::wrap(start + offset, bytes, [file = file_] {});
    out.share(array(std::move(buffer), out.shape(), dtype));
    return true;
  }

  std::shared_ptr<io::File> file_;
};
REGISTER_OP(Load)

}  // namespace

array load_from(std::shared_ptr<io::File> file, uint64_t offset, Shape shape, Dtype dtype, bool swapped,
                const StreamOrDevice& s) {
  // Files are read on the CPU whatever the default device is.
  const StreamOrDevice stream = std::holds_alternative<std::monostate>(s) ? StreamOrDevice(Device::cpu) : s;
  return apply(op<Load>(std::move(file), offset, std::move(shape), dtype, swapped), {}, stream);
}

}  // namespace mlx_rocm

// The calls of gpu.h that are not about copying.
#include "backend/gpu/gpu.h"

#include "backend/core/error.h"
#include "backend/gpu/residency.h"

namespace mlx_rocm::gpu {
namespace {

Ref<Buffer> make_buffer(size_t bytes) {
  if (bytes == 0) return Buffer::allocate(0);
  return Buffer::on_device(std::make_unique<Resident>(bytes, current(), true), bytes);
}

constexpr uint64_t kMostThreads = uint64_t(1) << 32;  // along x; HIP's limit, lower than CUDA's
constexpr uint64_t kMostGroups = 65535;               // along y and z
constexpr size_t kMostArguments = 48;

}  // namespace

void allocate(const array& out) { allocate(out, row_major_strides(out.shape())); }
void allocate(const array& out, const Strides& dense) { out.set_memory(make_buffer(out.nbytes()), dense, 0); }

array temporary(Shape shape, Dtype dtype) {
  array a(make_ref<Node>(std::move(shape), dtype));
  allocate(a);
  return a;
}

bool donate_or_allocate(const array& x, const array& out) {
  if (x.donatable() && x.row_contiguous() && x.size() == out.size() && x.itemsize() == out.itemsize()) {
    out.share(x, row_major_strides(out.shape()), x.offset());
    return true;
  }
  allocate(out);
  return false;
}

void fill_bytes(const array& dst, uint8_t value) {
  if (dst.size() == 0) return;
  Queue& q = current();
  void* p = address(dst, q, true);
  q.device().check(q.device().call.fill(p, value, dst.nbytes(), q.handle()), "filling memory");
  q.advance();
}

const char* type_name(Dtype d) {
  switch (d.val) {
    case Dtype::bool_: return "bool";
    case Dtype::uint8: return "u8";
    case Dtype::uint16: return "u16";
    case Dtype::uint32: return "u32";
    case Dtype::uint64: return "u64";
    case Dtype::int8: return "i8";
    case Dtype::int16: return "i16";
    case Dtype::int32: return "i32";
    case Dtype::int64: return "i64";
    case Dtype::float16: return "f16";
    case Dtype::float32: return "float";
    case Dtype::float64: return "double";
    case Dtype::bfloat16: return "bf16";
    case Dtype::complex64: break;
  }
  return "complex64";
}
const char* compute_name(Dtype d) { return is_half(d) ? "float" : type_name(d); }

const Kernel& kernel(const char* file, const char* entry, Defines defines, const std::string& generated) {
  return current().device().kernel(file, entry, std::move(defines), generated);
}

Grid cover(int64_t items, uint32_t threads) {
  const uint64_t groups = (uint64_t(items) + threads - 1) / threads;
  return Grid(std::min(groups, kMostThreads / threads - 1));
}

bool fits_u32(const Arrays& views) {
  for (const array& a : views) {
    if (a.size() > INT32_MAX) return false;
    auto [low, high] = extent(a.shape(), a.strides());
    if (low < INT32_MIN || high > INT32_MAX) return false;
  }
  return true;
}

void* native_stream() { return current().handle(); }
void* device_pointer(const array& a, bool write) { return address(a, current(), write); }

namespace detail {

void launch(const Kernel& k, Grid groups, uint32_t threads, uint32_t lds, Argument* arguments, size_t count) {
  if (groups.x == 0 || groups.y == 0 || groups.z == 0) return;
  if (groups.x * threads >= kMostThreads || groups.y > kMostGroups || groups.z > kMostGroups) {
    runtime_error("[gpu] ", k.name, ": a grid of ", groups.x, " x ", groups.y, " x ", groups.z, " workgroups of ", threads,
                  " threads is beyond what devices take.");
  }
  if (threads > k.max_threads || lds > k.dynamic_lds || count > kMostArguments) {
    runtime_error("[gpu] ", k.name, ": ", threads, " threads, ", lds, " bytes of LDS or ", count,
                  " arguments are more than its limits (", k.max_threads, ", ", k.dynamic_lds, ", ", kMostArguments, ").");
  }
  Queue& q = current();
  void* addresses[kMostArguments];
  void* parameters[kMostArguments];
  for (size_t i = 0; i < count; ++i) {
    if (arguments[i].operand) {
      const array& a = *arguments[i].operand;
      addresses[i] = a.is_null() ? nullptr : address(a, q, arguments[i].write);
      parameters[i] = &addresses[i];
    } else {
      parameters[i] = const_cast<void*>(arguments[i].value);
    }
  }
  int status = q.device().call.launch(k.function, unsigned(groups.x), unsigned(groups.y), unsigned(groups.z), threads, 1, 1,
                                      lds, q.handle(), parameters, nullptr);
  if (status != kOk) q.device().fail(status, concat_text("launching ", k.name).c_str());
  q.advance();
}

}  // namespace detail
}  // namespace mlx_rocm::gpu

#include "backend/core/array.h"

#include <mutex>

#include "backend/core/op.h"
#include "backend/transforms/eval.h"

namespace mlx_rocm {
namespace {

// Guards Call::outputs of calls with several outputs, against one output dying while another looks it up.
std::mutex& sibling_mutex() {
  static auto* m = new std::mutex;
  return *m;
}

template <class T>
array make_scalar(T value, Dtype dtype) {
  array out = array::uninitialised({}, dtype);
  visit(dtype, [&]<class U>(TypeTag<U>) {
    if constexpr (std::is_same_v<U, complex64_t>) {
      *out.data<U>() = U{float(value), 0};
    } else if constexpr (std::is_same_v<U, float16_t> || std::is_same_v<U, bfloat16_t>) {
      *out.data<U>() = U(float(value));
    } else {
      *out.data<U>() = U(value);
    }
  });
  return out;
}

}  // namespace

array::array(Ref<Buffer> buffer, Shape shape, Dtype dtype)
    : node_(make_ref<Node>(std::move(shape), dtype)) {
  set_memory(std::move(buffer), row_major_strides(node_->shape), 0);
}
array::array(Ref<Buffer> buffer, Shape shape, Dtype dtype, Strides strides, int64_t offset_bytes)
    : node_(make_ref<Node>(std::move(shape), dtype)) {
  set_memory(std::move(buffer), std::move(strides), offset_bytes);
}

array array::scalar(double value, Dtype dtype) { return make_scalar(value, dtype); }
array array::scalar(int64_t value, Dtype dtype) { return make_scalar(value, dtype); }
array array::scalar(uint64_t value, Dtype dtype) { return make_scalar(value, dtype); }
array array::scalar(complex64_t value) {
  array out = uninitialised({}, complex64);
  *out.data<complex64_t>() = value;
  return out;
}

array array::uninitialised(Shape shape, Dtype dtype) {
  array out(make_ref<Node>(std::move(shape), dtype));
  out.allocate();
  return out;
}

template <class T>
array array::from_values(const std::vector<T>& values, Dtype dtype) {
  array out = uninitialised({int32_t(values.size())}, dtype);
  visit(dtype, [&]<class U>(TypeTag<U>) {
    for (size_t i = 0; i < values.size(); ++i) {
      if constexpr (std::is_same_v<U, complex64_t>) {
        out.data<U>()[i] = U{float(values[i]), 0};
      } else if constexpr (std::is_same_v<U, float16_t> || std::is_same_v<U, bfloat16_t>) {
        out.data<U>()[i] = U(float(values[i]));
      } else {
        out.data<U>()[i] = U(values[i]);
      }
    }
  });
  return out;
}
template array array::from_values(const std::vector<int32_t>&, Dtype);
template array array::from_values(const std::vector<int64_t>&, Dtype);
template array array::from_values(const std::vector<uint32_t>&, Dtype);
template array array::from_values(const std::vector<float>&, Dtype);
template array array::from_values(const std::vector<double>&, Dtype);

int array::shape(int axis) const {
  int a = axis < 0 ? axis + ndim() : axis;
  if (a < 0 || a >= ndim()) index_error("[shape] axis ", axis, " is out of range for ", ndim(), " dimensions.");
  return node_->shape[a];
}

Op& array::op() const { return *node_->call->op; }
const Arrays& array::inputs() const { return node_->call->inputs; }
Stream array::stream() const { return node_->call->stream; }

Arrays array::outputs() const {
  const Call& c = *node_->call;
  if (c.outputs.size() == 1) return {*this};
  Arrays out;
  for (size_t i = 0; i < c.outputs.size(); ++i) {
    array a = c.output(i);
    if (a.is_null()) {
      a = array(make_ref<Node>(c.specs[i].shape, c.specs[i].dtype));
      a.node()->output_index = uint32_t(i);
      a.node()->tracer = node_->tracer;
      a.node()->trace = node_->trace;
      a.node()->call = node_->call;
      std::lock_guard lock(sibling_mutex());
      node_->call->outputs[i] = a.node();
    }
    out.push_back(std::move(a));
  }
  return out;
}

void array::detach() const { node_->call.reset(); }
bool array::is_tracer() const { return node_->tracer && in_tracing(); }
void array::set_tracer(bool on) const { node_->tracer = on; }

void array::eval() const {
  if (!node_->evaluated) mlx_rocm::eval({*this});
}

bool array::dense() const { return node_->row_contiguous || is_dense(shape(), strides()); }

void array::set_memory(Ref<Buffer> buffer, Strides strides, int64_t offset_bytes) const {
  Node& n = *node_;
  n.row_contiguous = is_row_contiguous(n.shape, strides);
  n.buffer = std::move(buffer);
  n.strides = std::move(strides);
  n.offset = offset_bytes;
  n.evaluated = true;
}

void array::allocate() const {
  Node& n = *node_;
  n.buffer = Buffer::allocate(n.size * n.dtype.size());
  n.strides = row_major_strides(n.shape);
  n.offset = 0;
  n.row_contiguous = true;
  n.evaluated = true;
}
void array::allocate(const Strides& dense_strides) const {
  set_memory(Buffer::allocate(nbytes()), dense_strides, 0);
}
void array::share(const array& from) const { set_memory(from.buffer(), from.strides(), from.offset()); }
void array::share(const array& from, Strides strides, int64_t offset_bytes) const {
  set_memory(from.buffer(), std::move(strides), offset_bytes);
}

void reshape_memory(const array& in, const array& out, array (*contiguous)(const array&)) {
  Strides strides;
  if (reshape_strides(in.shape(), in.strides(), out.shape(), &strides)) return out.share(in, strides, in.offset());
  array a = contiguous(in);
  out.share(a, row_major_strides(out.shape()), a.offset());
}

bool array::donatable() const {
  return node_->use_count() == 1 && node_->buffer->use_count() == 1 && !node_->buffer->external() &&
         !node_->buffer->is_exported();
}

template <class T>
T array::item() const {
  if (size() != 1) value_error("[item] item can only be called on arrays of size 1, not shape ", shape(), ".");
  eval();
  return visit(dtype(), [&]<class U>(TypeTag<U>) {
    U v = *data<U>();
    if constexpr (std::is_same_v<T, complex64_t>) {
      if constexpr (std::is_same_v<U, complex64_t>) {
        return v;
      } else {
        return complex64_t{float(v), 0};
      }
    } else if constexpr (std::is_same_v<U, complex64_t>) {
      return T(v.re);
    } else if constexpr (std::is_same_v<U, float16_t> || std::is_same_v<U, bfloat16_t>) {
      return T(float(v));
    } else {
      return T(v);
    }
  });
}
template bool array::item<bool>() const;
template int32_t array::item<int32_t>() const;
template uint32_t array::item<uint32_t>() const;
template int64_t array::item<int64_t>() const;
template uint64_t array::item<uint64_t>() const;
template float array::item<float>() const;
template double array::item<double>() const;
template complex64_t array::item<complex64_t>() const;

Node::~Node() {
  if (call && call->outputs.size() > 1) {
    std::lock_guard lock(sibling_mutex());
    Node*& slot = call->outputs[output_index];
    if (slot == this) slot = nullptr;
  }
}

// A chain of lazy nodes may be a million long: destroy it with a loop, not with recursion.
void Node::destroy(Node* n) {
  // A plain pointer, because arrays in thread-local variables die after thread-local objects made later than they.
  thread_local SmallVector<Node*, 16>* waiting = nullptr;
  if (waiting != nullptr) return waiting->push_back(n);
  SmallVector<Node*, 16> queue;
  waiting = &queue;
  delete n;
  while (!queue.empty()) {
    Node* next = queue.back();
    queue.pop_back();
    delete next;
  }
  waiting = nullptr;
}

Call::Call(Ref<Op> o, Arrays in, Stream s) : op(std::move(o)), inputs(std::move(in)), stream(s) {}
Call::~Call() = default;

array Call::output(size_t i) const {
  std::lock_guard lock(sibling_mutex());
  Node* n = outputs[i];
  if (n == nullptr || !n->try_retain()) return array();
  return array(Ref<Node>::adopt(n));
}

}  // namespace mlx_rocm

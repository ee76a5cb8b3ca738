#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "backend/core/buffer.h"
#include "backend/core/device.h"
#include "backend/core/dtype.h"
#include "backend/core/layout.h"
#include "backend/core/ref.h"

namespace mlx_rocm {

class Op;
class Node;
class Call;
class array;
using Arrays = std::vector<array>;

struct Spec {
  Shape shape;
  Dtype dtype;
};

// A handle to a node of the lazy graph. Copies are cheap and share the node. Until it is evaluated the node knows
// its shape, dtype and the call that will produce it; afterwards it holds a buffer and a strided view into it.
class array {
 public:
  array() = default;
  explicit array(Ref<Node> node) : node_(std::move(node)) {}
  // An evaluated array around memory that is already filled; row-major unless strides are given.
  array(Ref<Buffer> buffer, Shape shape, Dtype dtype);
  array(Ref<Buffer> buffer, Shape shape, Dtype dtype, Strides strides, int64_t offset_bytes);
  // A 0-d constant, converted to `dtype`.
  static array scalar(double value, Dtype dtype);
  static array scalar(int64_t value, Dtype dtype);
  static array scalar(uint64_t value, Dtype dtype);
  static array scalar(complex64_t value);
  static array scalar(bool value, Dtype dtype = bool_) { return scalar(int64_t(value), dtype); }
  static array scalar(float value, Dtype dtype = float32) { return scalar(double(value), dtype); }
  static array scalar(int value, Dtype dtype = int32) { return scalar(int64_t(value), dtype); }
  // An evaluated, row-contiguous array with uninitialised memory.
  static array uninitialised(Shape shape, Dtype dtype);
  // A 1-d array with these values (converted to `dtype`).
  template <class T>
  static array from_values(const std::vector<T>& values, Dtype dtype);

  explicit operator bool() const = delete;
  bool is_null() const { return !node_; }
  Node* node() const { return node_.get(); }
  Node* id() const { return node_.get(); }
  friend bool same(const array& a, const array& b) { return a.node_ == b.node_; }

  // --- what is always known
  const Shape& shape() const;
  int shape(int axis) const;  // negative axes count from the end
  int ndim() const { return int(shape().size()); }
  int64_t size() const;
  Dtype dtype() const;
  size_t itemsize() const { return dtype().size(); }
  size_t nbytes() const { return size() * itemsize(); }
  Spec spec() const { return {shape(), dtype()}; }

  // --- the graph
  bool is_evaluated() const;  // has memory
  bool has_call() const;      // its producer is still attached
  const Ref<Call>& call() const;
  Op& op() const;
  const Arrays& inputs() const;
  Stream stream() const;
  int output_index() const;
  Arrays outputs() const;  // of its call, this one included; ones nobody holds come back as fresh nodes
  void detach() const;     // forgets the producer
  bool is_tracer() const;
  void set_tracer(bool on) const;
  void eval() const;

  // --- memory, for evaluated arrays
  const Strides& strides() const;  // in elements
  int64_t offset() const;          // of the first element from the start of the buffer, in bytes
  const Ref<Buffer>& buffer() const;
  bool row_contiguous() const;
  bool dense() const;  // no gaps, no overlaps, any axis order
  char* bytes() const;
  template <class T>
  T* data() const {
    return reinterpret_cast<T*>(bytes());
  }
  // Value of a 0-d or one-element array, evaluating it.
  template <class T>
  T item() const;

  // --- for ops: give an output its memory
  void allocate() const;                             // fresh and row-contiguous
  void allocate(const Strides& dense_strides) const;  // fresh, with the given dense layout
  void share(const array& from) const;               // same memory and layout
  void share(const array& from, Strides strides, int64_t offset_bytes) const;
  void set_memory(Ref<Buffer> buffer, Strides strides, int64_t offset_bytes) const;
  // Whether an op may overwrite this input: nobody else can see the memory.
  bool donatable() const;

 private:
  Ref<Node> node_;
};

class Node : public RefCounted {
 public:
  Node(Shape s, Dtype d) : shape(std::move(s)), dtype(d), size(num_elements(shape)) {}
  ~Node();
  static void destroy(Node* n);

  const Shape shape;
  const Dtype dtype;
  const int64_t size;
  bool tracer = false;
  std::atomic<bool> evaluated{false};  // set last, with release order: another thread may be looking
  bool row_contiguous = true;
  uint32_t output_index = 0;
  uint32_t trace = 0;  // the compile trace under which it was built
  Ref<Call> call;
  Ref<Buffer> buffer;
  Strides strides;
  int64_t offset = 0;
};

// One application of an op. Its outputs own it; it knows them only weakly, so an output that nobody holds dies.
class Call : public RefCounted {
 public:
  Call(Ref<Op> op, Arrays inputs, Stream stream);
  ~Call();
  static void destroy(Call* c) { delete c; }

  Ref<Op> op;
  Arrays inputs;
  Stream stream;
  std::vector<Spec> specs;        // filled when there are several outputs
  SmallVector<Node*, 2> outputs;  // weak
  uint64_t mark = 0;              // visited stamp of the traversal under way (graph lock held)

  // A strong handle on output i, or a null array when it died.
  array output(size_t i) const;
};

// Gives `out` the memory of `in` under out's shape: a view wherever strides can express it, else of `contiguous(in)`.
void reshape_memory(const array& in, const array& out, array (*contiguous)(const array&));

inline const Shape& array::shape() const { return node_->shape; }
inline int64_t array::size() const { return node_->size; }
inline Dtype array::dtype() const { return node_->dtype; }
inline bool array::is_evaluated() const { return node_->evaluated.load(std::memory_order_acquire); }
inline bool array::has_call() const { return bool(node_->call); }
inline const Ref<Call>& array::call() const { return node_->call; }
inline const Strides& array::strides() const { return node_->strides; }
inline int64_t array::offset() const { return node_->offset; }
inline const Ref<Buffer>& array::buffer() const { return node_->buffer; }
inline bool array::row_contiguous() const { return node_->row_contiguous; }
inline char* array::bytes() const { return static_cast<char*>(node_->buffer->host()) + node_->offset; }
inline int array::output_index() const { return int(node_->output_index); }

}  // namespace mlx_rocm

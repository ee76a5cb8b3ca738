#include <algorithm>

#include "backend/core/error.h"
#include "backend/gpu/blas.h"
#include "backend/gpu/gemm.h"

namespace mlx_rocm::gpu {
namespace detail {

Access access(const Matrix& x, int64_t rows, int64_t k, bool rows_first,
              const std::vector<int64_t>& item_strides) {
  const int64_t row = rows_first ? x.row : x.col, along = rows_first ? x.col : x.row;
  // Elements of one access along an axis of `extent` elements whose other axis has stride `other`.
  auto vector = [&](int64_t stride, int64_t extent, int64_t other, int64_t others) {
    if (stride != 1 && extent > 1) return 1;
    int v = int(16 / x.a.itemsize());
    auto fits = [&](int w) {
      bool ok = extent % w == 0 && x.a.offset() % int64_t(w * x.a.itemsize()) == 0 &&
                (others <= 1 || other % w == 0);
      for (int64_t s : item_strides) ok = ok && s % w == 0;
      return ok;
    };
    while (v > 1 && !fits(v)) v /= 2;
    return v;
  };
  const int along_k = vector(along, k, row, rows), along_rows = vector(row, rows, along, k);
  if (along_k >= along_rows) return {true, along_k};
  return {false, along_rows};
}

Defines gemm_defines(const GemmRoute& r, Dtype dtype, Access a, Access b, int epilogue) {
  return {{"T", dtype},
          {"FMA", int(r.fma)},
          {"BM", r.bm},
          {"BN", r.bn},
          {"WAVES_M", r.waves_m},
          {"WAVES_N", r.waves_n},
          {"A_RUNS", int(a.along_k)},
          {"B_RUNS", int(b.along_k)},
          {"VEC_A", a.vector},
          {"VEC_B", b.vector},
          {"EPILOGUE", epilogue}};
}

Defines gemv_defines(const GemmRoute& r, Dtype dtype, int64_t rows, Access a, int64_t a_col, int epilogue) {
  Defines d = {{"T", dtype}, {"VEC", r.vector}, {"ROWS", rows}, {"EPILOGUE", epilogue}};
  if (r.kernel == GemmKernel::gemv_columns) {
    d.push_back({"LANES", r.lanes});
    return d;
  }
  const bool aligned = a.along_k && a.vector >= r.vector && (r.vector > 1 || a_col == 1);
  d.push_back({"COLUMNS", r.columns});
  d.push_back({"SPLIT", r.split_waves});
  d.push_back({"UNROLL_K", r.unroll});
  d.push_back({"X_RUNS", int(aligned)});
  return d;
}

int64_t gemv_columns_of(const GemmRoute& r) {
  if (r.kernel == GemmKernel::gemv_columns) return int64_t(r.lanes) * r.vector;
  return int64_t(256 / target().wave / r.split_waves) * r.columns;
}

}  // namespace detail

namespace {

using detail::Matrix;

constexpr uint64_t kMostThreads = (uint64_t(1) << 32) - 1;

// A product with its batch merged. Axes of strides: a, b, c, out.
struct Product {
  Dtype dtype;
  int64_t m, n, k;
  float alpha, beta;
  Matrix a, b, c;
  array out;
  int64_t out_row, out_col;
  Shape batch;
  Strides strides[4];

  int64_t count() const { return num_elements(batch); }
  bool has_addend() const { return !c.a.is_null(); }
};

std::vector<int64_t> item_strides(const Product& p, int operand) {
  return {p.strides[operand].begin(), p.strides[operand].end()};
}

// Items of the batch become rows of one product where b does not change between them: x of shape (batch, 1,
// k) times one matrix must read it once.
void fold_batch(Product& p) {
  while (!p.batch.empty()) {
    const size_t last = p.batch.size() - 1;
    const int64_t count = p.batch[last];
    auto row_of = [&](int operand, int64_t row) { return p.m == 1 ? p.strides[operand][last] : row; };
    auto stacks = [&](int operand, int64_t row) { return p.m == 1 || p.strides[operand][last] == p.m * row; };
    if (p.strides[1][last] != 0 || count * p.m > INT32_MAX || !stacks(0, p.a.row) || !stacks(3, p.out_row))
      return;
    if (p.has_addend() && !stacks(2, p.c.row)) return;
    p.a.row = row_of(0, p.a.row);
    p.c.row = row_of(2, p.c.row);
    p.out_row = row_of(3, p.out_row);
    p.m *= count;
    p.batch.pop_back();
    for (Strides& s : p.strides) s.pop_back();
  }
}

void swap_operands(Product& p) {
  std::swap(p.m, p.n);
  std::swap(p.a, p.b);
  std::swap(p.strides[0], p.strides[1]);
  std::swap(p.a.row, p.a.col);
  std::swap(p.b.row, p.b.col);
  std::swap(p.c.row, p.c.col);
  std::swap(p.out_row, p.out_col);
}

GemmArgs arguments(const Product& p, const GemmRoute& r) {
  GemmArgs g{};
  g.m = int(p.m);
  g.n = int(p.n);
  g.k = int(p.k);
  g.batch = int(p.count());
  // Parts are multiples of every kernel's step, so that accesses stay aligned.
  const int64_t part = (p.k + r.splits - 1) / r.splits;
  g.k_split = r.splits == 1 ? int(std::max<int64_t>(p.k, 1)) : int((part + 63) / 64 * 64);
  g.alpha = p.alpha;
  g.beta = p.beta;
  g.a_row = p.a.row;
  g.a_col = p.a.col;
  g.b_row = p.b.row;
  g.b_col = p.b.col;
  g.c_row = p.c.row;
  g.c_col = p.c.col;
  g.out_row = p.out_row;
  g.out_col = p.out_col;
  g.out_item = p.m * p.n;
  detail::fill_items(&g.items, p.batch, p.strides);
  return g;
}

// Launches over all items, in several launches where there are more workgroups than one may have.
void launch_items(const Kernel& k, GemmArgs g, int64_t tiles, int parts, uint32_t threads, const Product& p,
                  const array& out) {
  const int64_t most = std::max<int64_t>(int64_t(kMostThreads / threads) / tiles, 1);
  g.tiles = int(tiles);
  for (int64_t first = 0; first < g.batch; first += most) {
    g.first_item = int(first);
    const int64_t items = std::min<int64_t>(most, g.batch - first);
    launch(k, Grid(uint64_t(tiles * items), uint64_t(parts)), threads, in(p.a.a), in(p.b.a), in(p.c.a),
           gpu::out(out), g);
  }
}

int64_t tiles_of(int64_t size, int64_t tile) { return (size + tile - 1) / tile; }

void run(const Product& p, const GemmRoute& r, Access a, Access b) {
  GemmArgs g = arguments(p, r);
  const int parts = int(std::max<int64_t>(tiles_of(p.k, g.k_split), 1));
  const int addend = p.has_addend() ? 1 : 0, epilogue = parts > 1 ? 2 : addend;
  const Dtype sums = is_complex(p.dtype) ? complex64 : float32;
  array out = p.out;
  GemmArgs direct = g;
  if (parts > 1) {
    out = temporary(Shape{parts, int(g.batch), int(p.m), int(p.n)}, sums);
    direct.out_row = p.n;
    direct.out_col = 1;
  }
  const bool tiled = r.kernel == GemmKernel::gemm;
  Defines defines = tiled ? detail::gemm_defines(r, p.dtype, a, b, epilogue)
                          : detail::gemv_defines(r, p.dtype, p.m, a, p.a.col, epilogue);
  defines.push_back({"BATCHED", int(g.batch > 1)});
  const Kernel& k = kernel(tiled ? "gemm.hip" : "gemv.hip", name_of(r.kernel), std::move(defines));
  const int64_t tiles =
      tiled ? tiles_of(p.m, r.bm) * tiles_of(p.n, r.bn) : tiles_of(p.n, detail::gemv_columns_of(r));
  const int threads = tiled ? r.waves_m * r.waves_n * target().wave : 256;
  launch_items(k, direct, tiles, parts, uint32_t(threads), p, out);
  if (parts > 1) {
    const Kernel& sum =
        kernel("gemm_sum.hip", "sum_splits", {{"T", p.dtype}, {"ACC", sums}, {"EPILOGUE", addend}});
    launch(sum, cover(p.out.size(), 256), 256, in(out), in(p.c.a), gpu::out(p.out), g, parts);
  }
}

void run_ours(Product p, GemmProblem problem, const GemmRoute& r) {
  if (r.swapped) {
    swap_operands(p);
    std::swap(problem.a, problem.b);
  }
  run(p, r, problem.a, problem.b);
}

// The BLAS call for a product, if it has the form that BLAS takes.
bool blas_form(const Product& p, BlasGemm* to) {
  if (p.batch.size() > 1 || p.out_col != 1 || p.k == 0) return false;
  auto plain = [&](const Matrix& x, int64_t rows, int64_t cols, BlasMatrix* m, int64_t item) {
    const bool row_major = x.col == 1 && x.row >= cols, col_major = x.row == 1 && x.col >= rows;
    if (!row_major && !col_major) return false;
    *m = {row_major ? x.row : x.col, !row_major, item};
    return item >= 0 && x.a.offset() % 16 == 0;
  };
  const bool batched = !p.batch.empty();
  to->dtype = p.dtype;
  to->m = p.m;
  to->n = p.n;
  to->k = p.k;
  to->batch = p.count();
  if (!plain(p.a, p.m, p.k, &to->a, batched ? p.strides[0][0] : 0)) return false;
  if (!plain(p.b, p.k, p.n, &to->b, batched ? p.strides[1][0] : 0)) return false;
  to->out = {p.out_row, false, batched ? p.strides[3][0] : 0};
  return true;
}

bool run_blas(const Product& p, BlasGemm g, const array& addend_view, const std::function<void()>& ours) {
  // C is out itself: the addend goes there first.
  g.alpha = p.alpha;
  g.beta = p.has_addend() ? p.beta : 0.0f;
  if (p.has_addend()) copy(addend_view, p.out);
  return blas_gemm(g, p.a.a, p.b.a, p.out, ours);
}

// Matrices of which neither axis is contiguous are read element by element: a large product copies them
// first.
array readable(const array& x) {
  const int64_t row = x.strides()[x.ndim() - 2], col = x.strides().back();
  return row == 1 || col == 1 || x.shape(-1) == 1 || x.shape(-2) == 1 ? x : contiguous(x);
}
constexpr int64_t kCopyWork = 1 << 22;  // m * n * k from which it pays

array broadcast_view(const array& x, const Shape& shape) {
  return array(x.buffer(), shape, x.dtype(), broadcast_strides(x.shape(), x.strides(), shape), x.offset());
}

// The sub-array at index i of the first axis.
array item_of(const array& x, int i) {
  const int64_t offset = x.offset() + i * x.strides()[0] * int64_t(x.itemsize());
  return array(x.buffer(), Shape(x.shape().begin() + 1, x.shape().end()), x.dtype(),
               Strides(x.strides().begin() + 1, x.strides().end()), offset);
}

}  // namespace

void matmul(const array& a, const array& b, const array* c, float alpha, float beta, const array& out) {
  if (out.size() == 0) return;
  if (out.size() * a.shape(-1) >= kCopyWork) {
    const array x = readable(a), y = readable(b);
    if (!same(x, a) || !same(y, b)) return matmul(x, y, c, alpha, beta, out);
  }
  const int rank = out.ndim();
  const Shape batch(out.shape().begin(), out.shape().end() - 2);
  auto with_batch = [&](const array& x) {
    Shape shape = batch;
    shape.push_back(x.shape(-2));
    shape.push_back(x.shape(-1));
    return broadcast_view(x, shape);
  };
  const array x = with_batch(a), y = with_batch(b), z = c ? broadcast_view(*c, out.shape()) : array();
  Product p{out.dtype(), out.shape(-2), out.shape(-1), a.shape(-1), alpha, beta, {}, {}, {}, out, 0, 1, batch,
            {}};
  p.a = {x, x.strides()[rank - 2], x.strides()[rank - 1]};
  p.b = {y, y.strides()[rank - 2], y.strides()[rank - 1]};
  if (c) p.c = {z, z.strides()[rank - 2], z.strides()[rank - 1]};
  p.out_row = p.n;
  auto batch_part = [&](const array& v) { return Strides(v.strides().begin(), v.strides().end() - 2); };
  const Strides none(batch.size(), 0);
  Strides strides[4] = {batch_part(x), batch_part(y), c ? batch_part(z) : none, batch_part(out)};
  collapse(p.batch, strides);
  std::copy(std::begin(strides), std::end(strides), p.strides);
  if (num_elements(p.batch) == 1) {
    p.batch.clear();
    for (Strides& s : p.strides) s.clear();
  }
  fold_batch(p);
  if (p.batch.size() > size_t(GEMM_DIMS)) {  // rare: one launch an item of the first axis
    for (int i = 0; i < batch[0]; ++i) {
      const array addend = c ? item_of(z, i) : array();
      matmul(item_of(x, i), item_of(y, i), c ? &addend : nullptr, alpha, beta, item_of(out, i));
    }
    return;
  }
  BlasGemm blas{};
  const bool form = blas_form(p, &blas);
  GemmProblem problem{p.dtype, p.m, p.n, p.k, p.count(), {}, {}, form};
  problem.a = detail::access(p.a, p.m, p.k, true, item_strides(p, 0));
  problem.b = detail::access(p.b, p.n, p.k, false, item_strides(p, 1));
  GemmRoute r = gemm_route(problem, target(), compute_units(), form && blas_available());
  if (r.kernel == GemmKernel::blas) {
    r = gemm_route(problem, target(), compute_units(), false);
    if (run_blas(p, blas, z, [&] { run_ours(p, problem, r); })) return;
  }
  run_ours(std::move(p), problem, r);
}

}  // namespace mlx_rocm::gpu

#include "backend/cpu/fft.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "backend/cpu/fft_plan.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/scratch.h"

namespace mlx_rocm::cpu {
namespace {

constexpr int64_t kLaneElements = int64_t{1} << 18;      // side-by-side transforms stay below this, to keep in L2/L3
constexpr int64_t kThreadedLength = int64_t{1} << 15;    // a single transform from here on is worth threads
constexpr int kMaxLanes = 16;

// Where the lines (transforms) start on both sides.
struct Lines {
  Shape shape;
  Strides in, out;
  int64_t count;

  explicit Lines(const FftArgs& args) : shape(args.shape), in(args.in_strides), out(args.out_strides) {
    shape.erase(shape.begin() + args.axis);
    in.erase(in.begin() + args.axis);
    out.erase(out.begin() + args.axis);
    count = num_elements(shape);
  }
};

// One group of `lanes` transforms; lanes beyond `used` repeat the first and are not stored.
struct Group {
  int64_t in[kMaxLanes], out[kMaxLanes];
  int used;
  bool in_adjacent, out_adjacent;  // neighbouring lanes are neighbours in memory
};

bool adjacent(const int64_t* at, int lanes) {
  for (int l = 1; l < lanes; ++l) {
    if (at[l] != at[0] + l) return false;
  }
  return true;
}

class Transform {
 public:
  explicit Transform(const FftArgs& args)
      : args_(args),
        lines_(args),
        in_stride_(args.in_strides[args.axis]),
        out_stride_(args.out_strides[args.axis]),
        packed_(args.kind != FftKind::complex_to_complex && args.n % 2 == 0),
        length_(packed_ ? args.n / 2 : args.n) {
    const int width = fft_table().width;
    const bool across = length_ % (width * width) == 0;
    const bool unit = in_stride_ == 1 && out_stride_ == 1;
    const bool enough = lines_.count * 4 >= width && length_ * width <= kLaneElements;
    lanes_ = enough && !(unit && across) ? width : 1;
    plan_ = fft_plan(length_, lanes_ == 1, packed_);
  }

  void run(const void* in, void* out) {
    const int64_t groups = (lines_.count + lanes_ - 1) / lanes_;
    threaded_ = groups < num_threads() && length_ * lanes_ >= kThreadedLength;
    if (threaded_) return run_groups(0, groups, in, out);
    const double nanoseconds = 0.3 * double(lanes_) * double(length_) * (4 + std::log2(double(length_)));
    parallel_for(groups, std::max<int64_t>(1, int64_t(20000 / nanoseconds)),
                 [&](int64_t begin, int64_t end) { run_groups(begin, end, in, out); });
  }

 private:
  void run_groups(int64_t begin, int64_t end, const void* in, void* out) {
    const int64_t room = (std::max(plan_->work_length(), length_ + 1) * lanes_ + 15) / 16 * 16;
    float* memory = scratch_of<float>(ScratchUse::transform, 4 * room);
    const Split x = {memory, memory + room}, y = {memory + 2 * room, memory + 3 * room};
    Walker in_at(lines_.shape, lines_.in, begin * lanes_), out_at(lines_.shape, lines_.out, begin * lanes_);
    for (int64_t g = begin; g < end; ++g) {
      Group group;
      group.used = int(std::min<int64_t>(lanes_, lines_.count - g * lanes_));
      for (int l = 0; l < lanes_; ++l) {
        group.in[l] = l < group.used ? in_at.offset() : group.in[0];
        group.out[l] = l < group.used ? out_at.offset() : group.out[0];
        if (l < group.used) in_at.next(), out_at.next();
      }
      group.in_adjacent = adjacent(group.in, lanes_);
      group.out_adjacent = adjacent(group.out, lanes_);
      run_group(group, in, out, x, y);
    }
  }

  void run_group(const Group& group, const void* in, void* out, Split x, Split y) {
    const auto* in_f = static_cast<const float*>(in);
    auto* out_f = static_cast<float*>(out);
    switch (args_.kind) {
      case FftKind::complex_to_complex: {
        load_complex(group, in_f, length_, x);
        const Split result = args_.inverse ? inverse(x, y) : forward(x, y);
        return store_complex(group, result, length_, out_f);
      }
      case FftKind::real_to_complex: {
        if (!packed_) {
          load_real(group, in_f, x);
          return store_complex(group, forward(x, y), args_.n / 2 + 1, out_f);
        }
        load_real_pairs(group, in_f, x);
        const Split result = forward(x, y);
        const Split spectrum = result.re == x.re ? y : x;
        fft_table().real_spectrum(result, plan_->root_re.data(), plan_->root_im.data(), length_, lanes_, spectrum);
        return store_complex(group, spectrum, length_ + 1, out_f);
      }
      case FftKind::complex_to_real: {
        if (!packed_) {
          load_complex(group, in_f, args_.n / 2 + 1, x);
          mirror(x);
          return store_real(group, inverse(x, y), out_f);
        }
        load_complex(group, in_f, length_ + 1, y);
        fft_table().real_fold(y, plan_->root_re.data(), plan_->root_im.data(), length_, lanes_, x);
        return store_real_pairs(group, inverse(x, y), out_f);
      }
    }
  }

  Split forward(Split x, Split y) const { return run_fft(*plan_, lanes_, x, y, threaded_); }
  // With real and imaginary parts exchanged on both sides a forward transform runs backwards.
  Split inverse(Split x, Split y) const { return forward(x.swapped(), y.swapped()).swapped(); }

  // Calls fn(begin, end) on ranges of [0, count), over the threads where this transform has them to itself.
  template <class F>
  void ranges(int64_t count, F&& fn) const {
    if (threaded_) parallel_for(count, 1 << 14, fn);
    else fn(int64_t(0), count);
  }

  // Contiguous rows, one per lane, whose starts are counted in units of `unit` floats.
  void load_rows(const Group& group, const float* in, int64_t unit, int64_t count, Split x) const {
    const float* rows[kMaxLanes];
    for (int l = 0; l < lanes_; ++l) rows[l] = in + unit * group.in[l];
    fft_table().split_rows(rows, count, x);
  }
  void store_rows(const Group& group, Split x, int64_t unit, int64_t count, float* out) const {
    float* rows[kMaxLanes];
    for (int l = 0; l < lanes_; ++l) rows[l] = out + unit * group.out[l];
    fft_table().join_rows(x, count, args_.scale, rows, group.used);
  }

  void load_complex(const Group& group, const float* in, int64_t count, Split x) const {
    const FftTable& table = fft_table();
    if (lanes_ > 1 && in_stride_ == 1) return load_rows(group, in, 2, count, x);
    ranges(count, [&](int64_t begin, int64_t end) {
      if (lanes_ == 1 && in_stride_ == 1) {
        table.split(in + 2 * (group.in[0] + begin), end - begin, {x.re + begin, x.im + begin});
      } else if (group.in_adjacent) {
        for (int64_t j = begin; j < end; ++j) {
          table.split(in + 2 * (group.in[0] + j * in_stride_), lanes_, {x.re + j * lanes_, x.im + j * lanes_});
        }
      } else {
        for (int64_t j = begin; j < end; ++j) {
          for (int l = 0; l < lanes_; ++l) {
            const float* from = in + 2 * (group.in[l] + j * in_stride_);
            x.re[j * lanes_ + l] = from[0];
            x.im[j * lanes_ + l] = from[1];
          }
        }
      }
    });
  }

  void store_complex(const Group& group, Split x, int64_t count, float* out) const {
    const FftTable& table = fft_table();
    if (lanes_ > 1 && out_stride_ == 1) return store_rows(group, x, 2, count, out);
    ranges(count, [&](int64_t begin, int64_t end) {
      if (lanes_ == 1 && out_stride_ == 1) {
        table.join({x.re + begin, x.im + begin}, end - begin, args_.scale, out + 2 * (group.out[0] + begin));
      } else if (group.out_adjacent) {
        for (int64_t j = begin; j < end; ++j) {
          table.join({x.re + j * lanes_, x.im + j * lanes_}, group.used, args_.scale,
                     out + 2 * (group.out[0] + j * out_stride_));
        }
      } else {
        for (int64_t j = begin; j < end; ++j) {
          for (int l = 0; l < group.used; ++l) {
            float* to = out + 2 * (group.out[l] + j * out_stride_);
            to[0] = x.re[j * lanes_ + l] * args_.scale;
            to[1] = x.im[j * lanes_ + l] * args_.scale;
          }
        }
      }
    });
  }

  void load_real(const Group& group, const float* in, Split x) const {
    for (int64_t j = 0; j < length_; ++j) {
      for (int l = 0; l < lanes_; ++l) {
        x.re[j * lanes_ + l] = in[group.in[l] + j * in_stride_];
        x.im[j * lanes_ + l] = 0.0f;
      }
    }
  }

  // x[j] = in[2j] + i in[2j + 1]
  void load_real_pairs(const Group& group, const float* in, Split x) const {
    if (lanes_ > 1 && in_stride_ == 1) return load_rows(group, in, 1, length_, x);
    ranges(length_, [&](int64_t begin, int64_t end) {
      if (lanes_ == 1 && in_stride_ == 1) {
        fft_table().split(in + group.in[0] + 2 * begin, end - begin, {x.re + begin, x.im + begin});
        return;
      }
      for (int64_t j = begin; j < end; ++j) {
        for (int l = 0; l < lanes_; ++l) {
          const float* from = in + group.in[l] + 2 * j * in_stride_;
          x.re[j * lanes_ + l] = from[0];
          x.im[j * lanes_ + l] = from[in_stride_];
        }
      }
    });
  }

  void store_real(const Group& group, Split x, float* out) const {
    for (int64_t j = 0; j < length_; ++j) {
      for (int l = 0; l < group.used; ++l) {
        out[group.out[l] + j * out_stride_] = x.re[j * lanes_ + l] * args_.scale;
      }
    }
  }

  void store_real_pairs(const Group& group, Split x, float* out) const {
    if (lanes_ > 1 && out_stride_ == 1) return store_rows(group, x, 1, length_, out);
    ranges(length_, [&](int64_t begin, int64_t end) {
      if (lanes_ == 1 && out_stride_ == 1) {
        fft_table().join({x.re + begin, x.im + begin}, end - begin, args_.scale, out + group.out[0] + 2 * begin);
        return;
      }
      for (int64_t j = begin; j < end; ++j) {
        for (int l = 0; l < group.used; ++l) {
          float* to = out + group.out[l] + 2 * j * out_stride_;
          to[0] = x.re[j * lanes_ + l] * args_.scale;
          to[out_stride_] = x.im[j * lanes_ + l] * args_.scale;
        }
      }
    });
  }

  // The missing half of a Hermitian spectrum of odd length; the imaginary part of X[0] does not take part.
  void mirror(Split x) const {
    std::memset(x.im, 0, sizeof(float) * lanes_);
    for (int64_t k = length_ / 2 + 1; k < length_; ++k) {
      for (int l = 0; l < lanes_; ++l) {
        x.re[k * lanes_ + l] = x.re[(length_ - k) * lanes_ + l];
        x.im[k * lanes_ + l] = -x.im[(length_ - k) * lanes_ + l];
      }
    }
  }

  const FftArgs& args_;
  Lines lines_;
  int64_t in_stride_, out_stride_;
  bool packed_;     // a real transform as a complex one of half the length
  int64_t length_;  // of the complex transform
  int lanes_ = 1;
  bool threaded_ = false;
  std::shared_ptr<const FftPlan> plan_;
};

}  // namespace

void fft(const FftArgs& args, const void* in, void* out) {
  Transform(args).run(in, out);
}

}  // namespace mlx_rocm::cpu

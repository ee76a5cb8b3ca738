// Random numbers from Threefry keys; the same keys give the same numbers as in MLX.
#pragma once

#include <cstdint>
#include <optional>

#include "backend/core/array.h"

namespace mlx_rocm::random {

// A key: two uint32 words.
array key(uint64_t seed);

// This thread's key, from which functions draw that are given none. Drawing splits it; it starts from the
// time of day.
array state();
void set_state(const array& key);
void forget_state();
array next_key();

// Uniform bits: uint32, uint16 or uint8 for a width of 4, 2 or 1 bytes. The key has shape (2).
array bits(const Shape& shape, int width, const array& key, const StreamOrDevice& s = {});
// `count` new keys, shape (count, 2).
array split(const array& key, int count, const StreamOrDevice& s = {});

array uniform(const array& low, const array& high, const Shape& shape, Dtype dtype, const array& key,
              const StreamOrDevice& s = {});
// loc and scale may be null arrays, which stand for 0 and 1.
array normal(const Shape& shape, Dtype dtype, const array& loc, const array& scale, const array& key,
             const StreamOrDevice& s = {});
array multivariate_normal(const array& mean, const array& cov, const Shape& shape, Dtype dtype, const array& key,
                          const StreamOrDevice& s = {});
array randint(const array& low, const array& high, const Shape& shape, Dtype dtype, const array& key,
              const StreamOrDevice& s = {});
array bernoulli(const array& p, const Shape& shape, const array& key, const StreamOrDevice& s = {});
array truncated_normal(const array& lower, const array& upper, const Shape& shape, Dtype dtype, const array& key,
                       const StreamOrDevice& s = {});
array gumbel(const Shape& shape, Dtype dtype, const array& key, const StreamOrDevice& s = {});
array laplace(const Shape& shape, Dtype dtype, float loc, float scale, const array& key,
              const StreamOrDevice& s = {});
// Indices (uint32) drawn from the distributions softmax(logits) along the axis: one per distribution,
// num_samples per distribution (a new last axis), or broadcast to a shape.
array categorical(const array& logits, int axis, const array& key, const StreamOrDevice& s = {});
array categorical(const array& logits, int axis, int num_samples, const array& key, const StreamOrDevice& s = {});
array categorical(const array& logits, int axis, const Shape& shape, const array& key, const StreamOrDevice& s = {});
array permutation(int n, const array& key, const StreamOrDevice& s = {});
array permutation(const array& a, int axis, const array& key, const StreamOrDevice& s = {});

}  // namespace mlx_rocm::random

#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "backend/core/dtype.h"
#include "backend/core/error.h"
#include "backend/core/small_vector.h"

namespace mlx_rocm {

// Little-endian binary form of op parameters: what export writes and import reads.
class Writer {
 public:
  std::string bytes;

  template <class T>
  void operator()(const T& v) {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_same_v<T, Dtype>) {
      bytes.append(reinterpret_cast<const char*>(&v), sizeof(T));
    } else {
      put(v);
    }
  }

 private:
  void put(const std::string& s) {
    (*this)(uint64_t(s.size()));
    bytes += s;
  }
  template <class T>
  void put_all(const T& v) {
    (*this)(uint64_t(v.size()));
    for (const auto& x : v) (*this)(x);
  }
  template <class T>
  void put(const std::vector<T>& v) {
    put_all(v);
  }
  void put(const std::vector<bool>& v) {
    (*this)(uint64_t(v.size()));
    for (bool x : v) (*this)(x);
  }
  template <class T, size_t N>
  void put(const SmallVector<T, N>& v) {
    put_all(v);
  }
  template <class T>
  void put(const std::optional<T>& v) {
    (*this)(v.has_value());
    if (v) (*this)(*v);
  }
  template <class... T>
  void put(const std::tuple<T...>& t) {
    std::apply([&](const auto&... x) { ((*this)(x), ...); }, t);
  }
  template <class A, class B>
  void put(const std::pair<A, B>& p) {
    (*this)(p.first);
    (*this)(p.second);
  }
};

class Reader {
 public:
  Reader(const char* data, size_t size, std::string what) : p_(data), end_(data + size), what_(std::move(what)) {}

  template <class T>
  void operator()(T& v) {
    if constexpr (std::is_same_v<T, bool>) {
      v = *take(1) != 0;
    } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
      std::memcpy(&v, take(sizeof(T)), sizeof(T));
    } else if constexpr (std::is_same_v<T, Dtype>) {
      uint8_t raw;
      (*this)(raw);
      if (raw >= Dtype::count) corrupt("unknown dtype");
      v = Dtype::Val(raw);
    } else {
      get(v);
    }
  }
  template <class T>
  T read() {
    T v{};
    (*this)(v);
    return v;
  }
  const char* take(size_t n) {
    if (size_t(end_ - p_) < n) corrupt("it ends early");
    return std::exchange(p_, p_ + n);
  }
  bool done() const { return p_ == end_; }
  [[noreturn]] void corrupt(const char* why) const { runtime_error("[", what_, "] The data is corrupt: ", why, "."); }

 private:
  uint64_t count(size_t item) {
    uint64_t n = read<uint64_t>();
    if (item > 0 && n > size_t(end_ - p_) / item) corrupt("a length exceeds what is left");
    return n;
  }
  void get(std::string& s) {
    uint64_t n = count(1);
    s.assign(take(n), n);
  }
  template <class T>
  void get(std::vector<T>& v) {
    v.resize(count(1));
    for (size_t i = 0; i < v.size(); ++i) v[i] = read<T>();
  }
  template <class T, size_t N>
  void get(SmallVector<T, N>& v) {
    v.resize(count(sizeof(T)));
    for (auto& x : v) (*this)(x);
  }
  template <class T>
  void get(std::optional<T>& v) {
    if (read<bool>()) {
      v = read<T>();
    } else {
      v.reset();
    }
  }
  template <class A, class B>
  void get(std::pair<A, B>& p) {
    (*this)(p.first);
    (*this)(p.second);
  }

  const char* p_;
  const char* end_;
  std::string what_;
};

}  // namespace mlx_rocm

#include "backend/core/fft_radices.h"

namespace mlx_rocm {

std::vector<int> fft_radices(int64_t n) {
  std::vector<int> radices;
  for (int prime : {13, 11, 7, 5, 3}) {
    for (; n % prime == 0; n /= prime) radices.push_back(prime);
  }
  int twos = 0;
  for (; n % 2 == 0; n /= 2) ++twos;
  if (n != 1) return {};
  // 4 * 4 is cheaper than 8 * 2.
  for (; twos >= 5 || twos == 3; twos -= 3) radices.push_back(8);
  for (; twos >= 2; twos -= 2) radices.push_back(4);
  if (twos == 1) radices.push_back(2);
  return radices;
}

}  // namespace mlx_rocm

"""The cases, one module per family of operations. Importing this package registers all of them."""

from . import attention, conv, elementwise, fused, linalg, matmul, overhead, quantized, random, reduce, train

for family in (
    matmul,
    quantized,
    elementwise,
    fused,
    reduce,
    attention,
    conv,
    random,
    overhead,
    train,
    linalg,
):
    family.register()

"""Kernels that users write: mx.fast.hip_kernel, and cuda_kernel which it serves."""

import numpy as np
import pytest

pytestmark = pytest.mark.gpu_only

MAKERS = ("hip_kernel", "cuda_kernel")
RANK = "auto elem = cooperative_groups::this_grid().thread_rank();"


@pytest.fixture(params=MAKERS)
def make(mx, request):
    return getattr(mx.fast, request.param)


def launch(kernel, n, inputs, shapes, dtypes, threads=256, **options):
    return kernel(
        inputs=inputs,
        grid=(n, 1, 1),
        threadgroup=(threads, 1, 1),
        output_shapes=shapes,
        output_dtypes=dtypes,
        **options,
    )


def test_basic(mx, make):
    a = mx.array(np.random.randn(2, 2).astype(np.float32))
    kernel = make("basic", ["a"], ["out"], f"{RANK} out[elem] = a[elem];")
    (out,) = launch(kernel, 4, [a], [(2, 2)], [mx.float32], threads=2, stream=mx.gpu)
    assert np.array_equal(np.array(out), np.array(a))


def test_arguments_of_every_kind(mx, make):
    """Arrays of several types, a Python number, template constants, several outputs."""
    source = f"""
        {RANK}
        T tmp = a[0];
        if (e) {{
            out1[elem] = a[1] + b[2] + static_cast<float>(c[3]) + d[0] + f;
        }} else {{
            out1[elem] = 1;
        }}
        out2[elem] = static_cast<int>(a[1] + b[2] + c[1] - d[0]) + (int)tmp;
    """
    a = mx.array(np.array([2.5, 1.5, 3], np.float32))
    b, c = mx.array([3, 4, 5]), mx.array(np.arange(4, dtype=np.float16).reshape(2, 2))
    kernel = make("args", ["a", "b", "c", "d"], ["out1", "out2"], source)
    one, two = launch(
        kernel,
        6,
        [a, b, c, 7.25],
        [(3, 2), (3, 2)],
        [mx.float32, mx.int32],
        template=[("e", True), ("f", 3), ("T", mx.float16)],
    )
    assert np.array_equal(np.array(one), np.full((3, 2), 1.5 + 5 + 3 + 7.25 + 3, np.float32))
    assert np.array_equal(np.array(two), np.full((3, 2), int(1.5 + 5 + 1 - 7.25) + 2))


def test_strides(mx, make):
    by_layout = f"""
        {RANK}
        auto loc = elem_to_loc(elem, inp_shape.data(), inp_strides.data(), inp_ndim);
        T tmp = inp[loc];
        out[elem] = exp(tmp) / WARP_SIZE;
    """
    plain = f"{RANK} T tmp = inp[elem]; out[elem] = exp(tmp) / WARP_SIZE;"
    x = np.random.randn(3, 6).astype(np.float32)
    for contiguous, source in ((False, by_layout), (True, plain)):
        kernel = make("strides", ["inp"], ["out"], source, ensure_row_contiguous=contiguous)
        a = mx.array(x).T
        (out,) = launch(kernel, 18, [a], [a.shape], [mx.float32], template=[("T", mx.float32)])
        ratio = np.array(out) / np.exp(x.T)
        assert np.allclose(ratio, ratio[0, 0], rtol=1e-5)
        assert np.allclose(1 / ratio[0, 0], 32) or np.allclose(1 / ratio[0, 0], 64)


def test_header_and_shared_memory(mx, make):
    header = "template <typename T> __device__ T twice(T x) { return x + x; }"
    source = """
        extern __shared__ float tile[];
        tile[threadIdx.x] = a[blockIdx.x * blockDim.x + threadIdx.x];
        __syncthreads();
        out[blockIdx.x * blockDim.x + threadIdx.x] = twice(tile[blockDim.x - 1 - threadIdx.x]);
    """
    x = np.arange(128, dtype=np.float32)
    kernel = make("shared", ["a"], ["out"], source, header=header, shared_memory=64 * 4)
    (out,) = launch(kernel, 128, [mx.array(x)], [(128,)], [mx.float32], threads=64)
    assert np.array_equal(np.array(out), 2 * x.reshape(2, 64)[:, ::-1].reshape(-1))


def test_grid_of_three_dimensions(mx, make):
    source = """
        int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
        int z = blockIdx.z * blockDim.z + threadIdx.z;
        if (x < 5 && y < 3 && z < 4) out[(z * 3 + y) * 5 + x] = x + 10 * y + 100 * z;
    """
    kernel = make("three", [], ["out"], source)
    (out,) = kernel(
        inputs=[], grid=(5, 3, 4), threadgroup=(4, 2, 3), output_shapes=[(4, 3, 5)], output_dtypes=[mx.int32]
    )
    z, y, x = np.indices((4, 3, 5))
    assert np.array_equal(np.array(out), x + 10 * y + 100 * z)


@pytest.mark.parametrize("dtype", ["float32", "int32", "float16", "bfloat16"])
def test_atomics_and_init_value(mx, make, dtype):
    source = f"{RANK} atomicAdd(&out[elem % 2], a[elem]);"
    a = mx.array(np.arange(20)).astype(getattr(mx, dtype))
    kernel = make("atomics", ["a"], ["out"], source)
    (out,) = launch(kernel, 20, [a], [(2,)], [a.dtype], init_value=2)
    assert np.array(out.astype(mx.float32)).tolist() == [92, 102]


def test_lanes(mx, make):
    source = f"""
        {RANK}
        float x = a[elem];
        for (int i = 16; i > 0; i /= 2) x += __shfl_down_sync(0xffffffff, x, i, 32);
        if (elem % 32 == 0) out[elem / 32] = x;
    """
    x = np.arange(64, dtype=np.float32)
    (out,) = launch(
        make("lanes", ["a"], ["out"], source), 64, [mx.array(x)], [(2,)], [mx.float32], threads=64
    )
    assert np.array_equal(np.array(out), x.reshape(2, 32).sum(1))


def test_two_kernels_of_one_name(mx, make):
    results = []
    for number in (1, 2):
        kernel = make("same", [], ["out"], f"out[0] = {number};")
        results += launch(kernel, 1, [], [(1,)], [mx.int32])
    assert [each.item() for each in results] == [1, 2]


def test_verbose_prints_the_source(mx, make, capsys):
    kernel = make("loud", ["a"], ["out"], "out[0] = a[0] + N;")
    (out,) = launch(kernel, 1, [mx.array(1)], [(1,)], [mx.int32], template=[("N", 3)], verbose=True)
    assert out.item() == 4
    text = capsys.readouterr().out
    assert "loud" in text and "const int32_t* a" in text and "constexpr int N = 3;" in text


def test_errors(mx, make):
    kernel = make("wrong", ["a"], ["out"], "out[0] = nonsense;")
    with pytest.raises(RuntimeError, match=r"(?s)custom_kernel.*nonsense"):
        mx.eval(launch(kernel, 1, [mx.array(1)], [(1,)], [mx.int32]))
    good = make("good", ["a"], ["out"], "out[0] = a[0];")
    with pytest.raises(ValueError, match="1 inputs, but 2"):
        launch(good, 1, [mx.array(1), mx.array(2)], [(1,)], [mx.int32])
    with pytest.raises(ValueError, match="1 outputs, but 2 shapes"):
        launch(good, 1, [mx.array(1)], [(1,), (1,)], [mx.int32, mx.int32])
    with pytest.raises(ValueError, match="2048 threads"):
        launch(good, 2048, [mx.array(1)], [(1,)], [mx.int32], threads=2048)
    with pytest.raises(ValueError, match="Only supports the GPU"):
        launch(good, 1, [mx.array(1)], [(1,)], [mx.int32], stream=mx.cpu)


def test_in_compiled_function(mx, make):
    kernel = make("compiled", ["a"], ["out"], f"{RANK} out[elem] = a[elem] * 2;")

    @mx.compile
    def f(x):
        return launch(kernel, 8, [x + 1], [(8,)], [mx.float32])[0] + 1

    assert np.array_equal(np.array(f(mx.zeros(8))), np.full(8, 3, np.float32))

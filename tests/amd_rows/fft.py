"""fft.hip and hadamard.hip."""

from tests.amd_row import Row, as_text

_FFT_OFF = "LOAD STORE TWIDDLE CHIRP_IN CHIRP_OUT CONVOLVE FILTER_OUT SWAP_MID ACROSS_IN ACROSS_OUT PAIRED"


def _fft(n: int, lines: int, passes: str, **defines) -> dict[str, str]:
    """Defines of a row of fft.hip: whole lines of n complex numbers unless `defines` say otherwise."""
    threads = min(512, max(64, -(-n * lines // 512) * 64))
    shape = {"N": n, "LINES": lines, "THREADS": threads, "LINES_EACH": 1, "SPLIT": 1}
    every = {**dict.fromkeys(_FFT_OFF.split(), 0), **shape, "OFFSET": "u32", "PASSES": passes, **defines}
    return as_text(every)


def _hadamard(dtype: str, **defines) -> dict[str, str]:
    every = {
        "TIN": dtype,
        "TOUT": dtype,
        "VEC": 4 if dtype == "float" else 8,
        "LOW": 1,
        "M": 1,
        "SIGNS": "{}",
    }
    return as_text({**every, **defines})


ROWS = (
    Row(
        "kernels/fft.hip",
        "fft",
        _fft(4096, 1, "Pass<8,1>,Pass<8,8>,Pass<8,64>,Pass<8,512>"),
        waves={"gfx": 4, "gfx9": 2, "gfx950": 8},  # 34 KiB of LDS
    ),
    Row(
        "kernels/fft.hip",
        "fft",
        _fft(512, 2, "Pass<8,1>,Pass<8,8>,Pass<8,64>", LOAD=3, STORE=4, PAIRED=1),
        waves={"gfx": 8, "gfx9": 4, "gfx950": 8},
    ),
    Row("kernels/fft.hip", "fft", _fft(2197, 1, "Pass<13,1>,Pass<13,13>,Pass<13,169>"), waves={"gfx": 4}),
    Row(
        "kernels/fft.hip",
        "fft",
        _fft(
            256,
            4,
            "Pass<4,1>,Pass<8,4>,Pass<8,32>",
            CONVOLVE=1,
            CHIRP_IN=1,
            CHIRP_OUT=1,
            SWAP_MID=1,
            LOAD=1,
            STORE=2,
        ),
        waves={"gfx": 8, "gfx9": 4},
    ),
    Row(
        "kernels/hadamard.hip",
        "hadamard",
        _hadamard("bf16", HIGH=4096, TILE=4096),
        needs=("16-byte load", "16-byte store"),
        waves={"gfx": 8, "gfx9": 3, "gfx950": 8},  # 18 KiB of LDS
    ),
    Row(
        "kernels/hadamard.hip",
        "hadamard",
        _hadamard("float", HIGH=64, TILE=1792, M=28),
        needs=("16-byte load", "16-byte store"),
        waves={"gfx": 8, "gfx9": 7},
    ),
)

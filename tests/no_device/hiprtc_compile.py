"""Compiles with the real hiprtc: jobs as JSON on standard input, results as JSON on standard output.

A job has source, headers (name -> text), options and out, the file for the code object. A result has the status
(0: success) and the compiler's log.
"""

import ctypes
import json
import sys
from ctypes import byref, c_char_p, c_size_t, c_void_p

rtc = ctypes.CDLL("libhiprtc.so.6")


def compile_job(job: dict) -> dict:
    program, size = c_void_p(), c_size_t()
    names = [name.encode() for name in job["headers"]]
    texts = [text.encode() for text in job["headers"].values()]
    options = [option.encode() for option in job["options"]]
    count = len(names)
    status = rtc.hiprtcCreateProgram(
        byref(program), job["source"].encode(), b"kernel.hip", count, _strings(texts), _strings(names)
    )
    if status == 0:
        status = rtc.hiprtcCompileProgram(program, len(options), _strings(options))
    rtc.hiprtcGetProgramLogSize(program, byref(size))
    log = ctypes.create_string_buffer(max(size.value, 1))
    rtc.hiprtcGetProgramLog(program, log)
    if status == 0:
        rtc.hiprtcGetCodeSize(program, byref(size))
        code = ctypes.create_string_buffer(size.value)
        rtc.hiprtcGetCode(program, code)
        with open(job["out"], "wb") as out:
            out.write(code.raw)
    rtc.hiprtcDestroyProgram(byref(program))
    return {"status": status, "log": log.value.decode(errors="replace")}


def _strings(values: list[bytes]):
    return (c_char_p * max(len(values), 1))(*values)


if __name__ == "__main__":
    print(json.dumps([compile_job(job) for job in json.load(sys.stdin)]))

# Read by CMake when it enters llama.cpp's own project (scripts/setup names this file).
# `common` is the code of llama.cpp's command-line programs: nearly half of the compile time, and
# the Python binding does not call it. The binding switches it on in the cache; this shadows that.
set(LLAMA_BUILD_COMMON OFF)

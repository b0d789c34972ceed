# Warnings, sanitizers and hardening, for every target of the project.
add_library(as_options INTERFACE)
target_compile_definitions(as_options INTERFACE _GNU_SOURCE AS_VERSION="${PROJECT_VERSION}")
target_include_directories(as_options INTERFACE ${PROJECT_SOURCE_DIR}/core ${PROJECT_SOURCE_DIR})
target_compile_options(as_options INTERFACE -Wall -Wextra -Werror -Wshadow -Wvla -Wformat=2
    -Wpointer-arith -Wundef -fno-common
    $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>   # sentences are cut on purpose, into buffers with a size
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition>)

if(AS_SANITIZE)
    target_compile_options(as_options INTERFACE -fsanitize=${AS_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    target_link_options(as_options INTERFACE -fsanitize=${AS_SANITIZE})
    target_compile_definitions(as_options INTERFACE AS_SANITIZED=1)
endif()

set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
    target_compile_options(as_options INTERFACE -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
        -fstack-clash-protection -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)   # the same bytes, wherever it is built
    set(CMAKE_C_FLAGS_RELEASE "")   # no -DNDEBUG: assertions stay on, they are for our own bugs
    set(CMAKE_CXX_FLAGS_RELEASE "")
    target_link_options(as_options INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
target_link_options(as_options INTERFACE -Wl,--as-needed)

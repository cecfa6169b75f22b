#pragma once
// Memory that the dynamic linker has written to.

namespace pillion::app {

/// True if a sanitizer's runtime is part of the program.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool is_sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool is_sanitized = true;
#else
inline constexpr bool is_sanitized = false;
#endif
#else
inline constexpr bool is_sanitized = false;
#endif

/// Discards the pages of .data.rel.ro, which the dynamic linker has filled with addresses: half a megabyte, most of it
/// tables of libcrypto. The pages then have the file's content, without the addresses. From then on this process may
/// only call its own functions and those of libc: no virtual function, no exception, no exit(3), no handler of
/// fork(3). The pages of libc and of the linker stay. With a sanitizer, which has such tables too, this does nothing.
void discard_relocated_data();

}  // namespace pillion::app

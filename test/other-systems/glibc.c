// What Debian's libstdc++ and libgcc_s want of glibc and musl 1.2.3 lacks, so that Bun's build for musl starts on Debian.
#define _GNU_SOURCE
#include <locale.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <time.h>

char __libc_single_threaded = 0;
struct {
  unsigned vendor, type, subtype, features[1];
} __cpu_model;

int __cpu_indicator_init(void) { return 0; }

uint32_t arc4random(void) {
  uint32_t value = 0;
  getrandom(&value, sizeof value, 0);
  return value;
}

unsigned long __getauxval(unsigned long type) { return getauxval(type); }

size_t __strftime_l(char* text, size_t size, const char* format, const struct tm* time, locale_t locale) {
  return strftime_l(text, size, format, time, locale);
}

// Destructors of threads are left out: nothing here ends a thread that has them.
int __cxa_thread_atexit_impl(void (*end)(void*), void* object, void* library) {
  (void)end, (void)object, (void)library;
  return 0;
}

// "Not found": the unwinder then looks through the loaded libraries itself.
int _dl_find_object(void* address, void* result) {
  (void)address, (void)result;
  return -1;
}

// steady_getaddrinfo FORMAT RATE SECONDS: looks up RATE names a second by getaddrinfo, each in a thread's own time, so
// that one that waits holds up no other. FORMAT has one %d, the number of the look-up. Prints for each, when it has
// ended: its number, the time of CLOCK_MONOTONIC at which it began, how long it took, both in seconds, and 0 or the error.
#include <sys/socket.h>

#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char* format;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void* look_up(void* number) {
  char name[256];
  snprintf(name, sizeof name, format, (int)(long)number);
  struct addrinfo hints;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  struct addrinfo* found = NULL;
  const double start = now();
  const int error = getaddrinfo(name, "80", &hints, &found);
  printf("%d %.6f %.6f %d\n", (int)(long)number, start, now() - start, error);
  if (found != NULL) freeaddrinfo(found);
  return NULL;
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  format = argv[1];
  const double rate = atof(argv[2]);
  const long count = (long)(rate * atof(argv[3]));
  pthread_t* threads = calloc((size_t)count, sizeof *threads);
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 256 * 1024);
  const double start = now();
  for (long i = 0; i < count; ++i) {
    const double due = start + (double)i / rate;
    const double pause = due - now();
    if (pause > 0) {
      const struct timespec rest = {.tv_sec = (time_t)pause, .tv_nsec = (long)((pause - (double)(time_t)pause) * 1e9)};
      nanosleep(&rest, NULL);
    }
    if (pthread_create(&threads[i], &small, look_up, (void*)i) != 0) return 1;
  }
  for (long i = 0; i < count; ++i) pthread_join(threads[i], NULL);
  free(threads);
  return 0;
}

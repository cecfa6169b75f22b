// getaddrinfo NAME [COUNT]: resolves as applications do, with the C library that it is compiled with. Prints each
// address once, or the error, and then the microseconds that a look-up took (of COUNT, the mean).
#include <arpa/inet.h>
#include <sys/socket.h>

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const int count = argc > 2 ? atoi(argv[2]) : 1;
  struct addrinfo hints;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  struct addrinfo* found = NULL;
  int error = 0;
  const double start = now_microseconds();
  for (int i = 0; i < count; ++i) {
    if (found != NULL) freeaddrinfo(found);
    found = NULL;
    error = getaddrinfo(argv[1], "80", &hints, &found);
  }
  const double end = now_microseconds();
  if (error == EAI_NONAME || error == EAI_NODATA) {
    puts("missing");
  } else if (error != 0) {
    printf("error: %s\n", gai_strerror(error));
  }
  for (const struct addrinfo* one = found; one != NULL; one = one->ai_next) {
    char text[INET6_ADDRSTRLEN];
    const void* address = one->ai_family == AF_INET
                              ? (const void*)&((const struct sockaddr_in*)one->ai_addr)->sin_addr
                              : (const void*)&((const struct sockaddr_in6*)one->ai_addr)->sin6_addr;
    puts(inet_ntop(one->ai_family, address, text, sizeof text));
  }
  if (found != NULL) freeaddrinfo(found);
  printf("%.0f\n", (end - start) / count);
  return 0;
}

// Resolves what stands on standard input, "KIND NAME" a line, by the C library that it is compiled with: `host` by getaddrinfo, of each
// family, `ptr` by getnameinfo. Prints a line for each: KIND, NAME and the words that came of it, parted by tabs.
#include <arpa/inet.h>
#include <sys/socket.h>

#include <netdb.h>
#include <stdio.h>
#include <string.h>

static const char* error_name(int error) {
  switch (error) {
    case EAI_NONAME: return "EAI_NONAME";
#ifdef EAI_NODATA
    case EAI_NODATA: return "EAI_NODATA";
#endif
    case EAI_AGAIN: return "EAI_AGAIN";
    case EAI_FAIL: return "EAI_FAIL";
    case EAI_SYSTEM: return "EAI_SYSTEM";
    default: return gai_strerror(error);
  }
}

static void print_addresses(const char* name, int family, const char* label) {
  struct addrinfo hints;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  struct addrinfo* found = NULL;
  const int error = getaddrinfo(name, NULL, &hints, &found);
  if (error != 0) {
    printf("\t%s:%s", label, error_name(error));
    return;
  }
  for (const struct addrinfo* one = found; one != NULL; one = one->ai_next) {
    char text[INET6_ADDRSTRLEN];
    const void* address = one->ai_family == AF_INET ? (const void*)&((const struct sockaddr_in*)one->ai_addr)->sin_addr
                                                    : (const void*)&((const struct sockaddr_in6*)one->ai_addr)->sin6_addr;
    printf("\t%s:%s", label, inet_ntop(one->ai_family, address, text, sizeof text));
  }
  freeaddrinfo(found);
}

static void print_name(const char* text) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  char name[NI_MAXHOST];
  inet_pton(AF_INET, text, &address.sin_addr);
  const int error = getnameinfo((const struct sockaddr*)&address, sizeof address, name, sizeof name, NULL, 0, NI_NAMEREQD);
  printf("\t%s", error == 0 ? name : error_name(error));
}

int main(void) {
  char kind[16];
  char name[1024];
  while (scanf("%15s %1023s", kind, name) == 2) {
    printf("%s\t%s", kind, name);
    if (strcmp(kind, "host") == 0) {
      print_addresses(name, AF_UNSPEC, "any");
      print_addresses(name, AF_INET, "v4");
      print_addresses(name, AF_INET6, "v6");
    } else {
      print_name(name);
    }
    putchar('\n');
  }
  return 0;
}

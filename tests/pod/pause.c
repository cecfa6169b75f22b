// An application that does nothing: it waits for SIGTERM, which a container's first process must ask for to get.
#include <signal.h>
#include <stddef.h>

int main(void) {
  sigset_t awaited;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGTERM);
  sigprocmask(SIG_BLOCK, &awaited, NULL);
  int received;
  return sigwait(&awaited, &received);
}

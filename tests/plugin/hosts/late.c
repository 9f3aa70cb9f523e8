/* Put before a plug-in's library of the system: whoever waits for a semaphore wakes LATE_MS later. */
#include <dlfcn.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

int sem_wait(sem_t *semaphore) {
  static int (*real)(sem_t *);
  if (!real) real = (int (*)(sem_t *))dlsym(RTLD_NEXT, "sem_wait");
  const int result = real(semaphore), late_ms = atoi(getenv("LATE_MS"));
  usleep((useconds_t)(1000 * late_ms));
  return result;
}

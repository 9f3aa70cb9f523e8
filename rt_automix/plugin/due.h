/* A call that something is due, from the audio thread to one that waits for it: a semaphore, as each system has it. */
#ifndef RTM_DUE_H
#define RTM_DUE_H
#ifdef __APPLE__
/* It has sem_init and does not do it. */
#include <mach/mach_init.h>
#include <mach/semaphore.h>
#include <mach/task.h>
typedef semaphore_t due;
static inline int due_new(due *d) { return semaphore_create(mach_task_self(), d, SYNC_POLICY_FIFO, 0); }
static inline void due_free(due *d) { semaphore_destroy(mach_task_self(), *d); }
static inline void due_call(due *d) { semaphore_signal(*d); }
static inline int due_wait(due *d) { return semaphore_wait(*d); }
#else
#include <semaphore.h>
typedef sem_t due;
static inline int due_new(due *d) { return sem_init(d, 0, 0); }
static inline void due_free(due *d) { sem_destroy(d); }
static inline void due_call(due *d) { sem_post(d); }
static inline int due_wait(due *d) { return sem_wait(d); }
#endif
#endif
